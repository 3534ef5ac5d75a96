/** True when two JSON values have the same content; the order of keys does not count. Stops at the first difference. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    for (let index = 0; index < a.length; index++) if (!sameJson(a[index], b[index])) return false
    return true
  }
  if (Array.isArray(b)) return false
  let count = 0
  for (const key in a) {
    const one = (a as Record<string, unknown>)[key]
    const other = (b as Record<string, unknown>)[key]
    count++
    if (one === other && (one !== undefined || Object.hasOwn(b, key))) continue
    // Most values of a node are texts and numbers: when they differ there is nothing to look into.
    if (typeof one !== 'object' || !Object.hasOwn(b, key) || !sameJson(one, other)) return false
  }
  for (const _key in b) count--
  return count === 0
}
