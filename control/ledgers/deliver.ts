import type { Saying } from '../../ledger/sayings.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { LedgerWitness } from '../ledger-contract.ts'
import type { LedgerAnchorRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Anchor } from './anchors.ts'
import { toRoot } from './to-root.ts'
import { toWitnessProblem } from './witness-problem.ts'

const atOnce = 50
const heldMs = 120_000
const firstRetryMs = 5000
const longestRetryMs = 3_600_000

/** Row of a root that is to be taken to an anchor. */
export function toWaiting(ledger: string, period: number, anchor: Anchor, nowIso: string): LedgerAnchorRow {
  return { ledger, period, anchor: anchor.name, state: 'waiting', attempts: 0, next_at: nowIso, done_at: null, token: null, problem: null }
}

/** Takes roots to the witnesses, and knows which of them take none. */
export interface Delivery {
  /** Takes to each witness what waits for it, unless it was away a moment ago. */
  deliver(): Promise<void>
  /** How each witness is doing. */
  witnesses(): Promise<readonly LedgerWitness[]>
  /** Witnesses that took no root the last time. */
  readonly away: number
  close(): void
}

/** What is kept in the store of a witness that takes no roots: it is said once, whatever is started anew meanwhile. */
interface Away {
  readonly since: string
  readonly tries: number
  readonly nextAt: string
  readonly problem: string
  readonly saying: Saying
}

const keyOf = (anchor: Anchor) => `ledger.witness:${anchor.name}`

export function createDelivery({ store, anchors, clock, log }: { readonly store: Pick<Store, 'ledgers' | 'meta'>; readonly anchors: readonly Anchor[]; readonly clock: Clock; readonly log: Log }): Delivery {
  const iso = (ms: number) => new Date(ms).toISOString()
  const awayNames = new Set<string>()
  let closed = false

  async function awayOf(anchor: Anchor): Promise<Away | undefined> {
    const away = parseAway(await store.meta.get(keyOf(anchor)))
    if (away) awayNames.add(anchor.name)
    else awayNames.delete(anchor.name)
    return away
  }

  async function waitingFor(anchor: Anchor): Promise<number> {
    return (await store.ledgers.anchorWaiting()).get(anchor.name) ?? 0
  }

  async function deliverTo(anchor: Anchor): Promise<void> {
    let away = await awayOf(anchor)
    if (away && isAhead(away.nextAt)) return
    let moved = true
    while (moved) {
      moved = false
      // Those first that were tried least: a single root that a witness refuses is no reason to ask no more of it.
      for (const row of await store.ledgers.anchorDue({ now: iso(clock.now()), never: iso(clock.now() + longestRetryMs + heldMs) }, anchor.name, atOnce)) {
        if (closed) return
        const period = await store.ledgers.period(row.ledger, row.period)
        if (!period || !(await store.ledgers.claimAnchor(row, iso(clock.now() + heldMs)))) continue
        try {
          const { at, token } = await anchor.put(toRoot(period))
          await store.ledgers.changeAnchor(row, { state: 'done', attempts: row.attempts + 1, done_at: at ?? iso(clock.now()), token: token ?? null, problem: null })
        } catch (thrown) {
          const { message: problem, saying } = toWitnessProblem(thrown)
          const refusesThis = !away && row.problem !== null // it takes others
          const attempts = row.attempts + 1
          await store.ledgers.changeAnchor(row, { attempts, problem, next_at: refusesThis ? after(attempts) : iso(clock.now()) })
          if (refusesThis) continue
          await noteAway(anchor, away, problem, saying)
          return // others would fare no better now
        }
        moved = true
        if (away) await noteBack(anchor, away)
        away = undefined
      }
    }
  }

  async function noteAway(anchor: Anchor, before: Away | undefined, problem: string, saying: Saying): Promise<void> {
    const tries = (before?.tries ?? 0) + 1
    const away: Away = { since: before?.since ?? iso(clock.now()), tries, nextAt: after(tries), problem, saying }
    await store.meta.set(keyOf(anchor), JSON.stringify(away))
    awayNames.add(anchor.name)
    if (!before) log.warn({ anchor: anchor.name, waiting: await waitingFor(anchor), reason: problem }, 'a witness of ledgers takes no roots; it is asked again, ever more rarely, and this is said once')
  }

  async function noteBack(anchor: Anchor, { since, tries }: Away): Promise<void> {
    await store.meta.remove(keyOf(anchor))
    awayNames.delete(anchor.name)
    log.info({ anchor: anchor.name, since, tries, waiting: await waitingFor(anchor) }, 'a witness of ledgers takes roots again')
  }

  const after = (tries: number) => iso(clock.now() + Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(tries - 1, 12)))

  /** A time further ahead than any wait is one of a clock that was set back since: nobody waits for it. */
  function isAhead(at: string): boolean {
    const ms = Date.parse(at) - clock.now()
    return ms > 0 && ms <= longestRetryMs
  }

  return {
    async deliver() {
      // One witness that hangs, or has much waiting for it, keeps no other waiting.
      await Promise.all(anchors.map(deliverTo))
    },
    async witnesses() {
      const waiting = await store.ledgers.anchorWaiting()
      return await Promise.all(anchors.map(async (anchor) => {
        const away = await awayOf(anchor)
        return {
          anchor: anchor.name,
          kind: anchor.kind,
          waiting: waiting.get(anchor.name) ?? 0,
          ...(away ? { away: { since: away.since, tries: away.tries, nextTryAt: away.nextAt, problem: away.problem, why: away.saying } } : {}),
        }
      }))
    },
    get away() {
      return awayNames.size
    },
    close() {
      closed = true
    },
  }
}

function parseAway(text: string | undefined): Away | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Away)
  } catch {
    return undefined
  }
}
