import { toConversion, units } from './functions/convert.ts'
import { functionOf } from './functions.ts'
import type { Argument, MapFunction } from './function.ts'
import { limits, type Row, type RowStep, type Words } from './row.ts'
import { isObject } from './scalars.ts'
import { parseSource } from './source-path.ts'
import { parseTarget } from './target.ts'

/** Something wrong with a table, said so that it can be mended. */
export interface RowProblem {
  readonly code: 'map.rows' | 'map.target' | 'map.duplicate' | 'map.source' | 'map.function' | 'map.arguments' | 'map.argument' | 'map.join_key'
  /** Place of the row: `3`, or `3.each.1` for a row of the table within. */
  readonly place: string
  /** Place of the function in its row, and of the argument in it. */
  readonly step?: number
  readonly argument?: number
  readonly message: Words
  readonly remedy: Words
}

interface Scope {
  readonly names: ReadonlySet<string>
  readonly depth: number
}

/** What is wrong with a table; nothing when it is fine. Looks at rows that may be anything. */
export function checkRows(rows: unknown): readonly RowProblem[] {
  const problems: RowProblem[] = []
  checkTable(rows, '', { names: new Set(), depth: 0 }, problems)
  return problems
}

/** `row 3`, `row 3, row 2 within`: rows as people count them. */
export function sayPlace(place: string): Words {
  const numbers = place.split('.each.').filter((part) => part !== '').map((part) => Number(part) + 1)
  return {
    en: numbers.map((number, i) => (i === 0 ? `row ${number}` : `row ${number} of its items`)).join(', ') || 'the table',
    'zh-TW': numbers.map((number, i) => (i === 0 ? `第 ${number} 列` : `其項目的第 ${number} 列`)).join('，') || '表格',
  }
}

type Report = (code: RowProblem['code'], en: string, zh: string, remedyEn: string, remedyZh: string, at?: { readonly step?: number; readonly argument?: number }) => void

function checkTable(rows: unknown, prefix: string, scope: Scope, problems: RowProblem[]): void {
  const at = (place: string): Report => (code, en, zh, remedyEn, remedyZh, where = {}) => {
    const said = sayPlace(place)
    problems.push({ code, place, ...where, message: { en: `${capital(said.en)}: ${en}`, 'zh-TW': `${said['zh-TW']}：${zh}` }, remedy: { en: remedyEn, 'zh-TW': remedyZh } })
  }
  const table = at(prefix.replace(/\.each\.$/, ''))
  if (!Array.isArray(rows)) return table('map.rows', 'the rows are no list.', '列不是清單。', 'Make them a list of rows.', '請改成由列組成的清單。')
  if (rows.length === 0) return table('map.rows', 'there is no row, so nothing would be made.', '沒有任何列，不會產生內容。', 'Add a row with a target field and a source.', '請加入一列，並填寫目標欄位與來源。')
  if (rows.length > limits.rows) return table('map.rows', `there are more than ${limits.rows} rows.`, `超過 ${limits.rows} 列。`, 'Split the table over two map nodes.', '請分成兩個 map 節點。')
  if (scope.depth > limits.depth) return table('map.rows', `tables lie more than ${limits.depth} deep.`, `巢狀表格超過 ${limits.depth} 層。`, 'Make the inner list in a map node of its own.', '請以另一個 map 節點處理內層清單。')

  const names = new Set(scope.names)
  const targets = new Map<string, number>()
  for (const [i, row] of (rows as unknown[]).entries()) {
    const place = `${prefix}${i}`
    const report = at(place)
    if (!isObject(row)) {
      report('map.rows', 'it is no row.', '這不是一列。', 'Remove it and add it anew.', '請刪除後重新加入。')
      continue
    }
    const one = row as Partial<Row>
    checkValue(one, place, { ...scope, names }, report, problems)
    const target = typeof one.to === 'string' ? parseTarget(one.to) : undefined
    if (!target) {
      report('map.target', one.to ? `“${shown(one.to)}” is no target field.` : 'the target field is empty.', one.to ? `「${shown(one.to)}」不是目標欄位。` : '目標欄位是空的。', 'Write a name such as temperature or weather.temperature; $name keeps a value for the rows below.', '請填寫如 temperature 或 weather.temperature 的名稱；$name 可保留供下方各列使用的值。')
    } else if (target.kind === 'name') {
      if (names.has(target.name)) duplicate(report, `$${target.name}`)
      names.add(target.name)
    } else {
      checkPlace(target.kind === 'whole' ? '.' : target.kind === 'fields' ? `${target.path.join('\0')}\0*` : target.path.join('\0'), String(one.to), targets, i, report)
    }
  }
  if (targets.size === 0 && rows.every((row) => typeof (row as Partial<Row>)?.to === 'string' && parseTarget((row as Row).to)?.kind === 'name')) {
    table('map.rows', 'every row only keeps a value for others, so nothing would be made.', '每一列都只保留值供他列使用，不會產生內容。', 'Add a row with a target field.', '請加入一列目標欄位。')
  }
}

function duplicate(report: Report, name: string): void {
  report('map.duplicate', `“${name}” is made by a row above as well.`, `上方已有一列產生「${name}」。`, 'Give one of them another target field, or remove it.', '請更改其中一列的目標欄位，或刪除其中一列。')
}

/** Two rows for one place, one inside what the other makes as a whole, or anything beside the whole result. */
function checkPlace(key: string, shown: string, targets: Map<string, number>, place: number, report: Report): void {
  if (key.endsWith('\0*') || key === '\0*') {
    targets.set(`${key}${place}`, place) // several objects may be spread at one place
    return
  }
  const others = [...targets.keys()].filter((other) => !other.includes('\0*'))
  if (targets.has(key)) duplicate(report, shown)
  else if ((key === '.' && targets.size > 0) || targets.has('.')) report('map.duplicate', '“.” is the whole result, and another row makes a field of it.', '「.」是整個結果，另一列卻產生其中的欄位。', 'Keep the row “.” alone, or give it a target field.', '請只保留「.」這一列，或為它填寫目標欄位。')
  else if (others.some((other) => other.startsWith(`${key}\0`) || key.startsWith(`${other}\0`))) report('map.duplicate', `“${shown}” and a row above lie one inside the other.`, `「${shown}」與上方某列的目標互相包含。`, 'Make the object by one row, or each of its fields by a row.', '請以一列產生整個物件，或以各列分別產生其欄位。')
  targets.set(key, place)
}

function checkValue(row: Partial<Row>, place: string, scope: Scope, report: Report, problems: RowProblem[]): void {
  const reads = row.from !== undefined
  if (reads) checkSource(row.from, scope, report, {})
  else if (row.value === undefined) report('map.source', 'there is neither a source nor a constant.', '既沒有來源也沒有常數。', 'Pick a source from the tree, or enter a constant.', '請從樹狀圖選取來源，或輸入常數。')
  const steps: readonly unknown[] = Array.isArray(row.do) ? row.do : []
  if (row.do !== undefined && !Array.isArray(row.do)) report('map.function', 'its functions are no list.', '函式不是清單。', 'Remove them and pick them anew.', '請刪除後重新選取。')
  if (steps.length > limits.steps) report('map.function', `it has more than ${limits.steps} functions.`, `函式超過 ${limits.steps} 個。`, 'Keep the value in between under a $name.', '請以 $名稱 保留中間的值。')
  for (const [i, step] of steps.slice(0, limits.steps).entries()) checkStep(step as Partial<RowStep>, i, scope, report)
  if (row.each !== undefined) checkTable(row.each, `${place}.each.`, { names: scope.names, depth: scope.depth + 1 }, problems)
}

function checkSource(source: unknown, scope: Scope, report: Report, at: { readonly step?: number; readonly argument?: number }): void {
  const path = typeof source === 'string' ? parseSource(source) : undefined
  if (!path) {
    report('map.source', source === '' ? 'the source is empty.' : `“${shown(source)}” is no source.`, source === '' ? '來源是空的。' : `「${shown(source)}」不是來源。`, 'Pick it from the tree, or write it like payload.items[].name.', '請從樹狀圖選取，或寫成如 payload.items[].name。', at)
    return
  }
  const first = String(path[0])
  if (first.startsWith('$') && !scope.names.has(first.slice(1))) {
    report('map.source', `no row above makes “${first}”.`, `上方沒有任何一列產生「${first}」。`, 'Put the row that makes it above this one, or correct the name.', '請將產生它的列移到這一列上方，或更正名稱。', at)
  }
  if (scope.depth === 0 && (first === 'item' || first === 'parent' || first === 'position') && path.length > 1 && first !== 'position') {
    report('map.source', `“${first}” is the item of a list, and this row is not within one.`, `「${first}」是清單的項目，但這一列不在清單之內。`, 'Use it in the table of a row that goes through a list, or pick another source.', '請在逐項處理清單的表格中使用，或選取其他來源。', at)
  }
}

function checkStep(step: Partial<RowStep> | null, place: number, scope: Scope, report: Report): void {
  const name = shown(step?.function ?? '')
  const used = functionOf(name)
  const at = { step: place }
  if (!used) {
    report('map.function', `there is no function “${name}”.`, `沒有「${name}」這個函式。`, 'Pick one from the list of functions.', '請從函式清單中選取。', at)
    return
  }
  const given = step?.with ?? []
  const needed = used.arguments.filter((one) => one.default === undefined).length
  if (!Array.isArray(given) || given.length > used.arguments.length || given.length < lastNeeded(used)) {
    report('map.arguments', `“${name}” takes ${needed === used.arguments.length ? String(needed) : `${needed} to ${used.arguments.length}`} arguments, not ${Array.isArray(given) ? given.length : 0}.`, `「${name}」需要 ${needed === used.arguments.length ? String(needed) : `${needed} 至 ${used.arguments.length}`} 個引數，目前為 ${Array.isArray(given) ? given.length : 0} 個。`, `Give it ${used.arguments.map((one) => one.label.en).join(', ') || 'none'}.`, `請填寫：${used.arguments.map((one) => one.label['zh-TW']).join('、') || '不需引數'}。`, at)
    return
  }
  for (const [i, one] of used.arguments.entries()) {
    const argument: unknown = given[i]
    if (argument === undefined) continue
    if (!isObject(argument) || !('value' in argument || 'from' in argument)) {
      report('map.argument', `${quoted(used, one)} is neither a constant nor a source.`, `${quotedZh(used, one)}既不是常數也不是來源。`, 'Enter a value or pick a source.', '請輸入值或選取來源。', { ...at, argument: i })
    } else if (argument.from !== undefined) {
      if (one.constant) report('map.argument', `${quoted(used, one)} must be a constant.`, `${quotedZh(used, one)}必須是常數。`, 'Enter a value in place of a source.', '請改為輸入值。', { ...at, argument: i })
      else checkSource(argument.from, scope, report, { ...at, argument: i })
    } else {
      checkConstant(used, one, argument.value, (code, ...said) => report(code, said[0], said[1], said[2], said[3], { ...at, argument: i }))
    }
  }
  if (name === 'unit') checkUnits(given, report, at)
}

function lastNeeded(used: MapFunction): number {
  return used.arguments.findLastIndex((one) => one.default === undefined) + 1
}

const quoted = (used: MapFunction, one: Argument) => `“${one.label.en}” of “${used.label.en}”`
const quotedZh = (used: MapFunction, one: Argument) => `「${used.label['zh-TW']}」的「${one.label['zh-TW']}」`

function checkConstant(used: MapFunction, one: Argument, given: unknown, report: Report): void {
  const value = given === undefined ? one.default : given
  const wrong = (en: string, zh: string, remedyEn: string, remedyZh: string) => report('map.argument', `${quoted(used, one)} ${en}`, `${quotedZh(used, one)}${zh}`, remedyEn, remedyZh)
  switch (one.kind) {
    case 'number':
    case 'integer':
      if (typeof value !== 'number' || !Number.isFinite(value)) return wrong('is no number.', '不是數字。', 'Enter a number.', '請輸入數字。')
      if (one.kind === 'integer' && !Number.isInteger(value)) return wrong('is no whole number.', '不是整數。', 'Enter a whole number.', '請輸入整數。')
      if ((one.minimum !== undefined && value < one.minimum) || (one.maximum !== undefined && value > one.maximum)) return wrong(`is not within ${one.minimum ?? '…'} and ${one.maximum ?? '…'}.`, `不在 ${one.minimum ?? '…'} 至 ${one.maximum ?? '…'} 之間。`, 'Enter a number in that range.', '請輸入此範圍內的數字。')
      return
    case 'text':
      if (typeof value !== 'string') return wrong('is no text.', '不是文字。', 'Enter a text.', '請輸入文字。')
      if (one.maximum !== undefined && Array.from(value).length > one.maximum) return wrong(`is longer than ${one.maximum} characters.`, `超過 ${one.maximum} 個字。`, 'Shorten it.', '請縮短。')
      return
    case 'boolean':
      if (typeof value !== 'boolean') return wrong('is neither true nor false.', '不是 true 或 false。', 'Choose one of them.', '請擇一。')
      return
    case 'choice':
      if (typeof value !== 'string' || !Object.hasOwn(one.choices ?? {}, value)) return wrong(`cannot be “${shown(value)}”.`, `不能是「${shown(value)}」。`, `Choose one of ${Object.keys(one.choices ?? {}).join(', ')}.`, `請由 ${Object.keys(one.choices ?? {}).join('、')} 中選擇。`)
      return
    case 'field': {
      const missing = typeof value !== 'string' || value.trim() === ''
      if (missing && one.default === '') return
      if (missing && one.key) return report('map.join_key', `${quoted(used, one)} is empty: without a key nothing can be joined.`, `${quotedZh(used, one)}是空的：沒有鍵就無法合併。`, 'Name the field by which the items belong together.', '請填寫兩邊據以對應的欄位。')
      if (missing || !parseSource(value)) return wrong('is no field of an item.', '不是項目的欄位。', 'Write the name of a field, such as name or position.lat.', '請填寫欄位名稱，例如 name 或 position.lat。')
      return
    }
    case 'list':
      if (!Array.isArray(value)) return wrong('is no list.', '不是清單。', 'Pick a source that is a list, or enter a list of JSON.', '請選取清單來源，或輸入 JSON 清單。')
      return
    case 'object':
      if (!isObject(value)) return wrong('is no object.', '不是物件。', 'Pick a source that is an object, or enter one of JSON.', '請選取物件來源，或輸入 JSON 物件。')
      return
    default:
      if (value === undefined) wrong('is empty.', '是空的。', 'Enter a value or pick a source.', '請輸入值或選取來源。')
  }
}

function checkUnits(given: readonly unknown[], report: Report, at: { readonly step: number }): void {
  const read = (i: number, standard: string) => String((given[i] as { value?: unknown } | undefined)?.value ?? standard)
  const from = read(0, 'm')
  const to = read(1, 'km')
  const known = (name: string) => Object.hasOwn(units, name) // any other was said already
  if (known(from) && known(to) && !toConversion(from, to)) report('map.argument', `${from} cannot be converted to ${to}.`, `${from} 無法換算為 ${to}。`, 'Choose two units of the same kind.', '請選擇同類的兩個單位。', { ...at, argument: 1 })
}

/** What stands there, whatever it is, short enough for a sentence. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
