import { freezeDeep } from '../values/freeze.ts'
import { isTooDeep, jsonDepthLimit, NestedTooDeep, parseJson, tooDeep } from '../values/json-depth.ts'
import { isPlainJson } from '../values/plain-json.ts'

/** How a body's bytes become a value. Given by whoever knows the content type (HTTP front, upstream). */
export type ParseBody = (bytes: Buffer) => unknown

/**
 * Bytes that nobody had to parse yet. A body is parsed at most once, when `value()` is first asked for;
 * a body that is only passed on is never parsed at all. JSON bodies can also cross into a guest as
 * text (`jsonText()`), so that the guest does the one parse.
 */
export class Body {
  readonly contentType: string | undefined
  readonly #parse: ParseBody | 'json'
  readonly #malformed: ((error: unknown) => Error) | undefined
  #bytes: Buffer | undefined
  #text: string | undefined
  #value: unknown
  #parsed = false
  /** True once a JSON text was found to be nested no deeper than the limit. */
  #shallow: boolean
  /** Whether its bytes may stand in another JSON text; found out when first asked. */
  #plain: boolean | undefined
  /** Several runs have it: its value is frozen, so that none can disturb another. */
  #shared = false

  private constructor(contentType: string | undefined, parse: ParseBody | 'json', bytes?: Buffer, text?: string, malformed?: (error: unknown) => Error) {
    this.#malformed = malformed
    this.contentType = contentType
    this.#parse = parse
    this.#bytes = bytes
    this.#text = text
    this.#shallow = text !== undefined
  }

  /** Bytes of a content type; `parse` makes the value when somebody needs it and may throw a fault. */
  static ofBytes(bytes: Buffer, contentType: string | undefined, parse: ParseBody): Body {
    return new Body(contentType, parse, bytes)
  }

  /**
   * Bytes that claim to be JSON. Whether they are is found out by whoever parses them first;
   * `malformed` makes the error that is thrown then (absent: the SyntaxError itself).
   */
  static ofJsonBytes(bytes: Buffer, contentType = 'application/json', malformed?: (error: unknown) => Error): Body {
    return new Body(contentType, 'json', bytes, undefined, malformed)
  }

  /** JSON text that is known to be valid, such as what a guest's JSON.stringify wrote. */
  static ofJsonText(text: string): Body {
    return new Body('application/json', 'json', undefined, text)
  }

  /** The bytes as they came, or the UTF-8 encoding of the text this body was made from. */
  bytes(): Buffer {
    return (this.#bytes ??= Buffer.from(this.#text ?? '', 'utf8'))
  }

  /** The text, decoded as UTF-8 (RFC 8259 §8.1 for JSON). */
  text(): string {
    return (this.#text ??= (this.#bytes as Buffer).toString('utf8'))
  }

  /** The bytes or the text, whichever is there without converting: for whoever passes the body on. */
  raw(): Buffer | string {
    return this.#bytes ?? this.#text ?? ''
  }

  /** True for a JSON body, whether its text is valid or not. */
  get isJson(): boolean {
    return this.#parse === 'json'
  }

  /**
   * The text of a JSON body, unparsed and possibly malformed; `undefined` for every other body.
   * @throws Fault `body.malformed` when it is nested deeper than any parser should be asked to follow
   */
  jsonText(): string | undefined {
    return this.#parse === 'json' ? this.#shallowText() : undefined
  }

  /** True for a JSON body whose value nobody has asked for. */
  get isUnread(): boolean {
    return this.#parse === 'json' && !this.#parsed
  }

  /**
   * The bytes of a JSON body when they may stand in another JSON text as they are ({@link isPlainJson}). Looked through once, however many
   * have the body. `undefined`: its value has to be written.
   */
  plainJson(): Buffer | undefined {
    if (this.#parse !== 'json') return undefined
    this.#plain ??= isPlainJson(this.bytes(), jsonDepthLimit - depthAround)
    return this.#plain ? this.bytes() : undefined
  }

  /** True when the value has been made already, so that reading it again costs nothing. */
  get parsed(): boolean {
    return this.#parsed
  }

  /**
   * The parsed value, made once; of an empty JSON text `undefined`, as an empty body has no value.
   * @throws SyntaxError (or the error made from it) for malformed JSON, Fault `body.malformed` for JSON nested too deep,
   * or what the given parser throws
   */
  value(): unknown {
    if (this.#parsed) return this.#value
    this.#value = this.#parse === 'json' ? this.#parseJson() : this.#parse(this.bytes())
    this.#parsed = true
    // The bytes say the same: a text beside them would be held for as long as the value.
    if (this.#bytes !== undefined) this.#text = undefined
    if (this.#shared) freezeDeep(this.#value)
    return this.#value
  }

  /** From now on more than one run has this body: its value is deep-frozen, now or when it is made. Gives the body back. */
  share(): this {
    if (!this.#shared) {
      this.#shared = true
      if (this.#parsed) freezeDeep(this.#value)
    }
    return this
  }

  #parseJson(): unknown {
    const text = this.text()
    if (text.length === 0) return undefined
    try {
      const value: unknown = this.#shallow ? JSON.parse(text) : parseJson(text, this.#bytes)
      this.#shallow = true
      return value
    } catch (error) {
      if (error instanceof NestedTooDeep) throw tooDeep()
      throw this.#malformed?.(error) ?? error
    }
  }

  #shallowText(): string {
    const text = this.text()
    if (this.#shallow) return text
    if (isTooDeep(text, this.#bytes)) throw tooDeep()
    this.#shallow = true
    return text
  }

  /** So that a body inside a message serialises as its value does. */
  toJSON(): unknown {
    return this.value()
  }
}

/** Levels that may stand around a body. */
const depthAround = 8

/** The value behind `value`: a body is parsed, anything else is returned as it is. */
export function resolve(value: unknown): unknown {
  return value instanceof Body ? value.value() : value
}

/** A message's payload as a value, parsed if nobody did so before. */
export function payloadOf(message: { readonly payload?: unknown }): unknown {
  return resolve(message.payload)
}
