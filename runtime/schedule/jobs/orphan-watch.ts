/** Tells work that no gateway does any more from work of which nothing was heard because Redis was away. */
export interface OrphanWatch {
  /** Redis is away. */
  lost(): void
  /** Redis has answered a sweep. */
  swept(now: number): void
  /** Whether work of which some gateway said last at `seenMs` that it does it is nobody's. */
  isOrphaned(seenMs: number, now: number): boolean
}

/** All times are those of one clock, in ms. @param sweepMs from one sweep to the next */
export function createOrphanWatch({ orphanMs, sweepMs }: { readonly orphanMs: number; readonly sweepMs: number }): OrphanWatch {
  /** Since when Redis has answered without a pause. Before it nobody could say what work it does. */
  let answersSince = Infinity
  let sweptAt = -Infinity

  return {
    lost() {
      answersSince = Infinity
    },
    swept(now) {
      if (answersSince === Infinity || now - sweptAt > 3 * sweepMs) answersSince = now
      sweptAt = now
    },
    isOrphaned: (seenMs, now) => now - Math.max(seenMs, answersSince) >= orphanMs,
  }
}
