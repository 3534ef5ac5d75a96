import { fault } from '../../runtime/core/fault.ts'
import type { Scope } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'

/** Limit of one fetch that many callers wait for. */
export const fetchLimitMs = 5_000

/** A run for a callout that belongs to no caller: it ends with nobody but its own limit. */
export function backgroundRun(scope: Pick<Scope, 'clock' | 'log' | 'node'>): Run {
  const nothing = () => {
    throw fault('step.config', { message: 'A callout of its own has no caller.' })
  }
  return {
    id: `auth-${scope.node.id}`,
    flow: scope.node.flow,
    revision: '',
    signal: new AbortController().signal,
    onAbort: () => () => {},
    deadline: scope.clock.now() + fetchLimitMs,
    log: scope.log,
    get context(): never {
      return nothing()
    },
    replied: false,
    reply: nothing,
    state: nothing,
    hold: () => () => {},
  }
}
