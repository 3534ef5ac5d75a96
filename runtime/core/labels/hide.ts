import { resolve } from '../http/body.ts'
import type { Message } from '../message.ts'
import type { LabelEntry, LabelMap } from './label-map.ts'
import { every, type LabelPath, restBelow } from './label-path.ts'

interface Hidden {
  readonly path: LabelPath
  readonly label: string
}

const deepest = 40

/**
 * A copy of a value for people to look at, in which whatever may carry a label in clear, released or not, is said by the label alone: `[pid]`. Only
 * what lies above it is copied. Text and bytes in which labelled fields would lie are hidden as a whole.
 */
export function hideLabels(value: unknown, labels: LabelMap | undefined): unknown {
  const { entries } = labels?.unseen ?? { entries: [] as readonly LabelEntry[] }
  return entries.length === 0 ? value : hide(value, entries, 1)
}

/** The same of a message, which stays one: of data that may be anywhere in it every field is hidden. */
export function hideInMessage(message: Message, labels: LabelMap | undefined): Message {
  const { entries } = labels?.unseen ?? { entries: [] as readonly LabelEntry[] }
  return entries.length === 0 ? message : (hide(message, entries, 0) as Message)
}

/** Texts and numbers of a message, as text, that are not for people who look on. */
export function textsUnseen(message: Message, labels: LabelMap): string[] {
  const texts = new Set<string>()
  collect(message, hideInMessage(message, labels), texts, 0)
  return [...texts]
}

/** All that stands in a value, but not in its copy. */
function collect(given: unknown, shown: unknown, texts: Set<string>, depth: number): void {
  if (given === shown || depth > deepest) return
  const value = read(given)
  const container = toContainer(value)
  if (container) for (const [key, one] of Object.entries(container)) collect(one, toContainer(shown) ? (shown as Record<string, unknown>)[key] : undefined, texts, depth + 1)
  else if ((typeof value === 'string' && value !== '') || typeof value === 'number') texts.add(String(value))
  else if (value instanceof Uint8Array) texts.add(new TextDecoder().decode(value))
}

function hide(given: unknown, entries: readonly Hidden[], depth: number): unknown {
  if (given === undefined || given === null) return given
  const whole = entries.filter(({ path }) => path.length === 0)
  const marks = (found: readonly Hidden[]) => `[${[...new Set(found.map(({ label }) => label))].sort().join(', ')}]`
  if (depth > 0 && whole.length > 0) return marks(whole)
  const value = read(given)
  const container = toContainer(value)
  if (!container || depth > deepest) return marks(entries)
  const copy: Record<string | number, unknown> = Array.isArray(container) ? ([] as unknown as Record<number, unknown>) : {}
  for (const [name, one] of Object.entries(container)) {
    const key = Array.isArray(container) ? Number(name) : name
    // Of a member whose name is a number nobody knows whether a place of a list was meant.
    const part = typeof key === 'string' && /^\d+$/.test(key) ? every : key
    const below = entries.flatMap(({ path, label }) => restBelow(path, [part]).map((rest) => ({ path: rest, label })))
    const shown = below.length === 0 || isMark(key, one, depth) ? one : hide(one, below, depth + 1)
    Object.defineProperty(copy, key, { value: shown, enumerable: true, configurable: true, writable: true })
  }
  return copy
}

/** What of a message is no data of anybody's. */
function isMark(key: string | number, value: unknown, depth: number): boolean {
  return depth === 0 && (key === '_msgid' || (key === 'res' && typeof value === 'object'))
}

function read(value: unknown): unknown {
  try {
    return resolve(value)
  } catch {
    return ''
  }
}

/** Lists and plain objects; an object that says itself what it shows, by that. */
function toContainer(value: unknown): object | undefined {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || value instanceof Date) return undefined
  if (Array.isArray(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return value
  const { toJSON } = value as { toJSON?: unknown }
  const plain: unknown = typeof toJSON === 'function' ? (toJSON as () => unknown).call(value) : undefined
  return typeof plain === 'object' && plain !== null ? plain : undefined
}
