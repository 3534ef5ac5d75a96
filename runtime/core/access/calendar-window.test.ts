import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { calendarWindow, type CalendarUnit } from './calendar-window.ts'

const hourMs = 3_600_000
const at = (text: string) => Date.parse(text)

function bounds(unit: CalendarUnit, every: number, zone: string, when: string): { from: string; to: string; hours: number } {
  const { startMs, endMs } = calendarWindow(unit, every, zone).boundsAt(at(when))
  return { from: new Date(startMs).toISOString(), to: new Date(endMs).toISOString(), hours: (endMs - startMs) / hourMs }
}

describe('calendar windows', () => {
  test('a month is the real month of its zone, whatever its length', () => {
    expect(bounds('month', 1, 'Asia/Taipei', '2026-01-31T15:59:59.999Z')).toEqual({ from: '2025-12-31T16:00:00.000Z', to: '2026-01-31T16:00:00.000Z', hours: 31 * 24 })
    expect(bounds('month', 1, 'Asia/Taipei', '2026-01-31T16:00:00Z')).toMatchObject({ from: '2026-01-31T16:00:00.000Z', to: '2026-02-28T16:00:00.000Z' })
    expect(bounds('month', 1, 'UTC', '2024-02-29T12:00:00Z')).toMatchObject({ to: '2024-03-01T00:00:00.000Z', hours: 29 * 24 })
    expect(bounds('month', 3, 'UTC', '2026-05-31T00:00:00Z')).toMatchObject({ from: '2026-04-01T00:00:00.000Z', to: '2026-07-01T00:00:00.000Z' })
  })

  test('a day has 23 hours when clocks go forward and 25 when they go back', () => {
    expect(bounds('day', 1, 'Europe/Berlin', '2026-03-29T12:00:00Z')).toEqual({ from: '2026-03-28T23:00:00.000Z', to: '2026-03-29T22:00:00.000Z', hours: 23 })
    expect(bounds('day', 1, 'America/New_York', '2026-11-01T05:30:00Z')).toEqual({ from: '2026-11-01T04:00:00.000Z', to: '2026-11-02T05:00:00.000Z', hours: 25 })
    expect(bounds('day', 1, 'Australia/Lord_Howe', '2026-04-05T00:00:00Z').hours).toBe(24.5)
  })

  test('a day that begins at one o’clock because midnight was leapt over begins there', () => {
    expect(bounds('day', 1, 'Africa/Cairo', '2026-04-24T12:00:00Z')).toEqual({ from: '2026-04-23T22:00:00.000Z', to: '2026-04-24T21:00:00.000Z', hours: 23 })
  })

  test('a date that a zone left out is no window', () => {
    expect(bounds('day', 1, 'Pacific/Apia', '2011-12-30T09:59:59Z')).toMatchObject({ from: '2011-12-29T10:00:00.000Z', to: '2011-12-30T10:00:00.000Z' })
    expect(bounds('day', 1, 'Pacific/Apia', '2011-12-30T10:00:00Z')).toMatchObject({ from: '2011-12-30T10:00:00.000Z', to: '2011-12-31T10:00:00.000Z' })
  })

  test('a week begins on Monday', () => {
    expect(bounds('week', 1, 'UTC', '2026-11-22T23:59:59Z')).toMatchObject({ from: '2026-11-16T00:00:00.000Z', to: '2026-11-23T00:00:00.000Z' })
  })

  test('hours are counted from local midnight, also in zones that are half an hour off', () => {
    expect(bounds('hour', 6, 'Asia/Kolkata', '2026-11-22T00:00:00Z')).toMatchObject({ from: '2026-11-21T18:30:00.000Z', to: '2026-11-22T00:30:00.000Z' })
    expect(bounds('hour', 7, 'Asia/Kolkata', '1970-01-01T08:00:00Z')).toMatchObject({ from: '1970-01-01T07:00:00.000Z', to: '1970-01-01T14:00:00.000Z' })
  })

  test('an unknown zone and half a day are refused', () => {
    expect(() => calendarWindow('day', 1, 'Mars/Olympus')).toThrow(RangeError)
    expect(() => calendarWindow('day', 0.5, 'UTC')).toThrow(RangeError)
  })

  test('windows follow each other without gap or overlap, in every zone, and each begins at a date’s first instant', () => {
    const zones = ['UTC', 'Asia/Taipei', 'America/St_Johns', 'America/Sao_Paulo', 'Africa/Cairo', 'Asia/Beirut', 'America/Havana', 'Pacific/Apia', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Europe/Dublin']
    const unit = fc.constantFrom<CalendarUnit>('second', 'minute', 'hour', 'day', 'week', 'month')
    const when = fc.integer({ min: at('1975-01-01T00:00:00Z'), max: at('2036-01-01T00:00:00Z') })
    fc.assert(fc.property(unit, fc.integer({ min: 1, max: 5 }), fc.constantFrom(...zones), when, (of, every, zone, ms) => {
      const fresh = () => calendarWindow(of, every, zone)
      const { startMs, endMs } = fresh().boundsAt(ms)
      expect(startMs).toBeLessThanOrEqual(ms)
      expect(endMs).toBeGreaterThan(ms)
      expect(fresh().boundsAt(startMs)).toEqual({ startMs, endMs })
      expect(fresh().boundsAt(endMs - 1)).toEqual({ startMs, endMs })
      expect(fresh().boundsAt(endMs).startMs).toBe(endMs)
      expect(fresh().boundsAt(startMs - 1).endMs).toBe(startMs)
      if (of === 'month') expect(new Intl.DateTimeFormat('en', { timeZone: zone, day: 'numeric' }).format(startMs)).toBe('1')
      if (of === 'week') expect(new Intl.DateTimeFormat('en', { timeZone: zone, weekday: 'long' }).format(startMs)).toBe('Monday')
    }), { numRuns: 300 })
  })
})
