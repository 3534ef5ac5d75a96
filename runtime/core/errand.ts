import { randomUUID } from 'node:crypto'
import type { Clock } from './time/clock.ts'
import { fault } from './fault.ts'
import type { Log } from './log.ts'
import type { Run } from './run.ts'

/** What an errand needs; a scope of a node has it all. */
export interface ErrandParts {
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  /** Absent: it belongs to no flow. */
  readonly node?: { readonly flow: string }
}

/**
 * A run that nobody called and no message travels in: what a callout from outside of any flow goes out with. It ends by its own
 * limit and with nobody else.
 */
export function errand({ clock, log, node }: ErrandParts, limitMs: number): Run {
  const nothing = (): never => {
    throw fault('step.config', { message: 'A callout of its own has no caller.' })
  }
  return {
    id: randomUUID(),
    flow: node?.flow ?? '',
    revision: '',
    signal: new AbortController().signal,
    onAbort: () => () => {},
    deadline: clock.now() + limitMs,
    log,
    get context(): never {
      return nothing()
    },
    replied: false,
    reply: nothing,
    state: nothing,
    hold: () => () => {},
  }
}
