import type { Clock } from '../../core/time/clock.ts'

/** @throws Error when it takes longer */
export function within<T>(clock: Clock, limitMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // When this process was late itself, the answer may lie there unread: it is read before the timer's second turn.
    const cancel = clock.setTimer(() => setImmediate(() => setImmediate(() => reject(new Error('Redis did not answer in time.')))), limitMs)
    promise.finally(cancel).then(resolve, reject)
  })
}
