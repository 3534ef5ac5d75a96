import { resolve } from '../http/body.ts'
import { containerOf } from './container-of.ts'
import type { Message } from '../message.ts'

/** One step of a path: a key, an array index, or a nested `[msg.x]` whose value is the key. */
export type PathPart = string | number | { readonly ref: PropertyPath }

/** A parsed property expression. Never empty; holds no key that could reach a prototype. */
export type PropertyPath = readonly PathPart[]

/** A property expression that does not parse, with the place where it went wrong (0-based). */
export class PathError extends Error {
  override readonly name = 'PathError'
  readonly position: number

  constructor(reason: string, text: string, position: number) {
    super(`Invalid property expression “${text}”: ${reason} at position ${position}.`)
    this.position = position
  }
}

/** Keys that lead to a prototype. They are refused everywhere, read or write. */
const forbidden: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** How far an array may grow by setting an index: a sparse array with a huge length would hang whoever serialises it. */
const indexLimit = 1_000_000

/** Nested `[msg.a[msg.b[…]]]`: deeper than anybody writes, shallower than the stack. */
const depthLimit = 16

/**
 * Parses a property expression with the grammar of Node-RED's `normalisePropertyExpression`:
 * `a.b["c"][0][msg.i]`. A leading `msg.` is a key like any other; see {@link parseMessagePath}.
 * @throws PathError
 */
export function parsePath(text: string): PropertyPath {
  return parse(text, text, 0, 0)
}

/** A path into a message: as {@link parsePath}, with a leading `msg.` taken off as Node-RED does. */
export function parseMessagePath(text: string): PropertyPath {
  return text.startsWith('msg.') ? parse(text.slice(4), text, 4, 0) : parse(text, text, 0, 0)
}

/** The path as text that {@link parsePath} reads back, with nested references replaced by their values. */
export function pathToText(path: PropertyPath, message: unknown): string | undefined {
  let text = ''
  for (const part of path) {
    const key = keyOf(part, message)
    if (key === undefined) return undefined
    if (text === '') text = String(key)
    else if (typeof key === 'number') text += `[${key}]`
    else text += key.includes('"') ? `['${key}']` : `["${key}"]`
  }
  return text
}

/**
 * The value at a path. Bodies on the way, and at the end, are parsed. `undefined` where Node-RED would
 * throw because a parent is missing. Functions and what lies on prototypes' constructors are never given out.
 * @param message what nested `[msg.x]` references read; default: `root`
 */
export function getProperty(root: unknown, path: PropertyPath, message: unknown = root): unknown {
  let value = root
  for (let i = 0; i < path.length; i += 1) {
    value = resolve(value)
    if (value === undefined || value === null) return undefined
    const key = keyOf(path[i] as PathPart, message)
    if (key === undefined) return undefined
    value = (value as Record<string | number, unknown>)[key]
    if (typeof value === 'function') return undefined
  }
  return resolve(value)
}

/**
 * The message with a value set at a path: only what lies along the path is copied, everything else keeps
 * its identity, the input is untouched. Missing parents are made, arrays where the next key is an index.
 * `undefined` as value deletes, as {@link deleteProperty} does.
 * @returns `undefined` when it cannot be set: a parent is a primitive or no plain object, array or buffer,
 * an index lies too far out, or a nested reference has no value
 */
export function setProperty<T = Message>(message: T, path: PropertyPath, value: unknown): T | undefined {
  if (value === undefined) return deleteProperty(message, path)
  const only = path.length === 1 ? path[0] : undefined
  if (typeof only === 'string' && isPlainObject(message)) return withKey(message, only, value) as T
  return setAt(message, path, 0, value, message) as T | undefined
}

/**
 * The message without what lies at a path; in an array the following items move up. The message itself
 * when there is nothing to delete.
 */
export function deleteProperty<T = Message>(message: T, path: PropertyPath): T {
  return deleteAt(message, path, 0, message) as T
}

function setAt(at: unknown, path: PropertyPath, depth: number, value: unknown, message: unknown): unknown {
  const key = keyOf(path[depth] as PathPart, message)
  if (key === undefined) return undefined
  const parent = resolve(at)
  const last = depth === path.length - 1
  if (Array.isArray(parent)) {
    const index = toIndex(key)
    if (index === undefined || index > Math.max(indexLimit, parent.length)) return undefined
    const child = last ? value : setAt(parent[index] ?? emptyFor(path[depth + 1] as PathPart, message), path, depth + 1, value, message)
    if (child === undefined) return undefined
    const copy = parent.slice()
    copy[index] = child
    return copy
  }
  if (parent instanceof Uint8Array) {
    const index = toIndex(key)
    if (index === undefined || index >= parent.length || !last || typeof value !== 'number') return undefined
    const copy = Buffer.from(parent)
    copy[index] = value
    return copy
  }
  const object = containerOf(parent)
  if (!object) return undefined
  const child = last ? value : setAt(childOf(object, key) ?? emptyFor(path[depth + 1] as PathPart, message), path, depth + 1, value, message)
  return child === undefined ? undefined : withKey(object, key, child)
}

/** A copy with one key set. A computed key in an object literal would take V8's slow way; the payload's is the commonest. */
function withKey(object: Record<string | number, unknown>, key: string | number, value: unknown): object {
  if (key === 'payload') return { ...object, payload: value }
  const copy = { ...object }
  copy[key] = value
  return copy
}

function deleteAt(at: unknown, path: PropertyPath, depth: number, message: unknown): unknown {
  const key = keyOf(path[depth] as PathPart, message)
  if (key === undefined) return at
  const parent = resolve(at)
  const last = depth === path.length - 1
  if (Array.isArray(parent)) {
    const index = toIndex(key)
    if (index === undefined || index >= parent.length) return at
    if (last) return parent.toSpliced(index, 1)
    const child = deleteAt(parent[index], path, depth + 1, message)
    return child === parent[index] ? at : parent.with(index, child)
  }
  const object = containerOf(parent)
  if (!object || !Object.hasOwn(object, key)) return at
  if (last) {
    const copy: Record<string | number, unknown> = { ...object }
    delete copy[key]
    return copy
  }
  const child = deleteAt(object[key], path, depth + 1, message)
  return child === object[key] ? at : withKey(object, key, child)
}

/** `null` is a value that cannot have children: it is kept apart from “nothing there”. */
function childOf(parent: Record<string | number, unknown>, key: string | number): unknown {
  if (!Object.hasOwn(parent, key)) return undefined
  return parent[key] === null ? false : parent[key]
}

function emptyFor(next: PathPart, message: unknown): object {
  return typeof keyOf(next, message) === 'number' ? [] : {}
}

/** The key a part stands for now; `undefined` when a nested reference has no usable value. */
function keyOf(part: PathPart, message: unknown): string | number | undefined {
  if (typeof part !== 'object') return part
  const value = getProperty(message, part.ref, message)
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || forbidden.has(value)) return undefined
  return value
}

/** The index a key means on an array: digits count, written as a number or as text. */
function toIndex(key: string | number): number | undefined {
  const index = typeof key === 'number' ? key : /^\d{1,10}$/.test(key) ? Number(key) : -1
  return Number.isSafeInteger(index) && index >= 0 ? index : undefined
}

function isPlainObject(value: unknown): value is Record<string | number, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** `text` is a part of `whole` beginning at `offset`, so that positions in errors are those the user sees. */
function parse(text: string, whole: string, offset: number, depth: number): PropertyPath {
  const fail = (reason: string, at: number): never => {
    throw new PathError(reason, whole, offset + at)
  }
  if (text.length === 0) fail('it is empty', 0)
  if (depth > depthLimit) fail('it is nested too deeply', 0)
  const parts: PathPart[] = []
  const push = (part: string | number, at: number) => {
    if (forbidden.has(String(part))) fail(`the key “${part}” is not allowed`, at)
    parts.push(part)
  }
  /** What was read last; a key may begin at the start, after a dot, and (as in Node-RED) after a bracket. */
  let after: 'start' | 'dot' | 'key' | 'quote' | 'bracket' = 'start'
  let i = 0
  while (i < text.length) {
    const c = text.charAt(i)
    if (c === '.') {
      if (after === 'start' || after === 'dot') fail('unexpected .', i)
      if (i + 1 < text.length && !/[a-z0-9$_]/i.test(text.charAt(i + 1))) fail(`unexpected ${text.charAt(i + 1)}`, i + 1)
      after = 'dot'
      i += 1
    } else if (c === '[') {
      if (after === 'start' || after === 'dot') fail('unexpected [', i)
      i = parseBracket(i)
      after = 'bracket'
    } else if (c === '"' || c === "'") {
      if (after !== 'start') fail(`unexpected ${c}`, i)
      i = parseQuoted(i)
      after = 'quote'
    } else if (c === ' ' || c === ']' || after === 'key' || after === 'quote') {
      fail(`unexpected ${c === ' ' ? 'space' : c}`, i)
    } else {
      const end = endOfKey(i)
      const key = text.slice(i, end)
      // As in Node-RED: digits are an index when a dot follows, else a key.
      push(text.charAt(end) === '.' && /^\d+$/.test(key) ? Number(key) : key, i)
      after = 'key'
      i = end
    }
  }
  if (after === 'dot') fail('it ends too early', text.length)
  return parts

  function endOfKey(from: number): number {
    let end = from
    while (end < text.length && !`.[]"' `.includes(text.charAt(end))) end += 1
    return end
  }

  /** @returns the position behind the closing quote */
  function parseQuoted(from: number): number {
    const end = text.indexOf(text.charAt(from), from + 1)
    if (end === -1) fail('a string is not closed', from)
    if (end === from + 1) fail('a string is empty', from)
    push(text.slice(from + 1, end), from + 1)
    return end + 1
  }

  /** @returns the position behind the closing bracket */
  function parseBracket(open: number): number {
    const from = open + 1
    const c = text.charAt(from)
    if (c === '"' || c === "'") {
      const end = parseQuoted(from)
      if (text.charAt(end) !== ']') fail('expected ]', end)
      return end + 1
    }
    if (/^msg[.[]/.test(text.slice(from, from + 4))) {
      const end = closingBracket(open)
      const inner = text.slice(from, end)
      const skip = inner.startsWith('msg.') ? 4 : 3
      // `msg["x"]` has its bracket where a path begins: read with its `msg` and drop that key.
      const ref = skip === 4 ? parse(inner.slice(4), whole, offset + from + 4, depth + 1) : parse(inner, whole, offset + from, depth + 1).slice(1)
      parts.push({ ref })
      return end + 1
    }
    const digits = /^\d+/.exec(text.slice(from))?.[0]
    if (digits === undefined) return fail(c === '' ? 'it ends too early' : `unexpected ${c}`, from)
    const end = from + digits.length
    if (text.charAt(end) !== ']') fail('expected ]', end)
    push(Number(digits), from)
    return end + 1
  }

  function closingBracket(open: number): number {
    let nested = 0
    let quote = ''
    for (let j = open; j < text.length; j += 1) {
      const c = text.charAt(j)
      if (quote !== '') {
        if (c === quote) quote = ''
      } else if (c === '"' || c === "'") quote = c
      else if (c === '[') nested += 1
      else if (c === ']' && (nested -= 1) === 0) return j
    }
    return fail('a [ is not closed', open)
  }
}
