import { Body, resolve } from '../core/http/body.ts'
import { fault, Fault } from '../core/fault.ts'
import { response, type Message } from '../core/message.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'
import { isJson, pack, unpack } from './guest/codec.js'
import type { Narrow } from './analyse.ts'

/*
 * The text forms in which a message crosses.
 *
 * In: kind, a digit of flags (1: `req` is inside, 2: a `res` mark belongs in), then
 *   P body            payload is an unparsed JSON text, nothing else is needed
 *   J json            an object of fields
 *   R length : json body   fields, and the payload as an unparsed JSON text (never glued into the JSON,
 *                     where a crafted text could add fields)
 *   T packed          values that JSON cannot carry
 *   Z                 no field is needed
 * Out: N nothing · S message (port 0) · G length : {m: [[port, length]], e: events} messages… · E error, and a message as
 *   k unchanged · p payload · f length : {set, gone} payload · u packed {set, gone}   (the message that went in)
 *   o flags length : fields payload · t flags packed                                  (another message)
 */

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
const bytes = (text: string): Buffer => Buffer.from(text, 'base64')

/** A value as text for a guest: `J` JSON, `T` packed, `U` undefined. */
export function encodeValue(value: unknown): string {
  if (value === undefined) return 'U'
  if (isJson(value)) return 'J' + JSON.stringify(value)
  return 'T' + packForGuest(value)
}

export function decodeValue(text: string): unknown {
  if (text === 'U') return undefined
  return text[0] === 'J' ? JSON.parse(text.slice(1)) : unpack(text.slice(1), bytes)
}

function packForGuest(value: unknown): string {
  try {
    return pack(value, base64, (v) => (v instanceof Body ? v.value() : v === response ? '[response]' : undefined))
  } catch (error) {
    throw error instanceof TypeError ? fault('step.config', { message: `The message cannot enter a script: ${error.message}.` }, error) : error
  }
}

/** What a script may know of the request: the facts as plain data. */
function plainRequest(facts: RequestFacts): Record<string, unknown> {
  const { toJSON } = facts as { toJSON?: () => Record<string, unknown> }
  if (typeof toJSON === 'function') return toJSON.call(facts)
  const { method, url, originalUrl, path, route, query, params, headers, cookies, hostname, protocol, secure, ip, files, clientCertificate } = facts
  const plain = { method, url, originalUrl, path, route, query, params, headers, cookies, hostname, protocol, secure, ip, files, clientCertificate }
  for (const key of Object.keys(plain) as (keyof typeof plain)[]) if (plain[key] === undefined) delete plain[key]
  return plain
}

/** A message as text for a guest, with only the fields its code can see. */
export function encodeMessage(message: Message, narrow: Narrow | undefined): string {
  const seen = narrow ? narrow.seen : Object.keys(message)
  const payload = message.payload
  const raw = payload instanceof Body ? payload.jsonText() : undefined
  if (narrow && seen.length === 1 && seen[0] === 'payload') {
    if (raw !== undefined) return 'P0' + raw
    const value = resolve(payload)
    if (value === undefined) return 'payload' in message ? 'P0' : 'Z0'
    return isJson(value) ? 'P0' + JSON.stringify(value) : 'T0' + packForGuest({ payload: value })
  }
  if (seen.length === 0) return 'Z0'
  if (narrow && raw === undefined) {
    const text = encodeFields(message, narrow)
    if (text !== undefined) return text
  }
  let flags = 0
  let json = true
  let rawPayload: string | undefined
  const fields: Record<string, unknown> = {}
  for (const name of seen) {
    const value = message[name]
    if (value === undefined && !(name in message)) continue
    if (name === 'payload' && raw !== undefined) rawPayload = raw
    else if (name === 'req' && message['req'] !== undefined && typeof value === 'object' && value !== null) {
      flags |= 1
      const plain = plainRequest(value as RequestFacts)
      json &&= plain['files'] === undefined
      fields['req'] = plain
    } else if (name === 'res' && value === response) flags |= 2
    else {
      const plain = resolve(value)
      json &&= isJson(plain)
      if (name === '__proto__') continue
      fields[name] = plain
    }
  }
  if (!json) {
    if (rawPayload !== undefined) fields['payload'] = parseOrFault(payload as Body)
    return `T${flags}` + packForGuest(fields)
  }
  const text = JSON.stringify(fields)
  return rawPayload === undefined ? `J${flags}${text}` : `R${flags}${text.length}:${text}${rawPayload}`
}

/**
 * The commonest case, written straight to text: a few named fields, all JSON, none of them the request. Building
 * an object first only to write it out costs as much again.
 */
function encodeFields(message: Message, { seen, labels }: Narrow): string | undefined {
  let text = ''
  for (let i = 0; i < seen.length; i++) {
    const name = seen[i] as string
    const value = message[name]
    if (value === undefined && !(name in message)) continue
    if (name === 'req' || name === 'res' || name === '__proto__') return undefined
    const plain = typeof value === 'string' ? value : resolve(value)
    if (!isJson(plain)) return undefined
    text += (text === '' ? 'J0{' : ',') + (labels[i] as string) + toJsonText(plain)
  }
  return text === '' ? 'J0{}' : `${text}}`
}

/** JSON of a value that is known to be JSON. Short plain text and numbers are most of what crosses; they need no serialiser. */
function toJsonText(value: unknown): string {
  if (typeof value === 'string') return value.length <= shortText && plainText.test(value) ? `"${value}"` : JSON.stringify(value)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

const shortText = 64
const plainText = /^[ !#-[\]-~]*$/

function parseOrFault(body: Body): unknown {
  try {
    return body.value()
  } catch (error) {
    throw error instanceof Fault ? error : malformed(error instanceof Error ? error.message : String(error))
  }
}

const malformed = (reason: string): Fault => fault('body.malformed', { type: 'JSON', reason })

/** JSON text of a payload; objects and lists stay text until someone needs them parsed. */
function payloadOfText(text: string): unknown {
  const first = text.charCodeAt(0)
  return first === 123 || first === 91 ? Body.ofJsonText(text) : JSON.parse(text)
}

/** A message that a guest wrote, with what it was not shown put back. */
export function decodeMessage(text: string, input: Message | undefined): Message {
  switch (text[0]) {
    case 'k':
      return input ?? {}
    case 'p':
      return { ...input, payload: payloadOfText(text.slice(1)) }
    case 'f': {
      const colon = text.indexOf(':')
      const end = colon + 1 + Number(text.slice(1, colon))
      const message = changed(input, JSON.parse(text.slice(colon + 1, end)))
      if (end < text.length) message['payload'] = payloadOfText(text.slice(end))
      return message
    }
    case 'u':
      return changed(input, unpack(text.slice(1), bytes) as Change)
    case 'o': {
      const colon = text.indexOf(':')
      const end = colon + 1 + Number(text.slice(2, colon))
      const message = JSON.parse(text.slice(colon + 1, end)) as Record<string, unknown>
      if (end < text.length) message['payload'] = payloadOfText(text.slice(end))
      return attach(message, Number(text[1]), input)
    }
    case 't':
      return attach(unpack(text.slice(2), bytes) as Record<string, unknown>, Number(text[1]), input)
    default:
      throw fault('script.output', { reason: 'it is not a message' })
  }
}

interface Change {
  readonly set: Record<string, unknown>
  readonly gone: readonly string[]
}

function changed(input: Message | undefined, change: Change): Record<string, unknown> {
  const message: Record<string, unknown> = { ...input, ...change.set }
  for (const name of change.gone) delete message[name]
  return message
}

function attach(message: Record<string, unknown>, flags: number, input: Message | undefined): Message {
  if (flags & 1) message['req'] = input?.['req']
  if (flags & 2) message['res'] = response
  const id = input?.['_msgid']
  if (id !== undefined) message['_msgid'] = id
  return message
}

/** An error as the guest describes it. */
export interface GuestError {
  readonly message?: string
  readonly name?: string
  readonly line?: number
  readonly column?: number
  readonly part?: string
  readonly stack?: string
  readonly code?: string | number
  readonly malformed?: string
}

export type GuestEvent =
  | readonly ['log', 'debug' | 'info' | 'warn' | 'error', string]
  | readonly ['status', { fill?: never; shape?: never; text?: string }]
  | readonly ['error', GuestError, number]
  | readonly ['throw', GuestError]

/** What one call gave: messages with their ports, and what it said meanwhile. */
export interface Outcome {
  readonly sends: readonly (readonly [port: number, message: Message])[]
  readonly events: readonly GuestEvent[]
}

const nothing: Outcome = { sends: [], events: [] }

/** @throws Fault `script.error`, `body.malformed`, or `script.output` for a result that makes no sense */
export function decodeOutcome(text: string, input: Message | undefined): Outcome {
  try {
    switch (text[0]) {
      case 'N':
        return nothing
      case 'S':
        return { sends: [[0, decodeMessage(text.slice(1), input)]], events: [] }
      case 'E':
        throw toScriptFault(JSON.parse(text.slice(1)) as GuestError)
      case 'G': {
        const colon = text.indexOf(':')
        let at = colon + 1 + Number(text.slice(1, colon))
        const head = JSON.parse(text.slice(colon + 1, at)) as { m: [number, number][]; e: GuestEvent[] }
        const sends = head.m.map(([port, length]) => [port, decodeMessage(text.slice(at, (at += length)), input)] as const)
        return { sends, events: head.e }
      }
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw fault('script.output', { reason: 'its text is malformed' }, error)
    throw error
  }
  throw fault('script.output', { reason: 'its text is malformed' })
}

export function toScriptFault(error: GuestError): Fault {
  if (error.malformed !== undefined) return malformed(error.malformed)
  const message = error.message ?? 'The script failed.'
  const outputMistake = /^an? (function|symbol) at /.test(message) && error.line === undefined
  if (outputMistake) return fault('script.output', { reason: message })
  const facts: Record<string, unknown> = { message: error.name && error.name !== 'Error' ? `${error.name}: ${message}` : message }
  if (error.line !== undefined) Object.assign(facts, { line: error.line, column: error.column })
  if (error.part && error.part !== 'function') facts['part'] = error.part
  if (error.code !== undefined) facts['code'] = error.code
  const cause = error.stack === undefined ? undefined : Object.assign(new Error(message), { stack: error.stack })
  return fault('script.error', facts, cause)
}
