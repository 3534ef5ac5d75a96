import { isObject } from '../consumers/json.ts'
import type { Json } from './read-document.ts'

/** An object, or an empty one in the place of anything else. */
export function asObject(value: unknown): Json {
  return isObject(value) ? value : {}
}

/** A list, or an empty one in the place of anything else. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** One line of text that says something. */
export function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  // eslint-disable-next-line no-control-regex -- control characters are what is taken out
  const text = value.replace(/[\s\u0000-\u001f\u007f]+/g, ' ').trim()
  return text === '' ? undefined : text
}
