import type { Clock } from '../core/time/clock.ts'
import { toFault, type Fault } from '../core/fault.ts'
import type { Run } from '../core/run.ts'
import { whenAborted } from '../core/when-aborted.ts'

/** What ends a call from outside: its time, or the end of its run. */
export class CallBounds {
  readonly #run: Run
  readonly #clock: Clock
  #lifted = false
  #stopTimer = () => {}
  #stopListening = () => {}

  constructor(run: Run, clock: Clock) {
    this.#run = run
    this.#clock = clock
  }

  /** Calls `abort` once, at the latest after `leftMs` with what `overdue` makes; at once when the run is aborted already. */
  hold(leftMs: number, overdue: () => Fault, abort: (reason: Error) => void): void {
    this.#stopTimer = this.#clock.setTimer(() => abort(overdue()), leftMs)
    this.#stopListening = whenAborted(this.#run, (reason) => abort(toFault(reason)))
    // An aborted run calls back before there is anything to stop.
    if (this.#lifted) this.lift()
  }

  /** The call has ended by itself. */
  lift(): void {
    this.#lifted = true
    this.#stopTimer()
    this.#stopListening()
  }
}
