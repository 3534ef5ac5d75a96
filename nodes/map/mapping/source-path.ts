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
 * The value at a path below `value`. A name on a list means the name on each of its items, exactly as in JSONata: nothing when
 * there is none, the value itself when there is one, else a list. With `[]` it is a list in any case.
 */
export function readSource(value: unknown, path: SourcePath, open: Open, spend: (items: number) => void): unknown {
  let at = value
  let asList = false
  let names: string[] = []
  for (const part of path) {
    if (typeof part === 'string') names.push(part)
    else if (part === every) asList = true
    else {
      const found = readNames(at, names, open, spend)
      const list = toList(asList ? toList(open(found)) : open(found))
      at = list[part < 0 ? list.length + part : part]
      asList = false
      names = []
    }
  }
  const found = readNames(at, names, open, spend)
  return asList ? toList(open(found)) : found
}

function readNames(value: unknown, names: readonly string[], open: Open, spend: (items: number) => void): unknown {
  let at = value
  for (let i = 0; i < names.length; i += 1) {
    at = open(at)
    if (typeof at !== 'object' || at === null) return undefined
    if (Array.isArray(at)) return readItems(at as unknown[], names, i, open, spend)
    const name = names[i] as string
    if (!Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

/** The rest of the names on every item. What JSONata finds for each name is one flat list; the last list that one item alone holds stays as it is. */
function readItems(items: readonly unknown[], names: readonly string[], from: number, open: Open, spend: (items: number) => void): unknown {
  let input = items
  for (let i = from; i < names.length; i += 1) {
    spend(input.length)
    const name = names[i] as string
    const found: unknown[] = []
    let gathered = false
    for (const item of input) {
      const opened = open(item)
      let one: unknown
      if (Array.isArray(opened)) {
        const all = gather(opened as unknown[], name, open, spend)
        gathered ||= all.length > 1
        one = all.length > 1 ? all : all[0]
      } else if (typeof opened === 'object' && opened !== null && Object.hasOwn(opened, name)) one = (opened as Record<string, unknown>)[name]
      if (one !== undefined) found.push(one)
    }
    if (i === names.length - 1 && found.length === 1 && Array.isArray(found[0]) && !gathered) return found[0]
    const flat: unknown[] = []
    for (const one of found) {
      if (!Array.isArray(one)) flat.push(one)
      else for (const inner of one) flat.push(inner)
    }
    if (flat.length === 0) return undefined
    input = flat
  }
  return input.length === 1 ? input[0] : input
}

/** A name on the items of a list within a list. */
function gather(items: readonly unknown[], name: string, open: Open, spend: (items: number) => void): unknown[] {
  spend(items.length)
  const all: unknown[] = []
  for (const item of items) {
    const opened = open(item)
    let one: unknown
    if (Array.isArray(opened)) one = gather(opened as unknown[], name, open, spend)
    else if (typeof opened === 'object' && opened !== null && Object.hasOwn(opened, name)) one = (opened as Record<string, unknown>)[name]
    if (Array.isArray(one)) for (const inner of one) all.push(inner)
    else if (one !== undefined) all.push(one)
  }
  return all
}
