/** What a secret may be called. */
export const secretName = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** Most bytes of a secret, in UTF-8. */
export const secretLimitBytes = 64 * 1024

/** `{{secret:name}}`, with or without blanks inside the braces. */
const reference = /\{\{\s*secret:\s*([a-z0-9][a-z0-9._-]{0,63})\s*\}\}/g

/** What somebody meant as one, whether it can be read or not. */
const meant = /\{\{\s*secret\s*:/i

/** Whether a text holds something that is meant as a reference to a secret. */
export function mentionsSecret(text: string): boolean {
  return text.includes('{{') && meant.test(text)
}

/** Names of the secrets that a text refers to, each once. */
export function secretsIn(text: string): string[] {
  if (!mentionsSecret(text)) return []
  return [...new Set([...text.matchAll(reference)].map((match) => match[1] as string))]
}

/** Whether something in a text is meant as a reference and cannot be read as one. */
export function hasMalformedReference(text: string): boolean {
  return mentionsSecret(text) && mentionsSecret(text.replaceAll(reference, ''))
}

/** A text with each reference replaced by what `valueOf` gives for its name. Values are not looked through again. */
export function replaceReferences(text: string, valueOf: (name: string) => string): string {
  return mentionsSecret(text) ? text.replaceAll(reference, (_whole, name: string) => valueOf(name)) : text
}

/** A value with the references in all of its texts replaced; the same one when there are none. */
export function replaceReferencesIn<T>(value: T, valueOf: (name: string) => string): T {
  return change(value, valueOf, 0) as T
}

const deepest = 50

function change(value: unknown, valueOf: (name: string) => string, depth: number): unknown {
  if (typeof value === 'string') return replaceReferences(value, valueOf)
  if (value === null || typeof value !== 'object' || depth > deepest) return value
  let changed = false
  const entries = Object.entries(value).map(([key, inner]) => {
    const replaced = change(inner, valueOf, depth + 1)
    if (replaced !== inner) changed = true
    return [key, replaced] as const
  })
  if (!changed) return value
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries)
}

/** Every text of a value with its place (`headers.0.value`), however deep it lies. */
export function* textsOf(value: unknown, place = '', depth = 0): Generator<readonly [place: string, text: string]> {
  if (typeof value === 'string') yield [place, value]
  else if (value !== null && typeof value === 'object' && depth <= deepest) {
    for (const [key, inner] of Object.entries(value)) yield* textsOf(inner, place === '' ? key : `${place}.${key}`, depth + 1)
  }
}
