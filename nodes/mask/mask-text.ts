import { compileLinear } from '../../runtime/core/values/linear-regex.ts'

/** How one field is masked. */
export interface MaskRule {
  readonly how: 'whole' | 'keep' | 'pattern'
  /** Characters that stay in clear at the beginning and at the end. */
  readonly first: number
  readonly last: number
  /** What is hidden wherever it is found. */
  readonly pattern: string
  /** What hides: one character. */
  readonly character: string
  /** How many of them stand for what is hidden, so that its length is not told; 0: as many as there were. */
  readonly length: number
}

/** Of a value that is no text nobody learns how long it was. */
const otherwiseLength = 6
/** Letters of one unit that stand for themselves: Latin, Han, kana and Hangul syllables. What nearly every text is made of. */
const simple = /^[\u0020-\u02ff\u3000-\u3029\u3030-\u3098\u309b-\u9fff\uac00-\ud7a3\uff00-\uffef]*$/
/** Characters that may belong together with others, and halves of characters. */
const composed = /\p{M}|\p{Cs}|[\u{10000}-\u{10ffff}\u1100-\u11ff]|\u200d/u

function isComposed(text: string): boolean {
  return !simple.test(text) && composed.test(text)
}

/** Makes what masks a text: never shows half a character, and never all of a text. */
export function compileMask({ how, first, last, pattern, character, length }: MaskRule): (value: unknown) => unknown {
  const fixed = length > 0 ? character.repeat(length) : undefined
  const hide = (count: number) => fixed ?? character.repeat(count)
  const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  const countOf = (text: string) => [...segmenter.segment(text)].length
  const regex = how === 'pattern' ? compileLinear(pattern) : undefined

  function maskText(text: string): string {
    if (text === '') return fixed ?? ''
    if (regex) {
      // A value that does not look as it should is not one to show.
      const masked = regex.replaceAll(text, hide(otherwiseLength).replaceAll('$', '$$$$'))
      return masked === text ? hide(isComposed(text) ? countOf(text) : text.length) : masked
    }
    if (!isComposed(text)) {
      const { length: count } = text
      if (how === 'whole' || first + last >= count) return hide(count)
      return text.slice(0, first) + hide(count - first - last) + text.slice(count - last)
    }
    if (how === 'whole') return hide(countOf(text))
    const characters = [...segmenter.segment(text)].map(({ segment }) => segment)
    const count = characters.length
    if (first + last >= count) return hide(count)
    return characters.slice(0, first).join('') + hide(count - first - last) + characters.slice(count - last).join('')
  }

  return (value) => {
    if (typeof value === 'string') return maskText(value)
    if (typeof value === 'number' || typeof value === 'bigint') return maskText(String(value))
    if (value === null || value === undefined) return value
    // Lists, objects, bytes, yes and no: their shape would tell of them.
    return hide(otherwiseLength)
  }
}
