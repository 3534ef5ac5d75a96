/**
 * How long to wait before a retry: exponential with full jitter (even between 0 and the bound), so that callers that failed together do
 * not come back together.
 * @param retry 1 for the first
 * @param random even in 0 … 1
 */
export function backoffMs(retry: number, baseMs: number, maxMs: number, random: () => number): number {
  return Math.floor(random() * Math.min(maxMs, baseMs * 2 ** Math.min(30, retry - 1)))
}
