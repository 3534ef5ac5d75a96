import { toNumber } from '../scalars.ts'
import { argument, words, type MapFunction } from '../function.ts'

/** Units, each as a multiple of its kind’s base unit, and for temperatures what is added first. */
export const units: Readonly<Record<string, readonly [kind: string, factor: number, add?: number]>> = {
  mm: ['length', 0.001], cm: ['length', 0.01], m: ['length', 1], km: ['length', 1000], inch: ['length', 0.0254], foot: ['length', 0.3048], mile: ['length', 1609.344],
  g: ['weight', 0.001], kg: ['weight', 1], t: ['weight', 1000], 台斤: ['weight', 0.6], 台兩: ['weight', 0.0375], lb: ['weight', 0.45359237],
  'm²': ['area', 1], 坪: ['area', 400 / 121], 甲: ['area', 9699.17], ha: ['area', 10_000], 'km²': ['area', 1_000_000],
  '°C': ['temperature', 1, 0], '°F': ['temperature', 5 / 9, -32], K: ['temperature', 1, -273.15],
  'm/s': ['speed', 1], 'km/h': ['speed', 1 / 3.6], knot: ['speed', 1852 / 3600],
  Pa: ['pressure', 1], hPa: ['pressure', 100], mmHg: ['pressure', 133.322387415],
  ml: ['volume', 0.001], l: ['volume', 1], 'm³': ['volume', 1000],
  s: ['time', 1], min: ['time', 60], h: ['time', 3600], day: ['time', 86_400],
  byte: ['data', 1], KB: ['data', 1000], MB: ['data', 1_000_000], GB: ['data', 1_000_000_000],
}

const choices = Object.fromEntries(Object.keys(units).map((name) => [name, words(name, name)]))

/** Value of one unit in another: first added, then multiplied, then added. `undefined` when they measure different things. */
export function toConversion(from: string, to: string): { readonly before: number; readonly times: number; readonly after: number } | undefined {
  const [kind, factor, before = 0] = units[from] ?? []
  const [otherKind, otherFactor, after = 0] = units[to] ?? []
  if (kind === undefined || kind !== otherKind) return undefined
  return { before, times: factor! / otherFactor!, after: -after }
}

/** Units of measure. */
export const convertFunctions: readonly MapFunction[] = [
  {
    name: 'unit', category: 'convert', label: words('Convert units', '單位換算'), summary: words('A number of one unit in another: length, weight, area, temperature, speed, pressure, volume, time, data.', '單位換算：長度、重量、面積、溫度、速度、壓力、容積、時間、資料量。'),
    arguments: [argument('from', 'choice', 'From', '原單位', { constant: true, choices, default: 'm' }), argument('to', 'choice', 'To', '新單位', { constant: true, choices, default: 'km' })],
    example: { value: 1500, with: ['m', 'km'], gives: 1.5 },
    run(value, [from, to]) {
      const read = toNumber(value)
      const conversion = toConversion(from as string, to as string)
      return read === undefined || !conversion ? undefined : (read + conversion.before) * conversion.times + conversion.after
    },
    jsonata(v, _, [from, to]) {
      const conversion = toConversion(String(from), String(to))
      return conversion ? `($num(${v}) + ${literal(conversion.before)}) * ${literal(conversion.times)} + ${literal(conversion.after)}` : '$list.nothing'
    },
  },
]

/** JSONata takes no sign in front of a number in the middle of a sum without brackets. */
function literal(value: number): string {
  return value < 0 ? `(${value})` : String(value)
}
