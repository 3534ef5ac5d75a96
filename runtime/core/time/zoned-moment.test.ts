import { expect, test } from 'vitest'
import { toZonedMoment } from './zoned-moment.ts'

test('a moment is told by the clock of its zone, in both languages, across a change of the clocks', () => {
  expect(toZonedMoment(Date.UTC(2026, 10, 23, 0, 0), 'Asia/Taipei', 'en')).toBe('2026-11-23 (Mon) 08:00 Asia/Taipei')
  expect(toZonedMoment(Date.UTC(2026, 10, 23, 0, 0, 5), 'Asia/Taipei', 'zh-TW')).toBe('2026-11-23 (週一) 08:00:05 Asia/Taipei')
  expect(toZonedMoment(Date.UTC(2026, 2, 29, 0, 59), 'Europe/Berlin', 'en')).toBe('2026-03-29 (Sun) 01:59 Europe/Berlin')
  expect(toZonedMoment(Date.UTC(2026, 2, 29, 1, 0), 'Europe/Berlin', 'en')).toBe('2026-03-29 (Sun) 03:00 Europe/Berlin')
  expect(toZonedMoment(0, 'Nowhere/Land', 'en')).toBe('1970-01-01 (Thu) 00:00 UTC')
})
