/** Deeper than this nobody draws; structured cloning does not recurse. */
const deepest = 500

/** A copy of a JSON value that may be changed; several times quicker than structured cloning. */
export function copyJson<T>(value: T, depth = 0): T {
  if (typeof value !== 'object' || value === null) return value
  if (depth > deepest) return structuredClone(value)
  if (Array.isArray(value)) return value.map((item: unknown) => copyJson(item, depth + 1)) as T
  const copy: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value)) {
    // Assigning it would set the prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: copyJson(inner, depth + 1), writable: true, enumerable: true, configurable: true })
    else copy[key] = copyJson(inner as unknown, depth + 1)
  }
  return copy as T
}
