import type { Message } from '../../runtime/core/message.ts'
import { getProperty, parseMessagePath, PathError, type PropertyPath } from '../../runtime/core/values/property.ts'
import { areUntouchedUpstreamHeaders, withoutUpstreamMark } from '../../runtime/core/http/upstream-headers.ts'

/** A row of the form's header list: names and values are written out, picked from a list, or read from the message. */
export interface HeaderRow {
  readonly keyType: string
  readonly keyValue: string
  readonly valueType: string
  readonly valueValue: string
}

type Reader = (message: Message) => unknown

/** Headers by lower-case name, each with the name and value to send. */
export type RequestHeaders = Map<string, { name: string; value: string | string[] }>

/** Compiles the form's rows. */
export function compileHeaders(rows: readonly HeaderRow[]): (message: Message) => RequestHeaders {
  const compiled = rows.map((row) => ({ name: reader(row.keyType, row.keyValue), value: reader(row.valueType, row.valueValue) }))
  return (message) => {
    const headers = ofMessage(message.headers)
    for (const row of compiled) {
      const name = row.name(message)
      if (typeof name === 'string' && name !== '') set(headers, name, row.value(message))
    }
    return headers
  }
}

/** What {@link compileHeaders} would fail at, as sentences. */
export function checkHeaders(rows: readonly HeaderRow[]): string[] {
  const messages: string[] = []
  for (const { keyType, keyValue, valueType, valueValue } of rows) {
    for (const [type, value] of [[keyType, keyValue], [valueType, valueValue]] as const) {
      if (type !== 'msg') continue
      try {
        parseMessagePath(value)
      } catch (error) {
        if (!(error instanceof PathError)) throw error
        messages.push(error.message)
      }
    }
  }
  return messages
}

function reader(type: string, value: string): Reader {
  if (type === 'other') return () => value
  if (type !== 'msg') return () => type // one that was picked from the list is its own type
  const path: PropertyPath = parseMessagePath(value)
  return (message) => getProperty(message, path)
}

/** Headers of the message; those that an earlier answer left there are not sent on. */
function ofMessage(given: unknown): RequestHeaders {
  const headers: RequestHeaders = new Map()
  if (typeof given !== 'object' || given === null || areUntouchedUpstreamHeaders(given)) return headers
  for (const [name, value] of Object.entries(withoutUpstreamMark(given as Record<string, unknown>))) set(headers, name, value)
  return headers
}

/** As in Node-RED, a blank value takes the header away. */
function set(headers: RequestHeaders, name: string, value: unknown): void {
  const lower = name.toLowerCase()
  if (value === undefined || value === null || value === '' || value === false) headers.delete(lower)
  else headers.set(lower, { name, value: Array.isArray(value) ? value.map(String) : String(value as string) })
}
