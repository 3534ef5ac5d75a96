import { fault, type Fault } from '../fault.ts'

/**
 * Levels of lists and objects inside each other that JSON from outside may have (RFC 8259 §9 lets a parser limit them).
 * People's data has a dozen. Parsing a body of brackets takes a hundred times as long as parsing one of values, and
 * whoever walks the result runs out of stack.
 */
export const jsonDepthLimit = 512

/**
 * With no more than one opening bracket in so many characters, a text that is nested as deep as it can be is parsed in the
 * time of one of small values. Looking through its value takes a fifth of the time that looking through the text takes.
 */
const sparseCharacters = 16

/**
 * Up to so many characters a text is parsed before anybody looks how deep it goes: brackets alone take V8 a third of the time that a body
 * of values takes which is as large as bodies may be.
 */
const smallCharacters = 128 * 1024

/** Ends the sentence “The body is not valid JSON: …”. */
export const tooDeepReason = `it is nested deeper than ${jsonDepthLimit} levels`

const quote = 1
const opener = 2
const backslash = 0x5c
const quoteByte = 0x22
/** What a byte of UTF-8 is to the structure of JSON; bytes above 127 are never anything. */
const kinds = new Uint8Array(256)
kinds[quoteByte] = quote
kinds[0x5b] = kinds[0x7b] = opener
kinds[0x5d] = kinds[0x7d] = 3

/**
 * Whether JSON is nested deeper than {@link jsonDepthLimit}. A text with too few brackets to be is not looked at any
 * closer. `bytes` is the same text in UTF-8, when it is at hand. Text that is no JSON gets either answer: its parser
 * gives up where it is wrong, and up to there the answer holds.
 */
export function isTooDeep(text: string, bytes?: Uint8Array): boolean {
  return countOpeners(text) > jsonDepthLimit && isDeep(bytes ?? Buffer.from(text, 'utf8'))
}

/** Parses JSON that came from outside. @throws SyntaxError when it is none; NestedTooDeep */
export function parseJson(text: string, bytes?: Uint8Array): unknown {
  if (text.length <= jsonDepthLimit) return JSON.parse(text)
  if (text.length > smallCharacters) {
    const openers = countOpeners(text)
    if (openers <= jsonDepthLimit) return JSON.parse(text)
    if (openers > text.length / sparseCharacters) {
      if (isDeep(bytes ?? Buffer.from(text, 'utf8'))) throw new NestedTooDeep()
      return JSON.parse(text)
    }
  }
  const value: unknown = JSON.parse(text)
  if (isDeepValue(value, jsonDepthLimit)) throw new NestedTooDeep()
  return value
}

/** JSON that is nested deeper than {@link jsonDepthLimit}. */
export class NestedTooDeep extends SyntaxError {
  override readonly name = 'NestedTooDeep'

  constructor() {
    super(tooDeepReason)
  }
}

/** The fault of a body that is nested too deep. */
export function tooDeep(): Fault {
  return fault('body.malformed', { type: 'JSON', reason: tooDeepReason })
}

/**
 * Brackets that open something, in texts too; counting ends where more would tell nothing. The engine's own search is many
 * times faster than a loop, and most texts have no more of them than may be nested.
 */
function countOpeners(text: string): number {
  if (text.length <= jsonDepthLimit) return 0
  const most = Math.max(jsonDepthLimit, text.length / sparseCharacters)
  let count = 0
  for (let at = text.indexOf('['); at !== -1 && count <= most; at = text.indexOf('[', at + 1)) count++
  for (let at = text.indexOf('{'); at !== -1 && count <= most; at = text.indexOf('{', at + 1)) count++
  return count
}

/** Whether a parsed value goes deeper than so many levels. */
function isDeepValue(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) {
    for (const part of value) if (isDeepValue(part, levels - 1)) return true
    return false
  }
  for (const name in value) if (isDeepValue((value as Record<string, unknown>)[name], levels - 1)) return true
  return false
}

/** Two loops that hardly do more than look: most bytes are blanks, numbers or within texts. */
function isDeep(bytes: Uint8Array): boolean {
  let end = bytes.length
  // Up to the last byte that means something, so that a search for such a one needs no other end.
  while (end > 0 && kinds[bytes[end - 1] as number] === 0) end--
  let depth = 0
  let at = 0
  while (at < end) {
    let kind: number | undefined
    do kind = kinds[bytes[at++] as number]
    while (kind === 0)
    if (kind === quote) {
      for (; at < end && bytes[at] !== quoteByte; at++) if (bytes[at] === backslash) at++
      at++
    } else if (kind === opener) {
      if (++depth > jsonDepthLimit) return true
    } else depth--
  }
  return false
}
