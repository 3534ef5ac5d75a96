const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads bytes as one JSON object in which no name stands twice, at any depth (RFC 7515 §4, RFC 7519 §4: names are unique).
 * Readers differ in which of two members they take, so that one that checks and one that uses could see different values.
 * @returns undefined for what is not UTF-8, no JSON, no object, or says something twice
 */
export function parseStrictObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const text = utf8.decode(bytes)
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return saysTwice(text) ? undefined : (value as Record<string, unknown>)
  } catch {
    return undefined
  }
}

/** Whether an object of a text that is JSON has two members of one name, however the name is written. */
function saysTwice(json: string): boolean {
  /** Names so far, of each object that is open; `undefined`: a list. */
  const open: (Names | undefined)[] = []
  let expectName = false
  for (let at = 0; at < json.length; at += 1) {
    switch (json.charCodeAt(at)) {
      case 0x7b: // {
        open.push(new Names())
        expectName = true
        break
      case 0x5b: // [
        open.push(undefined)
        expectName = false
        break
      case 0x7d: // }
      case 0x5d: // ]
        open.pop()
        expectName = false
        break
      case 0x2c: // ,
        expectName = open.at(-1) !== undefined
        break
      case 0x22: { // "
        const end = endOfText(json, at)
        if (expectName) {
          expectName = false
          const written = json.slice(at + 1, end)
          const name = written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written
          if (!(open.at(-1) as Names).add(name)) return true
        }
        at = end
        break
      }
      default:
    }
  }
  return false
}

/** The end of a text that begins at a quotation mark: the place of the one that closes it. */
function endOfText(json: string, start: number): number {
  let at = start + 1
  while (json.charCodeAt(at) !== 0x22) at += json.charCodeAt(at) === 0x5c ? 2 : 1
  return at
}

/** Names of one object. Most have few, which are found sooner in a list than in a set. */
class Names {
  readonly #few: string[] = []
  #many: Set<string> | undefined

  /** @returns false when it is there already */
  add(name: string): boolean {
    if (this.#many) {
      if (this.#many.has(name)) return false
      this.#many.add(name)
      return true
    }
    if (this.#few.includes(name)) return false
    this.#few.push(name)
    if (this.#few.length > mostFew) this.#many = new Set(this.#few)
    return true
  }
}

const mostFew = 16
