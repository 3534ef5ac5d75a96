import { fault } from '../fault.ts'
import { NotLinearError } from '../values/linear-regex.ts'

/** A pattern of a schema, run on V8's linear-time engine. */
export interface LinearPattern {
  readonly source: string
  /** Characters of the pattern as it is run: time grows with these times those of the text. */
  readonly weight: number
  /** @throws Fault `schema.work` when the text is too long for the pattern */
  test(text: string): boolean
}

const sourceLimit = 2_000
const weightLimit = 30_000
/** Some 100 ms of the engine at its slowest. */
const workLimit = 4_000_000
/** The same time of the usual engine. */
const plainWorkLimit = 50_000_000

/** One character or class, counted, and nothing else: commoner than all others, and the same as a length. */
const onlyRepetition = /^\^(?<atom>\[(?:[^\]\\]|\\.)*\]|\\[dDwWsS]|[\w. -])\{(?<least>\d+)(?<comma>,?)(?<most>\d*)\}\$$/

/**
 * Compiles a pattern (ECMA-262, as JSON Schema Core §6.4 asks for). The engine knows counted repetitions up to 16 times only, and
 * schemas are full of longer ones (`^[A-Z]{20}$`): they are written out here, as far as that stays small.
 * @throws SyntaxError for a malformed pattern; NotLinearError for look-around, back-references, Unicode properties, and
 * repetitions that become too large
 */
export function compilePattern(source: string): LinearPattern {
  if (source.length > sourceLimit) throw new NotLinearError(`The regular expression is longer than ${sourceLimit} characters.`)
  // Says what is wrong with the text as it was written.
  void new RegExp(source)
  if (/\\[pP]\{|\\u\{/.test(source)) throw new NotLinearError(`The regular expression /${source}/ names characters by Unicode properties, which the linear-time engine does not know.`)
  const plain = plainWeight(source)
  if (plain !== undefined) {
    const regex = new RegExp(source)
    return {
      source,
      weight: plain,
      test(text) {
        if (text.length * plain > plainWorkLimit) throw fault('schema.work', { limit: plainWorkLimit })
        return regex.test(text)
      },
    }
  }
  // Without its groups a back-reference would mean a character.
  if (/\\(?:[1-9]|k<)/.test(source.replaceAll('\\\\', ''))) throw new NotLinearError(`The regular expression /${source}/ refers back to a group, which cannot run in linear time.`)
  const only = onlyRepetition.exec(source)
  const written = only?.groups ? `^(?:${only.groups['atom']})*$` : writeOut(source)
  let regex: RegExp
  try {
    regex = new RegExp(written, 'l')
  } catch (error) {
    throw new NotLinearError(`The regular expression /${source}/ cannot run in linear time.`, { cause: error })
  }
  const weight = written.length
  if (only?.groups) {
    const { least = '0', comma = '', most = '' } = only.groups
    const from = Number(least)
    const to = comma === '' ? from : most === '' ? Infinity : Number(most)
    return {
      source,
      weight,
      test(text) {
        if (text.length < from || text.length > to) return false
        if (text.length * weight > workLimit) throw fault('schema.work', { limit: workLimit })
        return regex.test(text)
      },
    }
  }
  return {
    source,
    weight,
    test(text) {
      if (text.length * weight > workLimit) throw fault('schema.work', { limit: workLimit })
      return regex.test(text)
    },
  }
}

/**
 * Characters that V8's usual engine, many times faster, looks at for each of the text, where that is bounded: from the beginning of
 * the text, without alternatives, look-around and repeated groups, with one thing at most of which there may be more or fewer. There
 * is then nothing to try again but its number, and what follows has a fixed length.
 */
function plainWeight(source: string): number | undefined {
  const bare = source.replace(/\\.|\[(?:[^\]\\]|\\.)*\]/g, 'a')
  if (!bare.startsWith('^') || /[|\\]|\(\?|\)[*+?{]/.test(bare) || /\\(?:[1-9]|k<)/.test(source)) return undefined
  const counts = [...bare.matchAll(/[*+?]|\{(\d+)(,?)(\d*)\}/g)]
  const isVarying = ([, least, comma, most]: readonly (string | undefined)[]) => least === undefined || (comma === ',' && most !== least)
  if (counts.filter(isVarying).length > 1) return undefined
  const fixed = counts.filter((count) => !isVarying(count)).reduce((sum, [, least]) => sum + Number(least), 0)
  return bare.length + fixed
}

/** The pattern with counted repetitions written out; groups take nothing. */
function writeOut(source: string): string {
  let at = 0

  function alternatives(depth: number): string {
    if (depth > 100) throw new NotLinearError('The regular expression is nested too deeply.')
    let out = ''
    while (at < source.length && source[at] !== ')') {
      const atom = readAtom(depth)
      out += repeated(atom)
      if (out.length > weightLimit) throw tooLarge()
    }
    return out
  }

  function readAtom(depth: number): string {
    const character = source[at] as string
    if (character === '\\') {
      const [escape] = /^\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|c[A-Za-z]|k<[^>]*>|\d+|[\s\S])/.exec(source.slice(at)) as RegExpExecArray
      at += escape.length
      return escape
    }
    if (character === '[') {
      let end = at + 1
      while (source[end] !== ']') end += source[end] === '\\' ? 2 : 1
      const text = source.slice(at, end + 1)
      at = end + 1
      return text
    }
    if (character === '(') {
      const [head] = /^\((?:\?:|\?<?[=!]|\?<[^>]*>)?/.exec(source.slice(at)) as RegExpExecArray
      at += head.length
      const inside = alternatives(depth + 1)
      at += 1
      // Look-around stays what it is, to be refused.
      return `${/^\(\?<?[=!]$/.test(head) ? head : '(?:'}${inside})`
    }
    at += 1
    return character
  }

  function repeated(atom: string): string {
    const [quantifier, least, comma, most] = /^\{(\d+)(,?)(\d*)\}\??/.exec(source.slice(at)) ?? []
    if (quantifier === undefined || least === undefined) return atom
    at += quantifier.length
    const from = Number(least)
    const to = comma === '' ? from : most === '' ? Infinity : Number(most)
    const copies = Number.isFinite(to) ? to : from + 1
    if (atom.length * copies > weightLimit) throw tooLarge()
    return to === Infinity ? `${atom.repeat(from)}(?:${atom})*` : `(?:${atom.repeat(from)}${`(?:${atom})?`.repeat(to - from)})`
  }

  const tooLarge = () => new NotLinearError(`The regular expression /${source.slice(0, 200)}/ repeats so much that it cannot run in bounded time.`)
  return alternatives(0)
}
