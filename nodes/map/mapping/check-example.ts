import { sayPlace, type RowProblem } from './check.ts'
import { compileRows, TooMuchWork } from './evaluate.ts'
import type { Reader } from './function.ts'
import { functionOf } from './functions.ts'
import type { Row } from './row.ts'
import { isObject, toList } from './scalars.ts'

/** An example as text: a message, or the payload of one. `undefined` when it is no JSON or empty. */
export function parseExample(text: string): { readonly [name: string]: unknown } | undefined {
  if (text.trim() === '') return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) && ('payload' in value || 'req' in value) ? value : { payload: value }
  } catch {
    return undefined
  }
}

/** Joins that an example message shows to be impossible: no item has the key. Rows must have been checked. */
export function checkExample(rows: readonly Row[], text: string): readonly RowProblem[] {
  const message = parseExample(text)
  const problems = new Map<string, RowProblem>()
  if (!message) return []
  try {
    compileRows(rows)({
      root: (name) => (Object.hasOwn(message, name) ? message[name] : undefined),
      open: (value) => value,
      watchStep(place, step, value, args) {
        for (const problem of checkKeys(findStep(rows, place, step), place, step, value, args)) problems.set(`${place} ${step} ${problem.argument}`, problem)
      },
    })
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error
  }
  return [...problems.values()]
}

function findStep(rows: readonly Row[], place: string, step: number) {
  let row: Row | undefined
  let table: readonly Row[] = rows
  for (const part of place.split('.each.')) {
    row = table[Number(part)]
    table = row?.each ?? []
  }
  return row?.do?.[step]
}

function* checkKeys(step: NonNullable<Row['do']>[number] | undefined, place: string, at: number, value: unknown, args: readonly unknown[]): Generator<RowProblem> {
  const used = functionOf(step?.function ?? '')
  for (const [i, one] of (used?.arguments ?? []).entries()) {
    if (!one.key) continue
    const items = toList(one.of === undefined ? value : args[one.of])
    if (items.length === 0 || items.some((item) => (args[i] as Reader)(item) !== undefined)) continue
    const given = (step?.with?.[i] as { value?: unknown } | undefined)?.value ?? one.default
    const said = sayPlace(place)
    yield {
      code: 'map.join_key', place, step: at, argument: i,
      message: {
        en: `${said.en.charAt(0).toUpperCase()}${said.en.slice(1)}: in the example no item has the field “${String(given)}” (${one.label.en}), so nothing can be joined.`,
        'zh-TW': `${said['zh-TW']}：範例中沒有任何項目具有「${String(given)}」欄位（${one.label['zh-TW']}），無法合併。`,
      },
      remedy: { en: 'Name a field that the items have, or take a newer example.', 'zh-TW': '請填寫項目具有的欄位，或更新範例。' },
    }
  }
}
