/** A bare item of a structured field (RFC 8941 §3.3). */
export type Bare = string | number | boolean | Buffer | Token

/** A token, as opposed to a string. */
export class Token {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Parameters = ReadonlyMap<string, Bare>

export interface Item {
  readonly value: Bare
  readonly params: Parameters
}

export interface InnerList {
  readonly items: readonly Item[]
  readonly params: Parameters
}

const longest = 8192

/**
 * A dictionary (RFC 8941 §3.2) of items and inner lists. Decimals are not taken: none of the fields read here has them.
 * @returns `undefined` when it is malformed
 */
export function parseDictionary(text: string): ReadonlyMap<string, Item | InnerList> | undefined {
  if (text.length > longest) return undefined
  try {
    return new Reader(text.replace(/^ +| +$/g, '')).dictionary()
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

export function isInnerList(member: Item | InnerList | undefined): member is InnerList {
  return member !== undefined && 'items' in member
}

class Malformed extends Error {}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  dictionary(): Map<string, Item | InnerList> {
    const members = new Map<string, Item | InnerList>()
    while (this.#at < this.#text.length) {
      const key = this.#key()
      const member = this.#take('=') ? (this.#peek() === '(' ? this.#innerList() : this.#item()) : { value: true, params: this.#params() }
      members.delete(key)
      members.set(key, member)
      this.#match(/[ \t]*/y)
      if (this.#at === this.#text.length) return members
      this.#expect(',')
      this.#match(/[ \t]*/y)
      if (this.#at === this.#text.length) throw new Malformed()
    }
    return members
  }

  #innerList(): InnerList {
    this.#expect('(')
    const items: Item[] = []
    for (;;) {
      this.#match(/ */y)
      if (this.#take(')')) return { items, params: this.#params() }
      items.push(this.#item())
      if (this.#peek() !== ' ' && this.#peek() !== ')') throw new Malformed()
    }
  }

  #item(): Item {
    return { value: this.#bare(), params: this.#params() }
  }

  #params(): Parameters {
    const params = new Map<string, Bare>()
    while (this.#take(';')) {
      this.#match(/ */y)
      const key = this.#key()
      const value = this.#take('=') ? this.#bare() : true
      params.delete(key)
      params.set(key, value)
    }
    return params
  }

  #bare(): Bare {
    const first = this.#peek()
    if (first === '"') return this.#need(/"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"/y)[1]?.replace(/\\(["\\])/g, '$1') as string
    if (first === ':') return this.#bytes()
    if (first === '?') return this.#need(/\?([01])/y)[1] === '1'
    if (first === '-' || (first >= '0' && first <= '9')) return Number(this.#need(/-?\d{1,15}(?![\d.])/y)[0])
    return new Token(this.#need(/[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*/y)[0])
  }

  #bytes(): Buffer {
    const text = this.#need(/:([A-Za-z0-9+/]*={0,2}):/y)[1] as string
    const bytes = Buffer.from(text, 'base64')
    if (bytes.toString('base64') !== text) throw new Malformed()
    return bytes
  }

  #key(): string {
    return this.#need(/[a-z*][a-z0-9_.*-]*/y)[0]
  }

  #peek(): string {
    return this.#text[this.#at] ?? ''
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false
    this.#at += 1
    return true
  }

  #expect(char: string): void {
    if (!this.#take(char)) throw new Malformed()
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)
    if (match) this.#at += match[0].length
    return match
  }

  #need(pattern: RegExp): RegExpExecArray {
    const match = this.#match(pattern)
    if (!match) throw new Malformed()
    return match
  }
}

/** An inner list as RFC 8941 §4.1.1.1 writes it, whatever blanks it was sent with. */
export function serializeInnerList({ items, params }: InnerList): string {
  return `(${items.map(serializeItem).join(' ')})${serializeParams(params)}`
}

export function serializeItem({ value, params }: Item): string {
  return serializeBare(value) + serializeParams(params)
}

function serializeParams(params: Parameters): string {
  let text = ''
  for (const [key, value] of params) text += value === true ? `;${key}` : `;${key}=${serializeBare(value)}`
  return text
}

function serializeBare(value: Bare): string {
  if (typeof value === 'string') return `"${value.replace(/["\\]/g, '\\$&')}"`
  if (typeof value === 'boolean') return value ? '?1' : '?0'
  if (typeof value === 'number') return String(value)
  return value instanceof Token ? value.text : `:${value.toString('base64')}:`
}
