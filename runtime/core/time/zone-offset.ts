const bucketMs = 900_000
const remembered = 4096

/** How far local time of a zone is ahead of UTC, in ms, at an instant. */
export type ZoneOffset = (ms: number) => number

/**
 * Offsets of an IANA time zone, as the machine's time zone data has them. Asked for the same quarter of an hour
 * again they cost a look-up: clocks change on quarters of an hour.
 * @throws RangeError when the zone is not known
 */
export function createZoneOffset(zone: string): ZoneOffset {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone, hourCycle: 'h23', era: 'short', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  })
  const known = new Map<number, number>()

  function measure(ms: number): number {
    const parts: Record<string, string> = {}
    for (const { type, value } of format.formatToParts(ms)) parts[type] = value
    const year = parts['era'] === 'BC' ? 1 - Number(parts['year']) : Number(parts['year'])
    const local = Date.UTC(year, Number(parts['month']) - 1, Number(parts['day']), Number(parts['hour']), Number(parts['minute']), Number(parts['second']))
    return local - Math.floor(ms / 1000) * 1000
  }

  return (ms) => {
    const bucket = Math.floor(ms / bucketMs)
    let offset = known.get(bucket)
    if (offset === undefined) {
      offset = measure(bucket * bucketMs)
      if (known.size >= remembered) known.clear()
      known.set(bucket, offset)
    }
    return offset
  }
}
