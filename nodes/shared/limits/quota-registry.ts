import type { Message } from '../../../runtime/core/message.ts'
import type { Scope } from '../../../runtime/core/node.ts'
import type { Run } from '../../../runtime/core/run.ts'
import type { CounterCharge } from '../../../runtime/core/state/state.ts'
import type { Level } from './limit-level.ts'

/** A counter of a quota, with what people call it. */
export interface NamedCounter {
  readonly level: Level
  /** The window in words. */
  readonly window: string
  readonly charge: CounterCharge
}

/** Somebody a counter belongs to, named instead of calling. */
export interface Named {
  readonly level: Level
  readonly who: unknown
}

/** A quota that is live: which counters it would charge for a message, or for somebody named. */
export type CountersOf = (message: Message, run: Run, named?: Named) => readonly NamedCounter[] | Promise<readonly NamedCounter[]>

/** The quotas that are live in this gateway by name; of one name there may be several. */
export type QuotaRegistry = Map<string, Set<CountersOf>>

/** The registry that quota nodes and those that correct them share. */
export function openQuotaRegistry(scope: Pick<Scope, 'share'>): QuotaRegistry {
  return scope.share('*quotas', () => new Map(), () => {})
}

/** Lists a quota for as long as its deployment lives. */
export function registerQuota(scope: Pick<Scope, 'share' | 'onRetire'>, name: string, counters: CountersOf): void {
  const registry = openQuotaRegistry(scope)
  const known = registry.get(name) ?? new Set()
  registry.set(name, known.add(counters))
  scope.onRetire(() => {
    known.delete(counters)
    if (known.size === 0 && registry.get(name) === known) registry.delete(name)
  })
}
