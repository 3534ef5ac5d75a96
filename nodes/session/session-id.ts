import { createHash, randomBytes } from 'node:crypto'
import type { Message } from '../../runtime/core/message.ts'
import { getProperty, parseMessagePath, setProperty } from '../../runtime/core/values/property.ts'
import type { Run } from '../../runtime/core/run.ts'
import { fault } from '../../runtime/core/fault.ts'

/** 256 random bits. Whoever has it has the session: it is given to the caller and kept nowhere. */
export function createSessionId(): string {
  return randomBytes(32).toString('base64url')
}

/** What a session is called everywhere but at its caller: the hash of its id. */
export function toHandle(id: string): string {
  return createHash('sha256').update(id).digest('base64url')
}

const shape = /^[\w-]{43}$/

/** How a session's id travels between us and its caller. */
export interface Carrier {
  /** The id that came, if it has the shape of one. */
  read(message: Message, run: Run): string | undefined
  /** The message that takes an id to the caller with the answer. */
  give(message: Message, run: Run, id: string, lifeMs: number): Message
  /** The message whose answer makes the caller forget the id. */
  take(message: Message): Message
}

export interface CarrierOptions {
  readonly carrier: 'header' | 'cookie' | 'field'
  /** Empty: the carrier's own default. */
  readonly carrierName: string
  readonly sameSite: 'strict' | 'lax' | 'none'
}

/** Name of header, cookie or field when the flow names none. `__Host-` binds a cookie to its host (RFC 6265bis §4.1.3). */
export const carrierNames = { header: 'Session-Id', cookie: '__Host-session', field: 'payload.session' } as const

export function createCarrier({ carrier, carrierName, sameSite }: CarrierOptions): Carrier {
  const name = carrierName.trim() || carrierNames[carrier]
  const ofShape = (value: unknown) => (typeof value === 'string' && shape.test(value) ? value : undefined)
  if (carrier === 'header') {
    return {
      read: (_message, run) => ofShape(run.request?.headers[name.toLowerCase()]),
      give(message, run, id) {
        run.addReplyHeader?.(name, id)
        return message
      },
      take: (message) => message,
    }
  }
  if (carrier === 'cookie') {
    const cookie = { httpOnly: true, secure: true, sameSite, path: '/' }
    const withCookie = (message: Message, value: object): Message => ({ ...message, cookies: { ...(message.cookies as object | undefined), [name]: value } })
    return {
      read: (_message, run) => ofShape(run.request?.cookies[name]),
      give: (message, _run, id, lifeMs) => withCookie(message, { ...cookie, value: id, maxAge: lifeMs }),
      take: (message) => withCookie(message, { ...cookie, value: null }),
    }
  }
  const path = parseMessagePath(name)
  return {
    read: (message) => ofShape(getProperty(message, path)),
    give(message, _run, id) {
      const given = setProperty(message, path, id)
      if (given === undefined) throw fault('step.config', { message: `The session's id cannot be set at msg.${name}.` })
      return given
    },
    take: (message) => message,
  }
}
