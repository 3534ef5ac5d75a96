/** What functions take the values of messages for. Each has its twin in the prelude of the JSONata rendering. */

export type Plain = { readonly [name: string]: unknown }

export function isObject(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text; numbers and booleans as text. `undefined` for anything else. */
export function toText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  // Fifteen digits, as JSONata prints: 0.1 + 0.2 is 0.3 to whoever reads it.
  if (typeof value === 'number') return Number.isFinite(value) ? JSON.stringify(Number(value.toPrecision(15))) : undefined
  return typeof value === 'boolean' ? String(value) : undefined
}

const numeric = /^-?[0-9]{1,200}(\.[0-9]{1,200})?([Ee][-+]?[0-9]{1,2})?$/

/** A finite number, or a text that is one. */
export function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  return numeric.test(text) ? Number(text) : undefined
}

/** Everything as a list: nothing is the empty one, a single value a list of one. */
export function toList(value: unknown): readonly unknown[] {
  if (value === undefined) return []
  return Array.isArray(value) ? (value as unknown[]) : [value]
}

/** Nothing, null, an empty text, list or object. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true
  if (Array.isArray(value)) return value.length === 0
  if (!isObject(value)) return false
  for (const name in value) if (Object.hasOwn(value, name)) return false
  return true
}

/** The fields of objects in one new object, the later over the earlier; each field is counted. */
export function mergeFields(objects: readonly Plain[], spend: (items: number) => void): Record<string, unknown> {
  const merged: Record<string, unknown> = {}
  for (const object of objects) {
    const names = Object.keys(object)
    spend(names.length)
    for (const name of names) {
      if (name === '__proto__') Object.defineProperty(merged, name, { value: object[name], enumerable: true, configurable: true, writable: true })
      else merged[name] = object[name]
    }
  }
  return merged
}

/** Whether a value counts as yes: neither empty nor false nor zero. */
export function isYes(value: unknown): boolean {
  return value !== false && value !== 0 && !isEmpty(value)
}

/** Order of two values: numbers (and their texts) first, by size; then texts; then whatever is neither. */
export function compare(a: unknown, b: unknown): number {
  const first = toNumber(a)
  const second = toNumber(b)
  if (first !== undefined && second !== undefined) return first < second ? -1 : first > second ? 1 : 0
  if (first !== undefined || second !== undefined) return first !== undefined ? -1 : 1
  const one = toText(a)
  const other = toText(b)
  if (one !== undefined && other !== undefined) return one < other ? -1 : one > other ? 1 : 0
  if (one !== undefined || other !== undefined) return one !== undefined ? -1 : 1
  return 0
}
