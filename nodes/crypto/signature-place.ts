import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import { getProperty, parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import type { Run } from '../../runtime/core/run.ts'

export type SignatureCoding = 'base64url' | 'base64' | 'hex'

/** Where a signature is found, and put. */
export interface SignaturePlace {
  /** As it is written there; `undefined` when there is none, or more than one. */
  find(message: Message, run: Run): string | undefined
  put(message: Message, signature: string): Message
}

export function createPlace(where: 'header' | 'request' | 'message' | 'field', header: string, field: string): SignaturePlace {
  if (where === 'field') {
    const path = parseMessagePath(field)
    return {
      find: (message) => toText(getProperty(message, path)),
      put(message, signature) {
        const next = setProperty(message, path, signature)
        if (!next) throw fault('step.config', { message: `The crypto node cannot put a signature at msg.${field.replace(/^msg\./, '')}.` })
        return next
      },
    }
  }
  const name = header.toLowerCase()
  return {
    find(message, run) {
      const headers = where === 'request' ? (run.request ?? (message.req as RequestFacts | undefined))?.headers : message.headers
      return toText(valuesOf(headers, name))
    },
    put(message, signature) {
      const others = Object.entries((message.headers ?? {}) as Readonly<Record<string, unknown>>).filter(([other]) => other.toLowerCase() !== name)
      return { ...message, headers: { ...Object.fromEntries(others), [header]: signature } }
    },
  }
}

/** Bytes of a signature as the vault writes them, written in another way. */
export function toCoding(signature: string, coding: SignatureCoding): string {
  return coding === 'base64url' ? signature : Buffer.from(signature, 'base64url').toString(coding)
}

/** The other way round; `undefined` when it is not written so. */
export function fromCoding(text: string, coding: SignatureCoding): string | undefined {
  if (coding === 'base64url') return text
  const bytes = Buffer.from(text, coding)
  const isWhole = coding === 'hex' ? bytes.length * 2 === text.length : bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
  return isWhole ? bytes.toString('base64url') : undefined
}

function valuesOf(headers: unknown, name: string): unknown {
  if (typeof headers !== 'object' || headers === null) return undefined
  const found = Object.entries(headers).filter(([other]) => other.toLowerCase() === name).map(([, value]) => value as unknown)
  return found.length === 1 ? found[0] : undefined
}

function toText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.trim() : undefined
}
