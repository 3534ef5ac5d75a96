import type { Reader, Spend } from './function.ts'
import { functionOf } from './functions.ts'
import type { Row, RowStep } from './row.ts'
import { isObject, mergeFields, toList, type Plain } from './scalars.ts'
import { parseSource, readSource, type Open } from './source-path.ts'
import { toLayout, type Branch } from './table.ts'
import { parseTarget } from './target.ts'

/** What rows read. */
export interface Given {
  /** A property of the message. */
  root(name: string): unknown
  /** Opens what nobody has parsed yet. */
  readonly open: Open
  /** Told of every row: the value it gave, and after which function nothing was left (-1: the source had nothing). For the preview. */
  watch?(place: string, value: unknown, lost: number | undefined): void
  /** Told of the list whose items a table within goes through. */
  watchItems?(place: string, items: readonly unknown[]): void
  /** Told of what a function is about to work on. */
  watchStep?(place: string, step: number, value: unknown, args: readonly unknown[]): void
}

/** More work than one message may cost. */
export class TooMuchWork extends Error {
  constructor() {
    super('The message is too large for this table.')
  }
}

/** How many items of lists, fields of objects and pieces of text one message may cost. */
export const workLimit = 2_000_000

interface Frame {
  readonly given: Given
  readonly spend: Spend
  readonly names: Map<string, unknown>
  readonly outer: Frame | undefined
  readonly item: unknown
  readonly position: number
}

type Read = (frame: Frame) => unknown

function fieldReader(text: string): Reader {
  const path = parseSource(text)
  if (!path) return (item) => item
  const [name] = path
  const general: Reader = (item) => readSource(item, path, itself, nothing)
  if (path.length > 1 || typeof name !== 'string') return general
  // What nearly every field is: a name of an object.
  return (item) => (isObject(item) ? (Object.hasOwn(item, name) ? item[name] : undefined) : general(item))
}

const itself = (value: unknown) => value
const nothing = () => {}

/**
 * Makes a table ready to run. Its work is linear in what it reads, lists times rows at most, and bounded by
 * {@link workLimit}. Rows must have been checked; what is wrong with them all the same gives nothing.
 * @throws TooMuchWork when it runs
 */
export function compileRows(rows: readonly Row[]): (given: Given) => unknown {
  const table = compileTable(rows, '', 0)
  return (given) => {
    let left = workLimit
    const spend = (items: number) => {
      left -= items
      if (left < 0) throw new TooMuchWork()
    }
    return table({ given, spend, names: new Map(), outer: undefined, item: undefined, position: 0 })
  }
}

function compileTable(rows: readonly Row[], prefix: string, depth: number): Read {
  const reads = rows.map((row, i) => compileRow(row, `${prefix}${i}`, depth))
  const names = rows.map((row) => {
    const target = parseTarget(row.to)
    return target?.kind === 'name' ? target.name : undefined
  })
  const layout = toLayout(rows)
  const whole = 'whole' in layout ? layout.whole : undefined
  const make = 'branch' in layout ? compileBranch(layout.branch) : undefined
  return (frame) => {
    const values: unknown[] = []
    for (let i = 0; i < reads.length; i += 1) {
      const value = reads[i]!(frame)
      const name = names[i]
      if (name !== undefined) frame.names.set(name, value)
      values.push(value)
    }
    frame.spend(values.length)
    return whole === undefined ? make!(values, frame) : values[whole]
  }
}

type Build = (values: readonly unknown[], frame: Frame) => unknown

function compileBranch(branch: Branch): Build {
  const names = [...branch.fields.keys()]
  const fields = [...branch.fields.values()].map((below): number | Build => (typeof below === 'number' ? below : compileBranch(below)))
  const { spreads } = branch
  return (values, frame) => {
    const object: Record<string, unknown> = spreads.length === 0
      ? {}
      : mergeFields(spreads.map((place) => frame.given.open(values[place])).filter(isObject) as Plain[], frame.spend)
    for (let i = 0; i < names.length; i += 1) {
      const below = fields[i]!
      const value = typeof below === 'number' ? values[below] : below(values, frame)
      if (value !== undefined) object[names[i]!] = value
    }
    return object
  }
}

function compileRow(row: Row, place: string, depth: number): Read {
  const source: Read = row.from === undefined ? () => row.value : compileSource(row.from, depth)
  const steps = (row.do ?? []).map((step, i) => compileStep(step, depth, place, i))
  const each = row.each && compileTable(row.each, `${place}.each.`, depth + 1)
  return (frame) => {
    let value = source(frame)
    let lost = value === undefined ? -1 : undefined
    for (const [i, step] of steps.entries()) {
      value = step(value, frame)
      if (value !== undefined) lost = undefined
      else lost ??= i
    }
    if (value === undefined || value === null) value = row.default === undefined ? value : row.default
    if (each && value !== undefined && value !== null) {
      const list = toList(frame.given.open(value))
      frame.spend(list.length)
      frame.given.watchItems?.(place, list)
      const made: unknown[] = []
      for (const [i, item] of list.entries()) {
        const one = each({ given: i === 0 ? frame.given : unwatched(frame.given), spend: frame.spend, names: new Map(), outer: frame, item, position: i + 1 })
        if (one !== undefined) made.push(one)
      }
      value = made
    }
    frame.given.watch?.(place, value, value === undefined || value === null ? lost : undefined)
    return value
  }
}

/** The preview shows the first item of a list. */
function unwatched(given: Given): Given {
  return given.watch || given.watchItems || given.watchStep ? { root: given.root, open: given.open } : given
}

/** A source: of the message, of the item in hand (`item`, `parent`, `position`), or of a row above (`$name`). */
function compileSource(text: string, depth: number): Read {
  const path = parseSource(text)
  if (!path) return () => undefined
  const [first, ...rest] = path
  const start = toStart(String(first), depth)
  return rest.length === 0 ? start : (frame) => readSource(start(frame), rest, frame.given.open, frame.spend)
}

function toStart(name: string, depth: number): Read {
  if (name.startsWith('$')) {
    return (frame) => {
      for (let at: Frame | undefined = frame; at; at = at.outer) if (at.names.has(name.slice(1))) return at.names.get(name.slice(1))
      return undefined
    }
  }
  if (depth > 0 && name === 'item') return (frame) => frame.item
  if (depth > 0 && name === 'position') return (frame) => frame.position
  if (depth > 1 && name === 'parent') return (frame) => frame.outer?.item
  return (frame) => frame.given.root(name)
}

function compileStep(step: RowStep, depth: number, place: string, at: number): (value: unknown, frame: Frame) => unknown {
  const used = functionOf(step.function)
  if (!used) return () => undefined
  const reads = used.arguments.map((one, i): Read => {
    const given = step.with?.[i] as { readonly value?: unknown; readonly from?: string } | undefined
    if (given?.from !== undefined) {
      const read = compileSource(given.from, depth)
      return (frame) => frame.given.open(read(frame))
    }
    const constant = given?.value === undefined ? one.default : given.value
    if (one.kind !== 'field') return () => constant
    const reader = fieldReader(String(constant ?? ''))
    return () => reader
  })
  return (value, frame) => {
    const opened = frame.given.open(value)
    charge(opened, frame.spend)
    const args = reads.map((read) => read(frame))
    frame.given.watchStep?.(place, at, opened, args)
    const result = used.run(opened, args, frame.spend)
    charge(result, frame.spend)
    return result
  }
}

/** Long texts cost by their length. */
function charge(value: unknown, spend: Spend): void {
  spend(typeof value === 'string' ? 1 + value.length / 100 : 1)
}
