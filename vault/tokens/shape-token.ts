import type { RandomPool } from '../random-pool.ts'

/** Makes tokens that look like their value: as many characters, each of the same class. */
export interface ShapeMaker {
  /**
   * A token drawn at random; never the value, and never a number that a card could have. `undefined` when nothing in the value can
   * change.
   * @param keepLast characters at the end that stay
   */
  draw(value: string, keepLast: number): string | undefined
}

/** First and last code point of a class; the characters of a class stand for each other. */
type Range = readonly [from: number, to: number]
interface CharacterClass {
  readonly has: (code: number) => boolean
  readonly pick: (random: RandomPool) => string
}

const drawsLimit = 200

export function createShapeMaker(random: RandomPool): ShapeMaker {
  const classes = defineClasses()
  const classOf = (code: number) => classes.find(({ has }) => has(code))
  return {
    draw(value, keepLast) {
      const characters = Array.from(value, (character) => ({ character, of: classOf(character.codePointAt(0) as number) }))
      const free = characters.slice(0, Math.max(0, characters.length - keepLast))
      if (!free.some(({ of }) => of)) return undefined
      const kept = characters.slice(free.length).map(({ character }) => tidy(character)).join('')
      for (let draws = 0; draws < drawsLimit; draws++) {
        const token = free.map(({ character, of }) => of?.pick(random) ?? tidy(character)).join('') + kept
        if (token !== value && !couldBeCard(token)) return token
      }
      return undefined
    },
  }
}

/** What a database has no room for in a text, and says nothing. */
function tidy(character: string): string {
  return character === '\0' ? ' ' : character.toWellFormed()
}

/** Whether there is a number of 13 to 19 digits in it that passes the check of card numbers (ISO/IEC 7812-1), separators or not. */
export function couldBeCard(text: string): boolean {
  const runs = text.match(/\d+(?:[ -]\d+)*/g) ?? []
  return [text, ...runs, ...(text.match(/\d+/g) ?? [])].some((part) => isCardNumber(part.replace(/\D/g, '')))
}

function isCardNumber(digits: string): boolean {
  if (digits.length < 13 || digits.length > 19) return false
  let sum = 0
  for (let place = 0; place < digits.length; place++) {
    const digit = digits.charCodeAt(digits.length - 1 - place) - 48
    const weighed = place % 2 === 1 ? digit * 2 : digit
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  return sum % 10 === 0
}

function defineClasses(): readonly CharacterClass[] {
  const ranged = (from: number, to: number, pickFrom: Range = [from, to]): CharacterClass => ({
    has: (code) => code >= from && code <= to,
    pick: (random) => String.fromCodePoint(pickFrom[0] + random.below(pickFrom[1] - pickFrom[0] + 1)),
  })
  const digit: Range = [0x30, 0x39]
  const upper: Range = [0x41, 0x5a]
  const lower: Range = [0x61, 0x7a]
  const like = (pattern: RegExp, pick: CharacterClass['pick']): CharacterClass => ({ has: (code) => pattern.test(String.fromCodePoint(code)), pick })
  const within = ([from, to]: Range): CharacterClass['pick'] => (random) => String.fromCodePoint(from + random.below(to - from + 1))
  const han = commonHan()
  return [
    ranged(...digit),
    ranged(...lower),
    ranged(...upper),
    like(/\p{Script=Han}/u, (random) => han[random.below(han.length)] as string),
    ranged(0x3041, 0x3096, [0x304b, 0x3062]), // hiragana
    ranged(0x30a1, 0x30fa, [0x30ab, 0x30c2]), // katakana
    ranged(0x3105, 0x312f, [0x3105, 0x3129]), // bopomofo
    ranged(0xac00, 0xd7a3), // hangul syllables
    ranged(0xff66, 0xff9d, [0xff71, 0xff9d]), // katakana of half width
    ranged(0xff10, 0xff19), // digits and letters of full width
    ranged(0xff21, 0xff3a),
    ranged(0xff41, 0xff5a),
    ranged(0x410, 0x42f), // Cyrillic
    ranged(0x430, 0x44f),
    ranged(0x391, 0x3a9, [0x391, 0x3a1]), // Greek
    ranged(0x3b1, 0x3c9, [0x3b1, 0x3c1]),
    // Letters and digits of all other scripts, as the Latin ones that stand where they do.
    like(/\p{Nd}/u, within(digit)),
    like(/\p{Lu}/u, within(upper)),
    like(/[\p{L}\p{Nl}\p{No}]/u, within(lower)),
  ]
}

/** The 5,401 characters in common use of Big5 (its first level), which Node's ICU knows. */
function commonHan(): readonly string[] {
  const decoder = new TextDecoder('big5')
  const characters: string[] = []
  for (let high = 0xa4; high <= 0xc6; high++) {
    for (let low = 0x40; low <= 0xfe; low++) {
      if ((low > 0x7e && low < 0xa1) || (high === 0xc6 && low > 0x7e)) continue
      const character = decoder.decode(Uint8Array.of(high, low))
      if (/^\p{Script=Han}$/u.test(character)) characters.push(character)
    }
  }
  return characters
}
