import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Times } from '../core/jobs/schedules.ts'
import { createTimeLine } from './times.ts'

const at = (text: string) => Date.parse(text)
const cron = (rule: string, zone = 'UTC'): Times => ({ kind: 'cron', cron: rule, zone })
function first(times: Times, after: string, count: number): string[] {
  const line = createTimeLine(times)
  const found: string[] = []
  for (let ms = line.next(at(after)); ms !== undefined && found.length < count; ms = line.next(ms)) found.push(new Date(ms).toISOString().replace(':00.000Z', 'Z'))
  return found
}

describe('times of a schedule', () => {
  test('a fixed time of day comes once each day through the changes of daylight saving time', () => {
    // Berlin goes from 02:00 to 03:00 on 30 March 2025, and from 03:00 back to 02:00 on 26 October.
    expect(first(cron('30 2 * * *', 'Europe/Berlin'), '2025-03-28T12:00Z', 4)).toEqual(['2025-03-29T01:30Z', '2025-03-30T01:00Z', '2025-03-31T00:30Z', '2025-04-01T00:30Z'])
    expect(first(cron('30 2 * * *', 'Europe/Berlin'), '2025-10-24T12:00Z', 4)).toEqual(['2025-10-25T00:30Z', '2025-10-26T00:30Z', '2025-10-27T01:30Z', '2025-10-28T01:30Z'])
  })

  test('what goes on all day follows real time through them', () => {
    expect(first(cron('*/30 * * * *', 'Europe/Berlin'), '2025-03-30T00:15Z', 4)).toEqual(['2025-03-30T00:30Z', '2025-03-30T01:00Z', '2025-03-30T01:30Z', '2025-03-30T02:00Z'])
    expect(first(cron('*/30 * * * *', 'Europe/Berlin'), '2025-10-25T23:45Z', 6)).toEqual(['2025-10-26T00:00Z', '2025-10-26T00:30Z', '2025-10-26T01:00Z', '2025-10-26T01:30Z', '2025-10-26T02:00Z', '2025-10-26T02:30Z'])
  })

  test('zones that never change, months of all lengths, leap years', () => {
    expect(first(cron('0 8 * * *', 'Asia/Taipei'), '2025-03-30T00:00Z', 2)).toEqual(['2025-03-31T00:00Z', '2025-04-01T00:00Z'])
    expect(first(cron('0 0 L * *'), '2027-01-15T00:00Z', 4)).toEqual(['2027-01-31T00:00Z', '2027-02-28T00:00Z', '2027-03-31T00:00Z', '2027-04-30T00:00Z'])
    expect(first(cron('0 0 31 * *'), '2027-01-31T12:00Z', 3)).toEqual(['2027-03-31T00:00Z', '2027-05-31T00:00Z', '2027-07-31T00:00Z'])
    expect(first(cron('0 0 29 2 *'), '2025-01-01T00:00Z', 2)).toEqual(['2028-02-29T00:00Z', '2032-02-29T00:00Z'])
  })

  test('an interval is at the same moments wherever it is worked out', () => {
    expect(first({ kind: 'interval', everyMs: 900_000 }, '2025-01-01T00:07Z', 2)).toEqual(['2025-01-01T00:15Z', '2025-01-01T00:30Z'])
  })

  test('one time comes once', () => {
    expect(first({ kind: 'once', atMs: at('2025-01-01T00:00Z') }, '2024-12-31T23:59Z', 5)).toEqual(['2025-01-01T00:00Z'])
    expect(first({ kind: 'once', atMs: at('2025-01-01T00:00Z') }, '2025-01-01T00:00Z', 5)).toEqual([])
  })

  test('what lies between two moments is what comes one after the other, the last ones of it', () => {
    const kinds = fc.oneof(
      fc.record({ kind: fc.constant('interval' as const), everyMs: fc.integer({ min: 1000, max: 10_000_000 }) }),
      fc.constantFrom(cron('*/7 * * * *'), cron('30 2 * * *', 'Europe/Berlin'), cron('0 0 L * *', 'America/New_York'), cron('15 */5 * * MON')),
    )
    fc.assert(fc.property(kinds, fc.integer({ min: at('2024-01-01'), max: at('2026-01-01') }), fc.integer({ min: 0, max: 5_000_000_000 }), fc.integer({ min: 1, max: 20 }), (times, afterMs, spanMs, most) => {
      const line = createTimeLine(times)
      const untilMs = afterMs + (times.kind === 'interval' ? spanMs % (times.everyMs * 50) : spanMs % 400_000_000)
      const all: number[] = []
      for (let ms = line.next(afterMs); ms !== undefined && ms <= untilMs; ms = line.next(ms)) all.push(ms)
      expect(line.between(afterMs, untilMs, most)).toEqual(all.slice(-most))
    }), { numRuns: 60 })
  })
})
