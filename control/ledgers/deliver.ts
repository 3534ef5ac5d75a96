import type { Log } from '../../runtime/core/log.ts'
import type { Clock } from '../../runtime/core/clock.ts'
import type { LedgerAnchorRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Anchor } from './anchors.ts'
import { toRoot } from './to-root.ts'

const atOnce = 50
const heldMs = 120_000
const firstRetryMs = 5000
const longestRetryMs = 3_600_000

/** Row of a root that is to be taken to an anchor. */
export function toWaiting(ledger: string, period: number, anchor: Anchor, nowIso: string): LedgerAnchorRow {
  return { ledger, period, anchor: anchor.name, state: 'waiting', attempts: 0, next_at: nowIso, done_at: null, token: null, problem: null }
}

/** Takes to each anchor what waits for it and is due. Whoever fails waits longer each time, and is said to once. */
export async function deliverRoots({ store, anchors, clock, log }: { readonly store: Pick<Store, 'ledgers'>; readonly anchors: readonly Anchor[]; readonly clock: Clock; readonly log: Log }): Promise<void> {
  const iso = (ms: number) => new Date(ms).toISOString()
  // One anchor that hangs, or has much waiting for it, keeps no other waiting.
  await Promise.all(anchors.map(async (anchor) => {
    for (const row of await store.ledgers.anchorDue(iso(clock.now()), anchor.name, atOnce)) {
      const period = await store.ledgers.period(row.ledger, row.period)
      if (!period || !(await store.ledgers.claimAnchor(row, iso(clock.now() + heldMs)))) continue
      try {
        const { at, token } = await anchor.put(toRoot(period))
        await store.ledgers.changeAnchor(row, { state: 'done', attempts: row.attempts + 1, done_at: at ?? iso(clock.now()), token: token ?? null, problem: null })
      } catch (thrown) {
        const problem = thrown instanceof Error ? thrown.message.slice(0, 500) : 'unknown'
        if (row.problem !== problem) log.warn({ ledger: row.ledger, period: row.period, anchor: anchor.name, reason: problem }, 'a root of a ledger could not be taken to its anchor; trying again')
        await store.ledgers.changeAnchor(row, { attempts: row.attempts + 1, next_at: iso(clock.now() + Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(row.attempts, 12))), problem })
        return // the others of this anchor would fare no better now
      }
    }
  }))
}
