/** A moment as the open-data services write it: Taipei's wall clock (UTC+8, no summer time), to the second. */
export function taipeiTime(moment: Date): string {
  return new Date(moment.getTime() + 8 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ')
}

/** The latest full multiple of `minutes` at or before `moment`, less `delayMinutes` that a service needs to publish. */
export function lastSlot(moment: Date, minutes: number, delayMinutes = 0): Date {
  const slotMs = minutes * 60_000
  return new Date(Math.floor((moment.getTime() - delayMinutes * 60_000) / slotMs) * slotMs)
}
