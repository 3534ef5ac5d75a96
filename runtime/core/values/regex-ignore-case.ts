/**
 * A pattern that matches without its `i` flag what it matches with it: every letter becomes a class of
 * its cases (`a` → `[aA]`). For V8's linear-time engine, which knows no `i`. Follows Canonicalize of
 * ECMA-262 §22.2.2.7.3 for patterns without `u`, for letters of ASCII, Latin, Greek, Cyrillic, Armenian
 * and full-width forms; third cases of a letter (final sigma) are left out.
 * @param source of a RegExp that compiled, so that its syntax is known to be right
 */
export function ignoreCase(source: string): string {
  let out = ''
  let i = 0
  while (i < source.length) {
    const c = source.charAt(i)
    if (c === '[') {
      const end = endOfClass(source, i)
      out += classOf(source, i, end)
      i = end
    } else if (c === '(' && source.charAt(i + 1) === '?') {
      const opening = /^\(\?(?:<[=!]|<[^>]*>|[^:=!<]*[:=!])/.exec(source.slice(i))?.[0] ?? '(?'
      out += opening
      i += opening.length
    } else {
      const atom = readAtom(source, i, false)
      const others = atom.code === undefined ? [] : casesOf(atom.code)
      const text = source.slice(i, atom.end)
      out += others.length === 0 ? text : `[${[atom.code as number, ...others].map(escape).join('')}]`
      i = atom.end
    }
  }
  return out
}

/** Blocks below U+10000 whose letters have case and are in use; ranges in classes are looked through only here. */
const blocks: readonly (readonly [number, number])[] = [
  [0x41, 0x7a],
  [0xb5, 0x587],
  [0x1e00, 0x1fff],
  [0xff21, 0xff5a],
]

interface Atom {
  readonly end: number
  /** Code unit of a literal character; absent for `\d`, `^`, quantifiers and other syntax. */
  readonly code?: number
}

function readAtom(source: string, at: number, inClass: boolean): Atom {
  if (source.charAt(at) !== '\\') return { end: at + 1, code: source.charCodeAt(at) }
  const c = source.charAt(at + 1)
  const hex = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4}))/.exec(source.slice(at + 1))
  if (hex !== null) return { end: at + 1 + hex[0].length, code: Number.parseInt((hex[1] ?? hex[2]) as string, 16) }
  if (c === 'c' && /[a-zA-Z]/.test(source.charAt(at + 2))) return { end: at + 3 }
  if (c === 'k') return { end: at + (/^k<[^>]*>/.exec(source.slice(at + 1))?.[0].length ?? 1) + 1 }
  if (/\d/.test(c)) return { end: at + 1 + (/^\d{1,3}/.exec(source.slice(at + 1))?.[0].length ?? 1) }
  const control: Record<string, number> = { b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 }
  if (Object.hasOwn(control, c) && (c !== 'b' || inClass)) return { end: at + 2, code: control[c] as number }
  if (/[dDwWsSbB]/.test(c)) return { end: at + 2 }
  return { end: at + 2, code: source.charCodeAt(at + 1) }
}

function endOfClass(source: string, open: number): number {
  let i = open + 1
  while (source.charAt(i) !== ']') i += source.charAt(i) === '\\' ? 2 : 1
  return i + 1
}

/** The class with the other cases of its members added at its end. */
function classOf(source: string, open: number, end: number): string {
  const added = new Set<number>()
  let i = open + (source.charAt(open + 1) === '^' ? 2 : 1)
  while (i < end - 1) {
    const from = readAtom(source, i, true)
    const isRange = source.charAt(from.end) === '-' && from.end + 1 < end - 1
    const to = isRange ? readAtom(source, from.end + 1, true) : from
    if (from.code !== undefined && to.code !== undefined) {
      for (const [low, high] of blocks) {
        for (let code = Math.max(low, from.code); code <= Math.min(high, to.code); code += 1) for (const other of casesOf(code)) added.add(other)
      }
    } else {
      for (const atom of [from, to]) if (atom.code !== undefined) for (const other of casesOf(atom.code)) added.add(other)
    }
    i = to.end
  }
  return source.slice(open, end - 1) + [...added].map(escape).join('') + ']'
}

/** The other code units that equal this one when case is ignored. */
function casesOf(code: number): number[] {
  const char = String.fromCharCode(code)
  const canonical = canonicalize(char)
  const candidates = [char.toUpperCase(), char.toLowerCase(), canonical.toLowerCase()]
  return [...new Set(candidates)].filter((c) => c.length === 1 && c !== char && canonicalize(c) === canonical).map((c) => c.charCodeAt(0))
}

function canonicalize(char: string): string {
  const upper = char.toUpperCase()
  if (upper.length !== 1) return char
  return char.charCodeAt(0) >= 128 && upper.charCodeAt(0) < 128 ? char : upper
}

function escape(code: number): string {
  return `\\u${code.toString(16).padStart(4, '0')}`
}
