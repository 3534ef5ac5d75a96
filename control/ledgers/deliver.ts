import type { Log } from '../../runtime/core/log.ts'
import type { Clock } from '../../runtime/core/clock.ts'
import type { SignedRoot } from '../../ledger/period-root.ts'
import type { LedgerAnchorRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { Anchor } from './anchors.ts'

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
  const byName = new Map(anchors.map((anchor) => [anchor.name, anchor]))
  const iso = (ms: number) => new Date(ms).toISOString()
  const due = await store.ledgers.anchorsDue(iso(clock.now()), [...byName.keys()], atOnce)
  const roots = new Map<string, SignedRoot>()
  for (const name of new Set(due.map(({ ledger }) => ledger))) {
    for (const { period, root } of await store.ledgers.periods(name)) roots.set(`${name} ${period}`, JSON.parse(root) as SignedRoot)
  }
  // One anchor that hangs keeps no other waiting.
  await Promise.all([...byName.values()].map(async (anchor) => {
    for (const row of due.filter((one) => one.anchor === anchor.name)) {
      const root = roots.get(`${row.ledger} ${row.period}`)
      if (!root || !(await store.ledgers.claimAnchor(row, iso(clock.now() + heldMs)))) continue
      try {
        const { at, token } = await anchor.put(root)
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
