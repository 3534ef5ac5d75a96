/**
 * Freezes plain data to its leaves and gives it back. What is frozen already is taken as deep-frozen;
 * bytes cannot be frozen and stay as they are.
 */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  const open: object[] = [value]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (Object.isFrozen(at) || ArrayBuffer.isView(at)) continue
    Object.freeze(at)
    for (const child of Object.values(at)) if (typeof child === 'object' && child !== null) open.push(child as object)
  }
  return value
}
