import { resolve } from '../core/http/body.ts'

/** Says that JSONata itself must answer: the path meets a list, which JSONata maps over. */
export const needsJsonata: unique symbol = Symbol('needs jsonata')

export type PathValue = (input: unknown) => unknown

const words = new Set(['and', 'or', 'in', 'function', 'true', 'false', 'null'])
const path = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/
const numberText = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/
const stringText = /^(?:"[^"\\]*"|'[^'\\]*')$/

/**
 * JSONata that is only a literal or a path of names (`payload.station.name`), as a function that gives
 * exactly what JSONata would, or {@link needsJsonata}. Undefined for every other expression.
 */
export function parsePath(text: string): PathValue | undefined {
  const plain = text.trim()
  if (numberText.test(plain)) return () => Number(plain)
  if (stringText.test(plain)) return () => plain.slice(1, -1)
  if (plain === 'true' || plain === 'false') return () => plain === 'true'
  if (plain === 'null') return () => null
  if (!path.test(plain)) return undefined
  const names = plain.split('.')
  if (names.some((name) => words.has(name))) return undefined
  return (input) => walk(names, input)
}

function walk(names: readonly string[], input: unknown): unknown {
  let value = input
  for (const name of names) {
    value = resolve(value)
    if (Array.isArray(value)) return needsJsonata
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  value = resolve(value)
  return typeof value === 'function' ? needsJsonata : value
}
