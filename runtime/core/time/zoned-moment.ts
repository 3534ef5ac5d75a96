import type { ReadLanguage } from '../read-language.ts'

/** A time by the clock on the wall: `2026-11-23 (Mon) 08:00 Asia/Taipei`; seconds when the minute is not a whole one. */
export function toZonedMoment(ms: number, zone: string, language: ReadLanguage): string {
  const parts = (timeZone: string) =>
    Object.fromEntries(
      new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : 'zh-TW', {
        timeZone, weekday: 'short', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
      }).formatToParts(ms).map(({ type, value }) => [type, value]),
    )
  let shown = zone
  let at: Record<string, string>
  try {
    at = parts(zone)
  } catch {
    shown = 'UTC' // a zone that this machine does not know
    at = parts('UTC')
  }
  const seconds = at['second'] === '00' ? '' : `:${at['second']}`
  return `${at['year']}-${at['month']}-${at['day']} (${at['weekday']}) ${at['hour']}:${at['minute']}${seconds} ${shown}`
}
