/** What stands in the place of a secret. */
export const hidden = '[hidden]'
/** A shorter text is in too many others to be taken for the secret. */
const shortest = 5
/** Characters of a form by which it is looked for. */
const gram = 4

/**
 * Takes secrets out of a text: as they are, and as JSON, URLs, forms, hexadecimal digits and Base64 (also as a part of what was encoded) write
 * them. It costs one pass over the text, however many secrets there are. `cut`: the text went on, so that what may be the beginning of a secret
 * at its end goes as well.
 */
export type HideText = (text: string, cut?: boolean) => string

/** The same text where there is nothing in it; `undefined` when no value is long enough to be looked for. */
export function createHideText(values: Iterable<string>): HideText | undefined {
  const forms = new Map<string, Form>()
  for (const value of values) for (const form of formsOf(value)) if (!forms.has(form.text)) forms.set(form.text, form)
  // Longer ones first: one that is part of another must not leave the rest of it standing.
  const all = [...forms.values()].toSorted((a, b) => b.text.length - a.text.length)
  if (all.length === 0) return undefined
  const holds = createFinder(all.map(({ text }) => text))

  function plain(text: string): string {
    if (!holds(text)) return text
    let result = text
    for (const { text: form, pattern } of all) if (result.includes(form)) result = pattern ? result.replaceAll(pattern, hidden) : result.replaceAll(form, hidden)
    return result
  }

  /** A secret may be percent-encoded more than it has to be, or twice. */
  function decoded(text: string): boolean {
    const once = decode(text)
    if (holds(once)) return true
    return once.includes('%') && holds(decode(once))
  }

  /** The end of a text that a secret may begin with, or the last word where that is encoded in a way of which nobody knows how much is missing. */
  function withoutBeginning(text: string): string {
    let from = text.length
    const lastWord = /[^\s"'<>]*$/.exec(text)
    if (lastWord?.[0].includes('%')) from = lastWord.index
    for (const { text: form } of all) {
      for (let at = text.indexOf(form[0] as string, Math.max(0, text.length - form.length + 1)); at !== -1 && at < Math.min(from, text.length - gram + 1); at = text.indexOf(form[0] as string, at + 1)) {
        if (form.startsWith(text.slice(at))) from = at
      }
    }
    return from === text.length ? text : text.slice(0, from) + hidden
  }

  return (text, cut = false) => {
    const result = cut ? withoutBeginning(plain(text)) : plain(text)
    if (!result.includes('%')) return result
    return result.replaceAll(/[^\s"'<>]+/g, (word) => {
      if (!word.includes('%') || !decoded(word)) return word
      const parts = word.replaceAll(/[^&?=;,/]+/g, (part) => (part.includes('%') && decoded(part) ? hidden : part))
      return decoded(parts) ? hidden : parts
    })
  }
}

interface Form {
  readonly text: string
  /** What is taken out instead: around Base64 its neighbours, which hold bits of the secret as well. */
  readonly pattern?: RegExp
}

function formsOf(given: string): Form[] {
  const found: Form[] = []
  for (const value of new Set([given, given.trim()])) {
    if (value.length < shortest) continue
    const json = JSON.stringify(value).slice(1, -1)
    const uri = encodeURIComponent(value.toWellFormed())
    const lowerUri = uri.replaceAll(/%[\dA-F]{2}/g, (one) => one.toLowerCase())
    const bytes = Buffer.from(value, 'utf8')
    const texts = [value, json, JSON.stringify(json).slice(1, -1), uri, lowerUri, uri.replaceAll('%20', '+'), bytes.toString('hex'), bytes.toString('hex').toUpperCase()]
    for (const text of new Set(texts)) found.push({ text })
    for (const text of base64Of(bytes)) found.push({ text, pattern: new RegExp(`[\\w+/-]?${text.replaceAll(/[+/]/g, '\\$&')}[\\w+/-]?={0,2}`, 'g') })
  }
  return found
}

/** What Base64 (RFC 4648 §4, §5) makes of bytes for sure, wherever in what is encoded they begin. */
function base64Of(bytes: Buffer): Set<string> {
  const texts = new Set<string>()
  for (const before of [0, 1, 2]) {
    const bits = (before + bytes.length) * 8
    const encoded = Buffer.concat([Buffer.alloc(before), bytes])
    for (const alphabet of ['base64', 'base64url'] as const) texts.add(encoded.toString(alphabet).slice(Math.ceil((before * 8) / 6), Math.floor(bits / 6)))
  }
  return texts
}

/** Whether any of some texts is in another, told by the first characters of each: one look at each place. */
function createFinder(texts: readonly string[]): (text: string) => boolean {
  let size = 1024
  while (size < texts.length * 16 && size < 65_536) size *= 2
  const mask = size - 1
  const byStart = new Map<number, string[]>()
  const marks = new Uint8Array(size)
  let least = Infinity
  for (const text of texts) {
    const start = hashAt(text, 0) & mask
    marks[start] = 1
    byStart.set(start, [...(byStart.get(start) ?? []), text])
    least = Math.min(least, text.length)
  }
  return (text) => {
    const last = text.length - least
    for (let at = 0; at <= last; at += 1) {
      const start = hashAt(text, at) & mask
      if (marks[start] === 1 && (byStart.get(start) as string[]).some((one) => text.startsWith(one, at))) return true
    }
    return false
  }
}

function hashAt(text: string, at: number): number {
  let hash = 0
  for (let i = at; i < at + gram; i += 1) hash = Math.imul(hash, 31) + text.charCodeAt(i)
  return hash ^ (hash >>> 9)
}

/** Percent-encoding undone where there is some; what is none stays (RFC 3986 §2.1). */
function decode(text: string): string {
  return text.replaceAll(/(?:%[\da-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'))
}
