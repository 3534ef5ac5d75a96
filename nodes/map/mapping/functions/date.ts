import { toNumber, toText } from '../scalars.ts'
import { argument, words, type MapFunction } from '../function.ts'

/**
 * Zones of fixed distance from UTC, minutes: what they give does not depend on the time zone data of a machine.
 * Taiwan has had no summer time since 1980.
 */
export const zones: Readonly<Record<string, number>> = { 'Asia/Taipei': 480, UTC: 0, 'Asia/Tokyo': 540 }

const zone = argument('zone', 'choice', 'Time zone', '時區', {
  constant: true, default: 'Asia/Taipei', choices: { 'Asia/Taipei': words('Taipei (+08:00)', '臺北 (+08:00)'), UTC: words('UTC', 'UTC'), 'Asia/Tokyo': words('Tokyo (+09:00)', '東京 (+09:00)') },
})
const offsetOf = (name: unknown) => (zones[String(name)] ?? 480) * 60_000

const first = -62_135_596_800_000 // year 1
const last = 253_402_300_799_999 // end of the year 9999
const written = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?)?(Z|[-+]\d{2}:?\d{2})?$/

/** A moment in ms, to the second: a text of year, month, day and perhaps time, or ms since 1970. Without a zone it is that of `zone`. */
export function toMoment(value: unknown, zone: unknown): number | undefined {
  if (typeof value === 'number') return within(Math.floor(value / 1000) * 1000)
  const match = typeof value === 'string' ? written.exec(value.trim()) : null
  if (!match) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', own] = match
  const days = toDays(Number(year), Number(month), Number(day))
  if (days === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  let offset = offsetOf(zone)
  if (own === 'Z') offset = 0
  else if (own !== undefined) {
    const hours = Number(own.slice(1, 3))
    const minutes = Number(own.slice(-2))
    if (hours > 14 || minutes > 59) return undefined
    offset = (own[0] === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000
  }
  return within(days * 86_400_000 + Number(hour) * 3_600_000 + Number(minute) * 60_000 + Number(second) * 1000 - offset)
}

function within(ms: number): number | undefined {
  return ms >= first + 86_400_000 && ms <= last - 86_400_000 ? ms : undefined
}

/** Days since 1970 of a date that is there. */
function toDays(year: number, month: number, day: number): number | undefined {
  if (year < 1 || month < 1 || month > 12 || day < 1) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  return date.getUTCMonth() === month - 1 ? date.getTime() / 86_400_000 : undefined
}

interface Parts { readonly year: number; readonly month: number; readonly day: number; readonly hour: number; readonly minute: number; readonly second: number }

function toParts(ms: number, zone: unknown): Parts {
  const at = new Date(ms + offsetOf(zone))
  return { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate(), hour: at.getUTCHours(), minute: at.getUTCMinutes(), second: at.getUTCSeconds() }
}

const two = (value: number) => String(value).padStart(2, '0')
const four = (value: number) => String(value).padStart(4, '0')

/** ISO 8601 (RFC 3339) with the zone’s distance from UTC. */
function toIso(ms: number, zone: unknown): string {
  const { year, month, day, hour, minute, second } = toParts(ms, zone)
  return `${four(year)}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${toOffsetText(zone)}`
}

function toOffsetText(zone: unknown): string {
  return zone === 'UTC' ? 'Z' : `+${two((zones[String(zone)] ?? 480) / 60)}:00`
}

const ofMoment = (zoneAt: number, make: (ms: number, args: readonly any[]) => unknown) => (value: unknown, args: readonly any[]) => {
  const ms = toMoment(value, args[zoneAt])
  return ms === undefined ? undefined : make(ms, args)
}

const tokens = /YYYY|MM|DD|HH|mm|ss|M|D|H/g
const pictures: Readonly<Record<string, string>> = { YYYY: '[Y0001]', MM: '[M01]', DD: '[D01]', HH: '[H01]', mm: '[m01]', ss: '[s01]', M: '[M1]', D: '[D1]', H: '[H1]' }
const fixed: Readonly<Record<string, number>> = { seconds: 1000, minutes: 60_000, hours: 3_600_000, days: 86_400_000, weeks: 604_800_000 }
const units = {
  seconds: words('seconds', '秒'), minutes: words('minutes', '分鐘'), hours: words('hours', '小時'), days: words('days', '天'), weeks: words('weeks', '週'),
}
const dayNames = { en: ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'], zh: ['星期一', '星期二', '星期三', '星期四', '星期五', '星期六', '星期日'] }
const offset = (zone: unknown) => String((zones[String(zone)] ?? 480) * 60_000)

/** Rocyear of a date (the year 1 is 1912), with the years before as 民國前. */
function toRoc({ year, month, day }: Parts, style: string): string | undefined {
  const roc = year - 1911
  if (style === 'long') return `民國${roc > 0 ? roc : `前${1 - roc}`}年${month}月${day}日`
  if (roc < 1) return undefined
  return style === 'slashes' ? `${roc}/${two(month)}/${two(day)}` : `${String(roc).padStart(3, '0')}${two(month)}${two(day)}`
}

const rocWritten = /^(?:中華民國|民國)?(前)?(\d{1,4})[年/.-](\d{1,2})[月/.-](\d{1,2})日?$/
const rocDigits = /^(\d{2,3})(\d{2})(\d{2})$/

function fromRoc(value: unknown): string | undefined {
  const text = (toText(value) ?? '').replace(/\s+/g, '')
  const match = rocWritten.exec(text)
  const digits = match ? null : rocDigits.exec(text)
  const [before, roc, month, day] = match ? [match[1], match[2], match[3], match[4]] : [undefined, digits?.[1], digits?.[2], digits?.[3]]
  if (roc === undefined || Number(roc) === 0) return undefined
  const year = before === undefined ? Number(roc) + 1911 : 1912 - Number(roc)
  if (year > 9998 || toDays(year, Number(month), Number(day)) === undefined) return undefined
  return `${four(year)}-${two(Number(month))}-${two(Number(day))}`
}

/** Functions over dates. A date is a text such as `2026-11-22 14:30` or `2026-11-22T14:30:00+08:00`, or ms since 1970. */
export const dateFunctions: readonly MapFunction[] = [
  {
    name: 'date', category: 'date', label: words('Read a date', '讀取日期'), summary: words('Reads a date or time and writes it by ISO 8601.', '讀取日期或時間，寫成 ISO 8601。'),
    arguments: [zone], example: { value: '2026/11/22 14:30', with: ['Asia/Taipei'], gives: '2026-11-22T14:30:00+08:00' },
    run: ofMoment(0, (ms, [at]) => toIso(ms, at)), jsonata: (v, _, [at]) => `$iso($moment(${v}, ${offset(at)}), ${offset(at)})`,
  },
  {
    name: 'formatDate', category: 'date', label: words('Write a date', '日期格式'), summary: words('Writes a date by a pattern of YYYY, MM, M, DD, D, HH, H, mm and ss.', '依樣式寫出日期：YYYY、MM、M、DD、D、HH、H、mm、ss。'),
    arguments: [argument('pattern', 'text', 'Pattern', '樣式', { constant: true, default: 'YYYY-MM-DD', maximum: 100 }), zone],
    example: { value: '2026-11-22T06:30:00Z', with: ['YYYY/MM/DD HH:mm', 'Asia/Taipei'], gives: '2026/11/22 14:30' },
    run: ofMoment(1, (ms, [pattern, at]) => {
      const { year, month, day, hour, minute, second } = toParts(ms, at)
      const values: Record<string, string> = { YYYY: four(year), MM: two(month), DD: two(day), HH: two(hour), mm: two(minute), ss: two(second), M: String(month), D: String(day), H: String(hour) }
      return (pattern as string).replace(tokens, (token) => values[token] as string)
    }),
    jsonata(v, _, [pattern, at]) {
      const parts = String(pattern).split(/(YYYY|MM|DD|HH|mm|ss|M|D|H)/).filter((part) => part !== '')
      const text = parts.map((part) => (pictures[part] ? `$fromMillis($t, "${pictures[part]}")` : JSON.stringify(part))).join(' & ') || '""'
      return `($m := $moment(${v}, ${offset(at)}); $exists($m) ? ($t := $m + ${offset(at)}; ${text}))`
    },
  },
  {
    name: 'addTime', category: 'date', label: words('Add time', '加時間'), summary: words('A date so much later; earlier when the number is negative.', '往後推移一段時間；負數為往前。'),
    arguments: [argument('amount', 'number', 'How many', '數量'), argument('unit', 'choice', 'Unit', '單位', { constant: true, default: 'days', choices: { ...units, months: words('months', '個月'), years: words('years', '年') } }), zone],
    example: { value: '2026-01-31', with: [1, 'months', 'Asia/Taipei'], gives: '2026-02-28T00:00:00+08:00' },
    run: ofMoment(2, (ms, [amount, unit, at]) => {
      const count = toNumber(amount)
      if (count === undefined || Math.abs(count) > 1e9) return undefined
      const moved = fixed[unit as string] === undefined ? addMonths(ms, Math.trunc(count) * (unit === 'years' ? 12 : 1), at) : Math.floor((ms + count * fixed[unit as string]!) / 1000) * 1000
      const inside = moved === undefined ? undefined : within(moved)
      return inside === undefined ? undefined : toIso(inside, at)
    }),
    jsonata: (v, [amount], [, unit, at]) => (fixed[String(unit)] === undefined
      ? `$addMonths($moment(${v}, ${offset(at)}), $num(${amount}), ${unit === 'years' ? 12 : 1}, ${offset(at)})`
      : `$addTime($moment(${v}, ${offset(at)}), $num(${amount}), ${fixed[String(unit)]}, ${offset(at)})`),
  },
  {
    name: 'timeUntil', category: 'date', label: words('Time between', '相差時間'), summary: words('Whole units of time from the value to another date.', '由此日期至另一日期相差幾個完整單位。'),
    arguments: [argument('other', 'any', 'Other date', '另一日期'), argument('unit', 'choice', 'Unit', '單位', { constant: true, default: 'days', choices: units }), zone],
    example: { value: '2026-11-22 08:00', with: ['2026-11-22 14:30', 'minutes', 'Asia/Taipei'], gives: 390 },
    run: ofMoment(2, (ms, [other, unit, at]) => {
      const end = toMoment(other, at)
      return end === undefined ? undefined : Math.trunc((end - ms) / fixed[unit as string]!) + 0
    }),
    jsonata: (v, [other], [, unit, at]) => `$between($moment(${v}, ${offset(at)}), $moment(${other}, ${offset(at)}), ${fixed[String(unit)]})`,
  },
  {
    name: 'startOfDay', category: 'date', label: words('Start of the day', '當日零時'), summary: words('Midnight of the day, in the zone.', '該時區當日的零時。'),
    arguments: [zone], example: { value: '2026-11-22T14:30:00+08:00', with: ['Asia/Taipei'], gives: '2026-11-22T00:00:00+08:00' },
    run: ofMoment(0, (ms, [at]) => {
      const start = within(Math.floor((ms + offsetOf(at)) / 86_400_000) * 86_400_000 - offsetOf(at))
      return start === undefined ? undefined : toIso(start, at)
    }),
    jsonata: (v, _, [at]) => `($m := $moment(${v}, ${offset(at)}); $exists($m) ? $iso($inside($floor(($m + ${offset(at)}) / 86400000) * 86400000 - ${offset(at)}), ${offset(at)}))`,
  },
  {
    name: 'weekday', category: 'date', label: words('Day of the week', '星期幾'), summary: words('The day of the week: a number (Monday is 1) or its name.', '星期幾：數字（星期一為 1）或名稱。'),
    arguments: [argument('as', 'choice', 'As', '格式', { constant: true, default: 'zh', choices: { number: words('number', '數字'), en: words('English name', '英文名稱'), zh: words('Chinese name', '中文名稱') } }), zone],
    example: { value: '2026-11-22', with: ['zh', 'Asia/Taipei'], gives: '星期日' },
    run: ofMoment(1, (ms, [style, at]) => {
      const day = (((Math.floor((ms + offsetOf(at)) / 86_400_000) + 3) % 7) + 7) % 7
      return style === 'number' ? day + 1 : dayNames[style as 'en' | 'zh'][day]
    }),
    jsonata(v, _, [style, at]) {
      const day = `$weekday($moment(${v}, ${offset(at)}), ${offset(at)})`
      return style === 'number' ? day : `${JSON.stringify(dayNames[style as 'en' | 'zh'])}[${day} - 1]`
    },
  },
  {
    name: 'toRoc', category: 'date', label: words('To the ROC calendar', '轉為民國日期'), summary: words('A date by the calendar of the Republic of China; years before 1912 only in the long form.', '寫成民國日期；民國前僅有完整寫法。'),
    arguments: [argument('style', 'choice', 'Form', '寫法', { constant: true, default: 'long', choices: { long: words('民國115年11月22日', '民國115年11月22日'), slashes: words('115/11/22', '115/11/22'), digits: words('1151122', '1151122') } }), zone],
    example: { value: '2026-11-22', with: ['long', 'Asia/Taipei'], gives: '民國115年11月22日' },
    run: ofMoment(1, (ms, [style, at]) => toRoc(toParts(ms, at), style as string)),
    jsonata: (v, [style], [, at]) => `$toRoc($moment(${v}, ${offset(at)}), ${style}, ${offset(at)})`,
  },
  {
    name: 'fromRoc', category: 'date', label: words('From the ROC calendar', '由民國日期轉換'), summary: words('Reads a date of the ROC calendar in any of its forms, years before 1912 included.', '讀取 民國115年11月22日、115/11/22、1151122 或 民國前1年1月1日。'),
    arguments: [], example: { value: '民國115年11月22日', with: [], gives: '2026-11-22' },
    run: (value) => fromRoc(value), jsonata: (v) => `$fromRoc(${v})`,
  },
  {
    name: 'toMillis', category: 'date', label: words('Date as milliseconds', '轉為毫秒'), summary: words('Milliseconds since 1970, to the second.', '1970 年起的毫秒數，取至秒。'),
    arguments: [zone], example: { value: '1970-01-02T00:00:00Z', with: ['Asia/Taipei'], gives: 86_400_000 },
    run: ofMoment(0, (ms) => ms), jsonata: (v, _, [at]) => `$moment(${v}, ${offset(at)})`,
  },
]

/** The same day so many months on, the last of the month where there is no such day. */
function addMonths(ms: number, months: number, zone: unknown): number | undefined {
  const { year, month, day } = toParts(ms, zone)
  const count = year * 12 + month - 1 + months
  const toYear = Math.floor(count / 12)
  const toMonth = (count % 12) + 1
  if (toYear < 1 || toYear > 9998) return undefined
  const firstDay = toDays(toYear, toMonth, 1)!
  const nextFirst = toMonth === 12 ? toDays(toYear + 1, 1, 1)! : toDays(toYear, toMonth + 1, 1)!
  const from = Math.floor((ms + offsetOf(zone)) / 86_400_000)
  return ms + (firstDay + Math.min(day, nextFirst - firstDay) - 1 - from) * 86_400_000
}
