/** Levels of lists and objects that a record may have. */
const depthLimit = 100

/**
 * JSON with one text per value (RFC 8785): names of objects in the order of their UTF-16 code units, no spaces, numbers and strings as
 * ECMAScript writes them. What is `undefined` is left out of objects, as `JSON.stringify` does.
 * @throws TypeError of what JSON has no words for (functions, NaN, lone surrogates, cycles)
 */
export function toCanonicalJson(value: unknown, depth = 0): string {
  if (depth > depthLimit) throw new TypeError(`it is nested deeper than ${depthLimit} levels`)
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw new TypeError('it holds half a character (a lone surrogate)')
      return JSON.stringify(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`JSON has no word for ${value}`)
      return JSON.stringify(value)
    case 'object':
      break
    default:
      throw new TypeError(`JSON has no word for a ${typeof value}`)
  }
  if (value === null) return 'null'
  if (Array.isArray(value)) return `[${value.map((item) => toCanonicalJson(item ?? null, depth + 1)).join(',')}]`
  const parts: string[] = []
  // The default order of sort() is that of UTF-16 code units.
  for (const name of Object.keys(value).sort()) {
    const item = (value as Readonly<Record<string, unknown>>)[name]
    if (item !== undefined) parts.push(`${toCanonicalJson(name)}:${toCanonicalJson(item, depth + 1)}`)
  }
  return `{${parts.join(',')}}`
}
