import { toList } from './scalars.ts'

/** A step of a source: a name, the place of an item, or `[]`: every item, as a list in any case. */
export type SourcePart = string | number | typeof every
export const every: unique symbol = Symbol('every item')
export type SourcePath = readonly SourcePart[]

/** Names that lead to a prototype. */
const forbidden = new Set(['__proto__', 'constructor', 'prototype'])
const lengthLimit = 1000
const bare = /[^\s.[\]"]+/y
const quoted = /\["((?:[^"\\]|\\.)*)"\]/y
const place = /\[(-?\d{1,9})?\]/y

/** Parses `payload.records[0].location[].locationName`; names with other characters as `payload["odd.name"]`. `undefined` when it is none. */
export function parseSource(text: string): SourcePath | undefined {
  if (text.length === 0 || text.length > lengthLimit) return undefined
  const parts: SourcePart[] = []
  const take = (pattern: RegExp, at: number) => {
    pattern.lastIndex = at
    return pattern.exec(text)
  }
  let at = 0
  while (at < text.length) {
    if (text[at] === '[') {
      const name = take(quoted, at)
      const index = name ? undefined : take(place, at)
      if (name) parts.push(unquote(name[1] as string))
      else if (index && parts.length > 0) parts.push(index[1] === undefined ? every : Number(index[1]))
      else return undefined
      at += (name ?? index)![0].length
    } else {
      if (parts.length > 0) {
        if (text[at] !== '.') return undefined
        at += 1
      }
      const name = take(bare, at)
      if (!name) return undefined
      parts.push(name[0])
      at += name[0].length
    }
  }
  return parts.some((part) => typeof part === 'string' && forbidden.has(part)) ? undefined : parts
}

function unquote(text: string): string {
  return text.replace(/\\(.)/g, '$1')
}

/** The path as {@link parseSource} reads it. */
export function printSource(path: SourcePath): string {
  let text = ''
  for (const part of path) {
    if (part === every) text += '[]'
    else if (typeof part === 'number') text += `[${part}]`
    else if (/^[^\s.[\]"]+$/.test(part)) text += text === '' ? part : `.${part}`
    else text += `["${part.replace(/[\\"]/g, '\\$&')}"]`
  }
  return text
}

/** Opens what is not parsed yet (a body); the value itself otherwise. */
export type Open = (value: unknown) => unknown

/**
 * The value at a path below `value`. A name on a list means the name on each of its items, as in JSONata: nothing when
 * there is none, the value itself when there is one, else a list. With `[]` it is a list in any case.
 */
export function readSource(value: unknown, path: SourcePath, open: Open, spend: (items: number) => void): unknown {
  let at = value
  let asList = false
  for (const part of path) {
    if (part === every) {
      at = open(at)
      asList = true
    } else if (typeof part === 'number') {
      const list = toList(asList ? toList(at) : open(at))
      at = list[part < 0 ? list.length + part : part]
      asList = false
    } else {
      at = readName(open(at), part, open, spend)
    }
  }
  return asList ? toList(open(at)) : at
}

function readName(value: unknown, name: string, open: Open, spend: (items: number) => void): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (!Array.isArray(value)) return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
  spend(value.length)
  const found: unknown[] = []
  for (const item of value) {
    const one = readName(open(item), name, open, spend)
    if (one === undefined) continue
    if (!Array.isArray(one)) found.push(one)
    else for (const inner of one) found.push(inner)
  }
  return found.length === 0 ? undefined : found.length === 1 ? found[0] : found
}
