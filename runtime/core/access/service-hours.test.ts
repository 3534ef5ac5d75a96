import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ServiceHours } from './clients.ts'
import { parseServiceHours } from './service-hours.ts'

const minuteMs = 60_000
const everyDay = [1, 2, 3, 4, 5, 6, 7]
const zones = ['UTC', 'Asia/Taipei', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'America/St_Johns', 'Africa/Casablanca']
const at = (text: string) => Date.parse(text)

/** The wall clock as Intl shows it, and every minute looked at by itself. */
function naive(hours: ServiceHours) {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: hours.zone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
  return (ms: number): boolean => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]))
    const day = names.indexOf(parts['weekday'] as string) + 1
    const before = day === 1 ? 7 : day - 1
    const time = `${parts['hour']}:${parts['minute']}`
    return hours.windows.some(({ days, from, to }) =>
      to > from ? days.includes(day) && time >= from && time < to : (days.includes(day) && time >= from) || (days.includes(before) && time < to))
  }
}

const time = fc.tuple(fc.nat(23), fc.constantFrom(0, 1, 15, 30, 45, 59)).map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`)
const windows = fc.array(fc.record({ days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), from: time, to: time }), { minLength: 1, maxLength: 3 })
const hoursOf = fc.record({ zone: fc.constantFrom(...zones), windows })
// Around changes of the clocks, and anywhere.
const changes = ['2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z', '2026-03-08T07:00:00Z', '2026-11-01T06:00:00Z', '2026-04-04T15:00:00Z', '2026-10-03T15:30:00Z']
const moment = fc.oneof(
  fc.tuple(fc.constantFrom(...changes), fc.integer({ min: -2880, max: 2880 })).map(([text, minutes]) => at(text) + minutes * minuteMs),
  fc.integer({ min: at('2025-01-01T00:00:00Z') / minuteMs, max: at('2030-01-01T00:00:00Z') / minuteMs }).map((minutes) => minutes * minuteMs),
)

describe('service hours', () => {
  it('agree with looking at the clock on the wall', () => {
    fc.assert(fc.property(hoursOf, moment, fc.nat(59_999), (hours, ms, rest) => {
      expect(parseServiceHours(hours).isOpen(ms + rest)).toBe(naive(hours)(ms))
    }), { numRuns: 500 })
  })

  it('open next when the minutes that follow say so', () => {
    fc.assert(fc.property(hoursOf, moment, (hours, ms) => {
      const isOpen = naive(hours)
      const next = parseServiceHours(hours).nextOpening(ms) as number
      let looked = ms + (isOpen(ms) ? 1 : minuteMs)
      while (!isOpen(looked)) looked += minuteMs
      expect(new Date(next).toISOString()).toBe(new Date(looked).toISOString())
    }), { numRuns: 40 })
  })

  it('go over midnight, and belong to the day they begin on', () => {
    const hours = parseServiceHours({ zone: 'Asia/Taipei', windows: [{ days: [5], from: '22:00', to: '06:00' }] })
    expect(hours.isOpen(at('2026-01-02T22:00:00+08:00'))).toBe(true)
    expect(hours.isOpen(at('2026-01-03T05:59:59+08:00'))).toBe(true)
    expect(hours.isOpen(at('2026-01-03T06:00:00+08:00'))).toBe(false)
    expect(hours.isOpen(at('2026-01-02T05:00:00+08:00'))).toBe(false)
    expect(hours.nextOpening(at('2026-01-03T06:00:00+08:00'))).toBe(at('2026-01-09T22:00:00+08:00'))
  })

  it('skip what the wall skips in spring and happen twice in autumn', () => {
    const hours = parseServiceHours({ zone: 'Europe/Berlin', windows: [{ days: everyDay, from: '02:15', to: '02:45' }] })
    expect(hours.nextOpening(at('2026-03-29T00:00:00+01:00'))).toBe(at('2026-03-30T02:15:00+02:00'))
    expect(hours.nextOpening(at('2026-10-25T02:45:00+02:00'))).toBe(at('2026-10-25T02:15:00+01:00'))
    const longer = parseServiceHours({ zone: 'Europe/Berlin', windows: [{ days: everyDay, from: '02:15', to: '04:00' }] })
    expect(longer.nextOpening(at('2026-03-29T00:00:00+01:00'))).toBe(at('2026-03-29T03:00:00+02:00'))
  })

  it('may last all day, or never come', () => {
    const always = parseServiceHours({ zone: 'UTC', windows: [{ days: everyDay, from: '00:00', to: '24:00' }] })
    expect(always.isOpen(at('2026-01-01T23:59:59Z'))).toBe(true)
    expect(parseServiceHours({ zone: 'UTC', windows: [] }).nextOpening(0)).toBeUndefined()
  })

  it.each([
    { zone: 'Mars/Olympus', windows: [] },
    { zone: 'UTC', windows: [{ days: [1], from: '9:00', to: '10:00' }] },
    { zone: 'UTC', windows: [{ days: [1], from: '09:00', to: '24:01' }] },
  ])('are refused when they are none: %j', (hours) => {
    expect(() => parseServiceHours(hours)).toThrow()
  })
})
