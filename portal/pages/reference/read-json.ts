export type Json = Readonly<Record<string, unknown>>

/** An object, or an empty one in the place of anything else. */
export function asObject(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
}

/** A list, or an empty one in the place of anything else. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** A text, or nothing. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}

/** What a reference inside the document leads to, over a few steps. */
export function follow(document: Json, value: unknown): Json {
  let at = asObject(value)
  for (let steps = 0; typeof at['$ref'] === 'string' && steps < 10; steps++) {
    let found: unknown = document
    for (const part of (at['$ref'] as string).split('/').slice(1)) found = asObject(found)[part.replaceAll('~1', '/').replaceAll('~0', '~')]
    at = asObject(found)
  }
  return at
}
