/** Pause before the next attempt: doubles with each, at most `mostMs`, and half of it by chance so that not all come at once. */
export function backoffMs(failed: number, firstMs: number, mostMs: number, chance: number = Math.random()): number {
  const full = Math.min(mostMs, firstMs * 2 ** Math.min(Math.max(0, failed - 1), 40))
  return Math.round(full * (0.5 + chance / 2))
}
