import { isUtf8 } from 'node:buffer'
import { jsonDepthLimit } from './json-depth.ts'

/** Digits that every reader of numbers keeps. */
const safeDigits = 15
/** Names of one object that are compared one with another; more go through a set. */
const fewNames = 16

const space = new Uint8Array(256)
for (const byte of [0x20, 0x09, 0x0a, 0x0d]) space[byte] = 1
/** 0: part of a string as it is, 1: its end, 2: an escape, 3: none that may stand there. */
const inString = new Uint8Array(256)
inString.fill(3, 0, 0x20)
inString[0x22] = 1
inString[0x5c] = 2
const escapes = new Uint8Array(256)
for (const letter of '"\\/bfnrt') escapes[letter.charCodeAt(0)] = 1
const hex = new Uint8Array(256)
for (const letter of '0123456789abcdefABCDEF') hex[letter.charCodeAt(0)] = 1

/**
 * Whether bytes are a JSON text (RFC 8259) that everybody reads alike, so that it may stand in another one as it is: valid UTF-8
 * without a mark in front, no name twice in an object, no number that loses anything as a double (or has an exponent), nested no deeper
 * than `depthLeft`. One pass, nothing is made. False says only that it has to be parsed to know.
 */
export function isPlainJson(bytes: Uint8Array, depthLeft = jsonDepthLimit): boolean {
  let end = bytes.length
  while (end > 0 && space[bytes[end - 1] as number] === 1) end--
  let at = 0
  /** For each open list or object, whether it is an object. */
  const objects: boolean[] = []
  /** For each open object the hashes of its names so far. */
  const names: (number[] | Set<number>)[] = []

  function skip(): void {
    // A local one: what functions share costs a load and a store each time.
    let place = at
    // The last byte is no space, so that the search needs no other end.
    if (place < end) while (space[bytes[place] as number] === 1) place++
    at = place
  }

  /** Behind the quote that begins a text. */
  function text(): boolean {
    // A local one: what functions share costs a load and a store each time.
    let place = at
    for (;;) {
      let kind: number | undefined
      do kind = inString[bytes[place++] as number]
      while (kind === 0)
      if (kind === 1 && place <= end) {
        at = place
        return true
      }
      if (kind !== 2 || place >= end) return false
      const escape = bytes[place++] as number
      if (escape === 0x75) {
        if (place + 4 > end) return false
        for (let i = 0; i < 4; i++) if (hex[bytes[place++] as number] !== 1) return false
      } else if (escapes[escape] !== 1) return false
    }
  }

  /** Behind the quote that begins a name; gives a hash of it, or -1. An escape ends it: two names may be alike that are written otherwise. */
  function nameHash(): number {
    let sum = 0x811c9dc5
    let place = at
    for (;;) {
      const byte = bytes[place++]
      if (byte === undefined) return -1
      const kind = inString[byte] as number
      if (kind === 0) sum = Math.imul(sum ^ byte, 0x01000193)
      else {
        at = place
        return kind === 1 ? sum >>> 0 : -1
      }
    }
  }

  function number(): boolean {
    const negative = bytes[at] === 0x2d
    if (negative) at++
    const begin = at
    let isZero = true
    const digits = () => {
      const from = at
      while (at < end) {
        const byte = bytes[at] as number
        if (byte < 0x30 || byte > 0x39) break
        if (byte !== 0x30) isZero = false
        at++
      }
      return at - from
    }
    const whole = digits()
    if (whole === 0 || whole > safeDigits || (whole > 1 && bytes[begin] === 0x30)) return false
    if (bytes[at] === 0x2e) {
      at++
      const rest = digits()
      if (rest === 0 || whole + rest > safeDigits) return false
    }
    if (negative && isZero) return false
    return bytes[at] !== 0x65 && bytes[at] !== 0x45
  }

  function word(expected: string): boolean {
    for (let i = 0; i < expected.length; i++) if (bytes[at++] !== expected.charCodeAt(i)) return false
    return true
  }

  /** Notes a name of the innermost object; false: it is there already, or another one that looks like it. */
  function note(name: number): boolean {
    const known = names[names.length - 1] as number[] | Set<number>
    if (!Array.isArray(known)) {
      if (known.has(name)) return false
      known.add(name)
      return true
    }
    for (let i = 0; i < known.length; i++) if (known[i] === name) return false
    known.push(name)
    if (known.length > fewNames) names[names.length - 1] = new Set(known)
    return true
  }

  /** The name of a field and its colon. */
  function name(): boolean {
    skip()
    if (bytes[at++] !== 0x22) return false
    const sum = nameHash()
    if (sum === -1 || !note(sum)) return false
    skip()
    return bytes[at++] === 0x3a
  }

  if (!isUtf8(bytes)) return false
  value: for (;;) {
    skip()
    const first = bytes[at]
    if (first === 0x22) {
      at++
      if (!text()) return false
    } else if (first === 0x7b || first === 0x5b) {
      if (objects.length >= depthLeft) return false
      at++
      skip()
      const isObject = first === 0x7b
      if (bytes[at] === (isObject ? 0x7d : 0x5d)) at++
      else {
        objects.push(isObject)
        if (isObject) {
          names.push([])
          if (!name()) return false
        }
        continue value
      }
    } else if (first === 0x74) {
      if (!word('true')) return false
    } else if (first === 0x66) {
      if (!word('false')) return false
    } else if (first === 0x6e) {
      if (!word('null')) return false
    } else if (!number()) return false
    // A value has ended: what holds it ends, or goes on.
    for (;;) {
      skip()
      if (objects.length === 0) return at === end
      const isObject = objects[objects.length - 1] as boolean
      const next = bytes[at++]
      if (next === 0x2c) {
        if (isObject && !name()) return false
        continue value
      }
      if (next !== (isObject ? 0x7d : 0x5d)) return false
      objects.pop()
      if (isObject) names.pop()
    }
  }
}
