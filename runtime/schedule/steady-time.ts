import type { Clock } from '../core/time/clock.ts'

/**
 * Time of day that goes on as it began, however the clock on the wall is put meanwhile: what waits by it waits neither longer
 * nor shorter. For what a process notes for itself.
 */
export function createSteadyTime(clock: Pick<Clock, 'now' | 'elapsed'>): () => number {
  const startedMs = clock.now() - clock.elapsed()
  return () => Math.floor(startedMs + clock.elapsed())
}
