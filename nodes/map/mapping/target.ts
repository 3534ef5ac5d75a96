import { parseSource } from './source-path.ts'

/** Where the value of a row goes. */
export type Target =
  | { readonly kind: 'field'; readonly path: readonly string[] }
  /** All fields of the value, at this place. */
  | { readonly kind: 'fields'; readonly path: readonly string[] }
  /** The whole result. */
  | { readonly kind: 'whole' }
  /** A value for later rows. */
  | { readonly kind: 'name'; readonly name: string }

/** Parses `weather.temperatureC`, `weather.*`, `*`, `.` or `$name`. `undefined` when it is none. */
export function parseTarget(text: string): Target | undefined {
  if (text === '.') return { kind: 'whole' }
  if (text === '*') return { kind: 'fields', path: [] }
  if (text.startsWith('$')) return /^\$[A-Za-z][A-Za-z0-9_]{0,63}$/.test(text) ? { kind: 'name', name: text.slice(1) } : undefined
  const fields = text.endsWith('.*')
  const path = parseSource(fields ? text.slice(0, -2) : text)
  if (!path || path.some((part) => typeof part !== 'string' || part === '*')) return undefined
  return { kind: fields ? 'fields' : 'field', path: path as readonly string[] }
}
