import { toList, toNumber } from '../scalars.ts'
import { argument, words, type MapFunction, type Spend } from '../function.ts'

const number = (name: string, en: string, zh: string, more = {}) => argument(name, 'number', en, zh, more)
const digits = argument('digits', 'integer', 'Decimals', '小數位數', { constant: true, minimum: 0, maximum: 10, default: 0 })
const finite = (value: number) => (Number.isFinite(value) ? value : undefined)

const ofNumber = (make: (value: number, ...args: any[]) => unknown) => (value: unknown, args: readonly any[]) => {
  const read = toNumber(value)
  return read === undefined ? undefined : make(read, ...args)
}

/** Two numbers, the second from an argument. */
const ofTwo = (make: (a: number, b: number) => number | undefined) => ofNumber((a, other: unknown) => {
  const b = toNumber(other)
  const made = b === undefined ? undefined : make(a, b)
  return made === undefined ? undefined : finite(made)
})

/** Over the numbers of a list; what is no number is passed over. */
const ofNumbers = (make: (numbers: readonly number[]) => number | undefined) => (value: unknown, _: unknown, spend: Spend) => {
  const list = toList(value)
  spend(list.length)
  const numbers = list.flatMap((item) => toNumber(item) ?? [])
  return numbers.length === 0 ? undefined : make(numbers)
}

/** Half away from zero, as people round: by the decimals as they are written, so that 1.005 is 1.01. */
export function roundHalfUp(value: number, digits: number): number {
  const size = Math.abs(value)
  if (size >= 1e15 || size < 1e-6) return size < 1e-6 ? 0 : value
  const scale = 10 ** digits
  const near = size * scale
  // Only next to a half do the decimals as written decide; everywhere else the product is as good and much cheaper.
  if (near < 1e9 && Math.abs(near - Math.floor(near) - 0.5) > 1e-5) {
    const plain = Math.floor(near + 0.5) / scale
    return value < 0 ? -plain : plain
  }
  const shifted = Number(`${size.toPrecision(15)}e${digits}`)
  const rounded = Math.floor(shifted + 0.5) / scale
  return value < 0 ? -rounded : rounded
}

/** `1234567.891` as `1,234,567.89`. */
function formatNumber(value: number, digits: number, separator: string): string | undefined {
  const rounded = roundHalfUp(value, digits)
  if (Math.abs(rounded) >= 1e15) return undefined
  const size = Math.abs(rounded)
  const whole = Math.floor(size)
  const rest = digits === 0 ? '' : `.${String(Math.min(10 ** digits - 1, Math.floor((size - whole) * 10 ** digits + 0.5))).padStart(digits, '0')}`
  const grouped = String(whole).replace(/\B(?=(?:\d{3})+$)/g, separator)
  return `${rounded < 0 ? '-' : ''}${grouped}${rest}`
}

/** Functions over numbers. Texts that are numbers are taken as such. */
export const numberFunctions: readonly MapFunction[] = [
  {
    name: 'number', category: 'number', label: words('As number', '轉為數字'), summary: words('Reads a text as a number; thousands may have commas. Nothing when it is none.', '將文字讀為數字，可有千分位逗號；不是數字時沒有值。'),
    arguments: [], example: { value: '1,234.5', with: [], gives: 1234.5 },
    run: (value) => toNumber(typeof value === 'string' ? value.replaceAll(',', '') : value), jsonata: (v) => `$parsed(${v})`,
  },
  {
    name: 'round', category: 'number', label: words('Round', '四捨五入'), summary: words('Rounds half up to so many decimals.', '四捨五入至指定小數位數。'),
    arguments: [digits], example: { value: 27.45, with: [1], gives: 27.5 },
    run: ofNumber((value, places: number) => roundHalfUp(value, places)), jsonata: (v, [places]) => `$rounded(${v}, ${places})`,
  },
  {
    name: 'floor', category: 'number', label: words('Round down', '無條件捨去'), summary: words('The whole number below.', '取不大於它的整數。'),
    arguments: [], example: { value: 27.9, with: [], gives: 27 },
    run: ofNumber(Math.floor), jsonata: (v) => `$floor($num(${v}))`,
  },
  {
    name: 'ceil', category: 'number', label: words('Round up', '無條件進位'), summary: words('The whole number above.', '取不小於它的整數。'),
    arguments: [], example: { value: 27.1, with: [], gives: 28 },
    run: ofNumber(Math.ceil), jsonata: (v) => `$ceil($num(${v}))`,
  },
  {
    name: 'abs', category: 'number', label: words('Absolute value', '絕對值'), summary: words('The number without its sign.', '去掉正負號。'),
    arguments: [], example: { value: -3, with: [], gives: 3 },
    run: ofNumber(Math.abs), jsonata: (v) => `$abs($num(${v}))`,
  },
  {
    name: 'add', category: 'number', label: words('Add', '加'), summary: words('The value plus a number.', '加上一個數。'),
    arguments: [number('number', 'Number', '數字')], example: { value: 5, with: [3], gives: 8 },
    run: ofTwo((a, b) => a + b), jsonata: (v, [b]) => `$num(${v}) + $num(${b})`,
  },
  {
    name: 'subtract', category: 'number', label: words('Subtract', '減'), summary: words('The value minus a number.', '減去一個數。'),
    arguments: [number('number', 'Number', '數字')], example: { value: 5, with: [3], gives: 2 },
    run: ofTwo((a, b) => a - b), jsonata: (v, [b]) => `$num(${v}) - $num(${b})`,
  },
  {
    name: 'multiply', category: 'number', label: words('Multiply', '乘'), summary: words('The value times a number.', '乘以一個數。'),
    arguments: [number('number', 'Number', '數字')], example: { value: 5, with: [3], gives: 15 },
    run: ofTwo((a, b) => a * b), jsonata: (v, [b]) => `$num(${v}) * $num(${b})`,
  },
  {
    name: 'divide', category: 'number', label: words('Divide', '除'), summary: words('The value divided by a number; nothing when that is 0.', '除以一個數；除數為 0 時沒有值。'),
    arguments: [number('number', 'Number', '數字')], example: { value: 15, with: [3], gives: 5 },
    run: ofTwo((a, b) => (b === 0 ? undefined : a / b)), jsonata: (v, [b]) => `($b := $num(${b}); $b != 0 ? $num(${v}) / $b)`,
  },
  {
    name: 'remainder', category: 'number', label: words('Remainder', '取餘數'), summary: words('What is left after a division.', '相除後的餘數。'),
    arguments: [number('number', 'Number', '數字')], example: { value: 17, with: [5], gives: 2 },
    run: ofTwo((a, b) => (b === 0 ? undefined : a % b)), jsonata: (v, [b]) => `($b := $num(${b}); $b != 0 ? $num(${v}) % $b)`,
  },
  {
    name: 'clamp', category: 'number', label: words('Keep within', '限制範圍'), summary: words('Not below the first number, not above the second.', '不小於下限、不大於上限。'),
    arguments: [number('least', 'At least', '下限', { constant: true }), number('most', 'At most', '上限', { constant: true })], example: { value: 130, with: [0, 100], gives: 100 },
    run: ofNumber((value, least: number, most: number) => Math.min(Math.max(value, least), most)), jsonata: (v, [least, most]) => `($v := $num(${v}); $exists($v) ? $min([$max([$v, ${least}]), ${most}]))`,
  },
  {
    name: 'sum', category: 'number', label: words('Sum', '總和'), summary: words('The numbers of a list together.', '清單中數字的總和。'),
    arguments: [], example: { value: [3, 5, '4'], with: [], gives: 12 },
    run: (value, _, spend) => {
      const list = toList(value)
      spend(list.length)
      return finite(list.reduce<number>((sum, item) => sum + (toNumber(item) ?? 0), 0))
    },
    jsonata: (v) => `$sum($list($nums(${v})))`,
  },
  {
    name: 'average', category: 'number', label: words('Average', '平均'), summary: words('The mean of the numbers of a list.', '清單中數字的平均。'),
    arguments: [], example: { value: [3, 5, 4], with: [], gives: 4 },
    run: ofNumbers((numbers) => finite(numbers.reduce((sum, one) => sum + one, 0) / numbers.length)), jsonata: (v) => `$average($nums(${v}))`,
  },
  {
    name: 'min', category: 'number', label: words('Smallest', '最小值'), summary: words('The smallest number of a list.', '清單中最小的數字。'),
    arguments: [], example: { value: [21, 18, 25], with: [], gives: 18 },
    run: ofNumbers((numbers) => numbers.reduce((least, one) => Math.min(least, one))), jsonata: (v) => `$min($nums(${v}))`,
  },
  {
    name: 'max', category: 'number', label: words('Largest', '最大值'), summary: words('The largest number of a list.', '清單中最大的數字。'),
    arguments: [], example: { value: [21, 18, 25], with: [], gives: 25 },
    run: ofNumbers((numbers) => numbers.reduce((most, one) => Math.max(most, one))), jsonata: (v) => `$max($nums(${v}))`,
  },
  {
    name: 'formatNumber', category: 'number', label: words('Write a number', '數字格式'), summary: words('A number as text, with decimals and a separator of thousands.', '將數字寫成文字，含小數位數與千分位。'),
    arguments: [digits, argument('separator', 'text', 'Thousands', '千分位', { constant: true, default: ',', maximum: 1 })], example: { value: 1234567.891, with: [2, ','], gives: '1,234,567.89' },
    run: ofNumber(formatNumber),
    jsonata: (v, [places, separator]) => `$numberText(${v}, ${places}, ${separator})`,
  },
]
