import type { Clock } from '../runtime/core/time/clock.ts'

/** Something that is done now and then until it is closed. */
export interface Repeated { close(): void }

/** Does it at once, and again each time so long after it ended. What it throws is told. */
export function repeat(work: () => Promise<unknown>, { everyMs, clock, failed }: { readonly everyMs: number; readonly clock: Pick<Clock, 'setTimer'>; failed(thrown: unknown): void }): Repeated {
  let cancel: () => void = () => {}
  let isClosed = false
  function again(): void {
    if (isClosed) return
    work().catch(failed).finally(() => {
      if (!isClosed) cancel = clock.setTimer(again, everyMs)
    })
  }
  again()
  return {
    close() {
      isClosed = true
      cancel()
    },
  }
}
