const longestMs = 15 * 60_000

/**
 * Milliseconds until the next fetch: around the regular pause (± 10 %), so that many connectors do not come at once; after failures
 * twice as long each time, up to 15 minutes or the regular pause, and anywhere in the second half of it.
 * @param random 0 … 1
 */
export function pauseMs(everySeconds: number, failures: number, random: number): number {
  const regularMs = everySeconds * 1000
  if (failures === 0) return Math.round(regularMs * (0.9 + 0.2 * random))
  const wholeMs = Math.min(regularMs * 2 ** Math.min(failures, 20), Math.max(longestMs, regularMs))
  return Math.round(wholeMs * (0.5 + 0.5 * random))
}
