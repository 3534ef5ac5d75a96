import { isObject } from './scalars.ts'
import { every, printSource, type SourcePath } from './source-path.ts'

/** A place of a message as the tree of sources shows it. */
export interface Place {
  readonly name: string
  /** As a row’s source has it. */
  readonly source: string
  readonly kind: 'object' | 'list' | 'text' | 'number' | 'boolean' | 'null'
  /** A value that was found there, shortened; of a list how many items. */
  readonly sample: string
  readonly below: readonly Place[]
}

const widest = 200
const deepest = 9
const itemsLooked = 20

/** What a value carries, as a tree. Items of a list are shown as one, with the fields of all that were looked at. */
export function toPlaces(value: unknown, name: string, path: SourcePath, depth = 0): Place {
  const kind = kindOf(value)
  return { name, source: printSource(path), kind, sample: sampleOf(value), below: depth >= deepest ? [] : belowOf(value, path, depth) }
}

function belowOf(value: unknown, path: SourcePath, depth: number): readonly Place[] {
  if (isObject(value)) return Object.entries(value).slice(0, widest).map(([name, one]) => toPlaces(one, name, [...path, name], depth + 1))
  if (!Array.isArray(value)) return []
  const items = value.slice(0, itemsLooked).filter(isObject)
  const merged = new Map<string, unknown>()
  for (const item of items) {
    for (const [name, one] of Object.entries(item).slice(0, widest)) if (!merged.has(name) || merged.get(name) === null) merged.set(name, one)
  }
  return [...merged].map(([name, one]) => toPlaces(one, name, [...path, every, name], depth + 1))
}

export function kindOf(value: unknown): Place['kind'] {
  if (Array.isArray(value)) return 'list'
  if (isObject(value)) return 'object'
  if (typeof value === 'string') return 'text'
  return typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'null'
}

function sampleOf(value: unknown): string {
  if (Array.isArray(value)) return String(value.length)
  if (isObject(value)) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value) ?? ''
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}
