import { randomUUID } from 'node:crypto'
import type { Scope } from '../../runtime/core/node.ts'
import { createDueList } from './due-list.ts'
import { type EndReason, expiryOf, ownerOf, parseSession, type SessionRecord } from './record.ts'
import { clientGroup, lifeOf, sessionKey } from './sessions.ts'

const tickMs = 2_000
/** A janitor that says nothing for so long has died: another takes its place. */
const officeMs = 15_000
const claimGraceMs = 15_000
const atOnce = 8

export interface JanitorOptions {
  /** Name of the sessions. */
  readonly name: string
  readonly closer: string
  /** Longest time that one call takes. */
  readonly timeoutMs: number
  readonly tries: number
  /** Closes a session at the target. @returns whether it is closed there now */
  close(handle: string, record: SessionRecord & { readonly reason: EndReason }): Promise<boolean>
}

export interface Janitor {
  /** Waits for the calls under way and gives the office back. */
  stop(): Promise<void>
}

/**
 * Closes sessions at the target that were abandoned, evicted or ended. Of the janitors of all gateways one looks
 * through what is due; each session is claimed before it is closed, so that it is closed once although the office
 * changes hands. Only a gateway that dies between a call and its note makes the next one call again.
 */
export function openJanitor(scope: Pick<Scope, 'state' | 'clock' | 'log'>, { name, closer, timeoutMs, tries, close }: JanitorOptions): Janitor {
  const { state, clock, log } = scope
  const { records } = state
  const due = createDueList(state, closer)
  const office = `session-janitor/${closer}`
  const by = randomUUID()
  let stopped = false
  let underWay: Promise<void> = Promise.resolve()
  let cancel = () => {}
  next()

  function next(): void {
    if (stopped) return
    cancel = clock.setTimer(() => {
      underWay = tick()
        .catch((error: unknown) => log.warn({ cause: String(error) }, 'sessions that are over could not be looked through; the next round tries again'))
        .then(next)
    }, tickMs)
  }

  async function holdsOffice(): Promise<boolean> {
    const holder = await records.setIfAbsent(office, by, officeMs)
    return holder === undefined || (holder === by && (await records.replace(office, by, by, officeMs)))
  }

  async function tick(): Promise<void> {
    if (!(await holdsOffice())) return
    let last: number | undefined
    for (const bucket of await due.due()) {
      const members = [...(await due.members(bucket))]
      while (members.length > 0) {
        if (stopped || !(await holdsOffice())) return
        await Promise.all(members.splice(0, atOnce).map(async (handle) => {
          await lookAt(handle)
          await due.remove(bucket, handle)
        }))
      }
      last = bucket
    }
    if (last !== undefined) await due.done(last)
  }

  async function lookAt(handle: string): Promise<void> {
    const key = sessionKey(name, handle)
    for (;;) {
      const text = await records.get(key)
      const record = text === undefined ? undefined : parseSession(text)
      if (text === undefined || !record || record.state === 'closed') return
      const nowMs = state.now()
      const laterMs = notBefore(record)
      if (laterMs > nowMs) return due.add(handle, laterMs)
      const claimed = { ...record, state: 'closing' as const, reason: record.reason ?? ('abandoned' as const), tries: (record.tries ?? 0) + 1, claim: { by, untilMs: nowMs + timeoutMs + claimGraceMs } }
      // Before the claim: should this gateway die while it holds it, another comes by.
      await due.add(handle, claimed.claim.untilMs)
      const claimedText = JSON.stringify(claimed)
      if (!(await records.replace(key, text, claimedText, lifeOf(claimed, nowMs)))) continue
      const owner = ownerOf(record)
      if (owner !== undefined && record.cap > 0) await records.leave(clientGroup(name, owner), handle)
      return settle(handle, claimed, claimedText, await close(handle, claimed))
    }
  }

  async function settle(handle: string, record: SessionRecord, text: string, isClosed: boolean): Promise<void> {
    const { claim: _claim, ...rest } = record
    const tried = record.tries ?? 1
    const nowMs = state.now()
    const givesUp = !isClosed && tried >= tries
    if (givesUp) log.error({ session: handle, tries: tried }, 'a session could not be closed at the target; nobody will try again')
    const after: SessionRecord = isClosed || givesUp ? { ...rest, state: 'closed' } : { ...rest, state: 'ended', retryAtMs: nowMs + 2_000 * 2 ** tried }
    if (!(await records.replace(sessionKey(name, handle), text, JSON.stringify(after), lifeOf(after, nowMs)))) return
    if (after.retryAtMs !== undefined && after.state === 'ended') await due.add(handle, after.retryAtMs)
  }

  return {
    async stop() {
      stopped = true
      cancel()
      await underWay
      await records.replace(office, by, by, 1).catch(() => {}) // it ends by itself as well
    },
  }
}

/** When a session may be closed; in the past when it may be now. */
function notBefore(record: SessionRecord): number {
  if (record.state === 'open') return expiryOf(record)
  if (record.state === 'closing') return record.claim?.untilMs ?? 0
  return record.retryAtMs ?? 0
}
