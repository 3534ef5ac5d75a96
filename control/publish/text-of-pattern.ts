import { compilePattern } from '../../runtime/core/json-schema/linear-pattern.ts'

/**
 * A text that fits a regular expression, if one is found without trying: the first of alternatives, the least of repetitions.
 * `undefined`: none was found.
 */
export function textOfPattern(source: string): string | undefined {
  let at = 0
  function alternatives(depth: number): string {
    let first: string | undefined
    let text = ''
    while (at < source.length && source[at] !== ')') {
      if (source[at] === '|') {
        first ??= text
        text = ''
        at += 1
      } else text += repeated(atom(depth))
      if (text.length > 2_000) return text
    }
    return first ?? text
  }
  function atom(depth: number): string {
    const character = source[at] as string
    at += 1
    if (character === '^' || character === '$') return ''
    if (character === '.') return 'x'
    if (character === '\\') return escaped()
    if (character === '[') return ofClass()
    if (character !== '(') return character
    const head = /^\?(?:<?[=!]|:|<[^>]*>)/.exec(source.slice(at))?.[0] ?? ''
    at += head.length
    const inside = depth > 50 ? '' : alternatives(depth + 1)
    at += 1
    return /^\?<?[=!]/.test(head) ? '' : inside
  }
  function escaped(): string {
    const character = source[at] as string
    at += 1
    return ({ d: '0', w: 'a', s: ' ', D: 'x', W: '-', S: 'x', b: '', B: '', n: '\n', t: '\t', r: '\r' } as Readonly<Record<string, string>>)[character] ?? character
  }
  function ofClass(): string {
    let end = at
    while (end < source.length && source[end] !== ']') end += source[end] === '\\' ? 2 : 1
    const text = source.slice(at, end)
    at = end + 1
    const own = new RegExp(`^[${text}]$`)
    return ['a', 'A', '0', 'x', '1', '-', '_', ' ', '.', '/', ...Array.from(text)].find((one) => own.test(one)) ?? 'x'
  }
  function repeated(text: string): string {
    const [quantifier, least] = /^(?:\*|\+|\?|\{(\d+)(?:,\d*)?\})\??/.exec(source.slice(at)) ?? []
    if (quantifier === undefined) return text
    at += quantifier.length
    return text.repeat(Math.min(quantifier.startsWith('+') ? 1 : Number(least ?? 0), 1_000))
  }
  try {
    const text = alternatives(0)
    return compilePattern(source).test(text) ? text : undefined
  } catch {
    return undefined
  }
}
