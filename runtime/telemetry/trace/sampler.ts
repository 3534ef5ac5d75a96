export interface SamplerOptions {
  /** Share of all runs that are taken, 0 to 1. */
  readonly share: number
  /** From 0 to 1. */
  readonly random?: (() => number) | undefined
  /** Calls when the turn of the event loop is over. */
  readonly whenTurnEnds?: ((callback: () => void) => void) | undefined
}

/**
 * Whether a run that begins now is taken. It is decided once for all that begin in the same turn of the event loop (cluster sampling):
 * each run is as likely to be taken as if it were asked for by itself, and where one begins at a time it is. Under load those that are
 * written down come one after the other, while what writes them down is in the processor's caches; one by one, each had to fetch it
 * from memory, at several times the cost. A turn and not a stretch of time: what came in since the last one is there before anything is
 * decided, while in a millisecond of runs that are written down fewer begin.
 */
export function createSampler({ share, random = Math.random, whenTurnEnds = setImmediate }: SamplerOptions): () => boolean {
  let decided = false
  let taken = false
  const end = () => void (decided = false)
  return () => {
    if (!decided) {
      decided = true
      taken = random() < share
      whenTurnEnds(end)
    }
    return taken
  }
}
