/** Whether two JSON values are equal (JSON Schema 2020-12 §4.2.2): the order of keys makes no difference, `1.0` is `1`. */
export function isSame(a: unknown, b: unknown, work: () => void = () => {}): boolean {
  work()
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => isSame(item, b[i], work))
  if (Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], work))
}

/** A text that is equal for equal values. */
export function sameText(value: unknown, work: () => void): string {
  work()
  if (Array.isArray(value)) return `[${value.map((item) => sameText(item, work)).join()}]`
  if (typeof value === 'object' && value !== null) {
    const record = value as Record<string, unknown>
    return `{${Object.keys(record).sort().map((key) => `${JSON.stringify(key)}:${sameText(record[key], work)}`).join()}}`
  }
  return JSON.stringify(value) ?? 'undefined'
}
