import { hashRoot } from '../../ledger/period-root.ts'
import type { LedgerInfo, LedgerWitness } from '../ledger-contract.ts'
import type { Store } from '../store/store.ts'
import type { Anchor } from './anchors.ts'
import type { Periods } from './periods.ts'
import type { EntrySource } from './sources.ts'

/** A ledger as it is listed: how far it is signed, and who outside holds what of it. */
export async function readInfo({ store, periods, anchors }: { readonly store: Pick<Store, 'ledgers'>; readonly periods: Pick<Periods, 'lastRoot' | 'problemOf'>; readonly anchors: readonly Anchor[] }, { name, organisation, head }: EntrySource, witnesses: readonly LedgerWitness[]): Promise<LedgerInfo> {
  const last = await periods.lastRoot(name)
  const states = await store.ledgers.anchorState(name)
  const problem = periods.problemOf(name)
  return {
    name,
    ...(organisation === null ? {} : { organisation }),
    entries: head.number,
    hash: head.hash,
    ...(last ? { lastPeriod: { period: last.period, last: last.last, closedAt: last.closedAt, hash: hashRoot(last) } } : {}),
    open: head.number - (last?.last ?? 0),
    ...(problem ? { problem: problem.reason, why: { code: problem.code, facts: problem.facts } } : {}),
    anchors: anchors.map((anchor) => {
      const state = states.find((one) => one.anchor === anchor.name)
      const away = witnesses.find((one) => one.anchor === anchor.name)?.away
      return {
        anchor: anchor.name,
        kind: anchor.kind,
        ...(state?.last ? { period: state.last.period, ...(state.last.done_at === null ? {} : { at: state.last.done_at }) } : {}),
        waiting: state?.waiting ?? 0,
        ...(state?.failed && away ? { problem: away.problem, since: away.since, why: away.why } : state?.failed?.problem ? { problem: state.failed.problem } : {}),
      }
    }),
  }
}
