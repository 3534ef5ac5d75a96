import { randomUUID } from 'node:crypto'
import type { Scope } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'

/** A run that nobody called and no message travels in: what a callout from outside any flow goes out with. */
export function errand(scope: Pick<Scope, 'node' | 'clock' | 'log' | 'contexts'>, limitMs: number): Run {
  const states = new Map<object, unknown>()
  return {
    id: randomUUID(),
    flow: scope.node.flow,
    revision: '',
    signal: new AbortController().signal,
    deadline: scope.clock.now() + limitMs,
    log: scope.log,
    context: scope.contexts.node,
    replied: false,
    reply() {},
    state<T>(key: object, create: () => T): T {
      if (!states.has(key)) states.set(key, create())
      return states.get(key) as T
    },
    hold: () => () => {},
  }
}
