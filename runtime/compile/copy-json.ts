/**
 * A copy of a JSON value that may be changed; several times quicker than structured cloning.
 * @throws RangeError for a value nested thousands of levels deep
 */
export function copyJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item: unknown) => copyJson(item)) as T
  const copy: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value)) {
    // Assigning it would set the prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: copyJson(inner), writable: true, enumerable: true, configurable: true })
    else copy[key] = copyJson(inner as unknown)
  }
  return copy as T
}
