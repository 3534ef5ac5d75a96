import { createHash } from 'node:crypto'
import { fault } from '../../runtime/core/fault.ts'
import type { State } from '../../runtime/core/state/state.ts'
import { closingMs, createDueList } from './due-list.ts'
import { type EndReason, expiryOf, ownerOf, parseSession, type SessionRecord } from './record.ts'
import { createSessionId, toHandle } from './session-id.ts'

/** How long a session that is over can still be told from one that never was. */
const rememberMs = 600_000
/** Writers that come between before we give up. */
const mostRaces = 16

export interface NewSession {
  readonly client?: string | undefined
  /** Who may use it, when the client's name alone does not say it. */
  readonly owner?: string | undefined
  readonly data?: unknown
  readonly idleMs: number
  readonly absoluteMs: number
  /** Sessions that a client may have at once; 0: any number. */
  readonly cap: number
  readonly whenFull: 'refuse' | 'evict'
  readonly closer?: string | undefined
}

export interface Live {
  readonly handle: string
  readonly record: SessionRecord
}

/** The sessions of one name, wherever they were begun: every gateway on the same state sees the same. */
export interface Sessions {
  /** @throws Fault `session.limit`, `state.unavailable` */
  create(wanted: NewSession): Promise<Live & { readonly id: string }>
  /** @throws Fault `session.none`, `session.expired`, `state.unavailable` */
  check(id: string | undefined, client: string | undefined): Promise<Live>
  /** As {@link check}, and the idle time begins anew; `change` gives the data to keep. */
  touch(id: string | undefined, client: string | undefined, change?: { readonly data: unknown }): Promise<Live>
  /** Ends a session. @returns what it was; `undefined` when there was none */
  end(id: string | undefined, client: string | undefined): Promise<Live | undefined>
}

/** Name of a session among the records of the shared state. */
export const sessionKey = (name: string, handle: string) => `session/${name}/${handle}`
export const clientGroup = (name: string, client: string) => `session-of/${name}/${createHash('sha256').update(client).digest('base64url')}`

/** How long a record stays in the store. */
export function lifeOf(record: SessionRecord, nowMs: number): number {
  return Math.max(0, expiryOf(record) - nowMs) + (record.closer !== undefined && record.state !== 'closed' ? closingMs : rememberMs)
}

/** `name`: where they are kept; `realm`: as callers are told of them. */
export function createSessions(state: State, name: string, realm = name): Sessions {
  const { records } = state

  async function load(handle: string): Promise<{ readonly text: string; readonly record: SessionRecord } | undefined> {
    const text = await records.get(sessionKey(name, handle))
    const record = text === undefined ? undefined : parseSession(text)
    return record && { text: text as string, record }
  }

  const isLive = (record: SessionRecord) => record.state === 'open' && expiryOf(record) > state.now()

  async function find(id: string | undefined, client: string | undefined): Promise<Live & { readonly text: string }> {
    const none = () => fault('session.none', {}, undefined, challenge(realm))
    if (id === undefined) throw none()
    const handle = toHandle(id)
    const found = await load(handle)
    if (!found) throw none()
    const { record } = found
    // A session that somebody else's credentials come with has been stolen or mixed up.
    const owner = ownerOf(record)
    if (owner !== undefined && client !== undefined && owner !== client) throw none()
    if (isLive(record)) return { handle, ...found }
    throw record.state === 'open' || record.reason === 'abandoned' ? fault('session.expired', {}, undefined, challenge(realm)) : none()
  }

  /** Takes a place among the client's sessions; those that make room are ended. */
  async function takePlace(handle: string, client: string, { cap, whenFull, idleMs, absoluteMs }: NewSession): Promise<void> {
    const group = clientGroup(name, client)
    const options = { cap, whenFull, ttlMs: Math.min(idleMs, absoluteMs) }
    let place = await records.join(group, handle, options)
    if (!place.joined) {
      for (const other of await records.members(group)) {
        const found = await load(other)
        if (!found || !isLive(found.record)) await records.leave(group, other)
      }
      place = await records.join(group, handle, options)
    }
    if (!place.joined) throw fault('session.limit', { limit: cap })
    for (const evicted of place.evicted) await finish(evicted, 'evicted')
  }

  async function finish(handle: string, reason: EndReason): Promise<SessionRecord | undefined> {
    for (let race = 0; race < mostRaces; race += 1) {
      const found = await load(handle)
      if (!found || !isLive(found.record)) return undefined
      const { text, record } = found
      const over: SessionRecord = { ...record, state: record.closer === undefined ? 'closed' : 'ended', reason }
      if (!(await records.replace(sessionKey(name, handle), text, JSON.stringify(over), lifeOf(over, state.now())))) continue
      const owner = ownerOf(record)
      if (owner !== undefined && record.cap > 0) await records.leave(clientGroup(name, owner), handle)
      // When this is lost with the gateway, the session is still looked at when it would have expired.
      if (record.closer !== undefined) await createDueList(state, record.closer).add(handle, state.now())
      return record
    }
    throw fault('state.unavailable', { reason: 'the session is changed by others all the time' })
  }

  return {
    async create(wanted) {
      const id = createSessionId()
      const handle = toHandle(id)
      const { client, owner, data, idleMs, absoluteMs, cap, closer } = wanted
      const nowMs = state.now()
      const record: SessionRecord = {
        v: 1, state: 'open', ...(client === undefined ? {} : { client }), ...(owner === undefined || owner === client ? {} : { owner }), createdAtMs: nowMs, seenAtMs: nowMs, endsAtMs: nowMs + absoluteMs, idleMs, cap,
        ...(data === undefined ? {} : { data }), ...(closer === undefined ? {} : { closer }),
      }
      if (closer !== undefined) await createDueList(state, closer).add(handle, expiryOf(record))
      // Before it takes a place: whoever takes the place over at once must find what to end.
      await records.set(sessionKey(name, handle), JSON.stringify(record), lifeOf(record, nowMs))
      if (cap === 0 || client === undefined) return { id, handle, record }
      try {
        await takePlace(handle, owner ?? client, wanted)
      } catch (error) {
        await records.delete(sessionKey(name, handle)).catch(() => {}) // nobody has its id: it ends by itself
        throw error
      }
      return { id, handle, record }
    },
    check: find,
    async touch(id, client, change) {
      for (let race = 0; race < mostRaces; race += 1) {
        const { handle, record, text } = await find(id, client)
        const nowMs = state.now()
        // Requests at the same time: the other has said already that the caller is there.
        if (!change && race > 0 && record.seenAtMs >= nowMs) return { handle, record }
        const { data: _old, ...rest } = record
        const data = change ? change.data : record.data
        const touched: SessionRecord = { ...rest, seenAtMs: Math.max(nowMs, record.seenAtMs), ...(data === undefined ? {} : { data }) }
        const leftMs = Math.max(1, expiryOf(touched) - nowMs)
        if (!(await records.replace(sessionKey(name, handle), text, JSON.stringify(touched), lifeOf(touched, nowMs)))) continue
        const owner = ownerOf(record)
        if (owner !== undefined && record.cap > 0) await records.join(clientGroup(name, owner), handle, { cap: record.cap, whenFull: 'refuse', ttlMs: leftMs })
        return { handle, record: touched }
      }
      throw fault('state.unavailable', { reason: 'the session is changed by others all the time' })
    },
    async end(id, client) {
      try {
        const { handle } = await find(id, client)
        const record = await finish(handle, 'ended')
        return record && { handle, record }
      } catch (error) {
        const code = (error as { code?: unknown }).code
        if (code === 'session.none' || code === 'session.expired') return undefined
        throw error
      }
    },
  }
}

/** RFC 9110 §11.6.1: a 401 says what is asked for. */
function challenge(name: string): Readonly<Record<string, string>> {
  return { 'WWW-Authenticate': `Session realm="${name}"` }
}
