import { LabelMap, unionOf } from '../../runtime/core/labels/label-map.ts'
import { every as anyItem } from '../../runtime/core/labels/label-path.ts'
import { putAt } from '../../runtime/core/labels/names.ts'
import { type AlongNames, asValue, flat, itemsOf, nameBelow } from '../../runtime/core/labels/through-lists.ts'
import type { Row } from './mapping/row.ts'
import { every, parseSource } from './mapping/source-path.ts'
import { parseTarget } from './mapping/target.ts'
import type { MapConfig } from './map.ts'

/** What a table within a table reads beside the message. */
interface Around {
  readonly message: LabelMap
  readonly item: LabelMap
  readonly names: Map<string, LabelMap>
  readonly outer: Around | undefined
  readonly depth: number
}

/** What is known of the message behind a table: field from field, and the union of what functions are given. */
export function followTable({ rows, into }: MapConfig, input: LabelMap): LabelMap {
  const made = ofRows(rows, { message: input, item: LabelMap.none, names: new Map(), outer: undefined, depth: 0 })
  return putAt(input, into, made)
}

function ofRows(rows: readonly Row[], around: Around): LabelMap {
  const made: LabelMap[] = []
  for (const row of rows) {
    const target = parseTarget(row.to)
    const value = ofRow(row, around)
    if (target?.kind === 'name') around.names.set(target.name, value)
    else made.push(value.under(target && target.kind !== 'whole' ? target.path : []))
  }
  return unionOf(made)
}

function ofRow(row: Row, around: Around): LabelMap {
  const steps = row.do ?? []
  let value = row.from === undefined ? LabelMap.none : read(row.from, around)
  if (steps.length > 0) {
    const given = steps.flatMap(({ with: args = [] }) => args.map((one) => ('from' in one ? read(one.from, around) : LabelMap.none)))
    value = unionOf([value, ...given]).anywhere
  }
  if (!row.each) return value
  const item = flat(value).and(value.at([anyItem]))
  return ofRows(row.each, { message: around.message, item, names: new Map(), outer: around, depth: around.depth + 1 }).under([anyItem])
}

function read(text: string, around: Around): LabelMap {
  const path = parseSource(text)
  if (!path) return LabelMap.none
  const [first, ...rest] = path
  let at: AlongNames = { plain: start(String(first), around), listed: LabelMap.none }
  let asList = false
  for (const part of rest) {
    if (typeof part === 'string') at = nameBelow(at, part)
    else if (part === every) asList = true
    else {
      const all = asValue(at)
      at = { plain: all, listed: unionOf([itemsOf(all), all.at([anyItem])]) }
    }
  }
  const value = asValue(at)
  return asList ? value.and(flat(value).under([anyItem])) : value
}

function start(name: string, around: Around): LabelMap {
  if (name.startsWith('$')) {
    for (let at: Around | undefined = around; at; at = at.outer) {
      const found = at.names.get(name.slice(1))
      if (found) return found
    }
    return LabelMap.none
  }
  if (around.depth > 0 && name === 'item') return around.item
  if (around.depth > 0 && name === 'position') return LabelMap.none
  if (around.depth > 1 && name === 'parent') return around.outer?.item ?? LabelMap.none
  return around.message.at([name])
}
