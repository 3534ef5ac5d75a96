/**
 * What can be looked into, and changed in a copy: a plain object as it is, path parameters, whose prototype is an empty one, and of a request
 * that a flow has copied what it shows as JSON. Lists, bytes, dates and other instances are none. Where the compiler follows data labels into a
 * value, this is how far nodes follow it.
 */
export function containerOf(value: unknown): Record<string | number, unknown> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (isPlain(value)) return value
  if (Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Date) return undefined
  const { toJSON } = value as { toJSON?: unknown }
  const shown: unknown = typeof toJSON === 'function' ? (toJSON as () => unknown).call(value) : undefined
  return typeof shown === 'object' && shown !== null && isPlain(shown) ? shown : undefined
}

function isPlain(value: object): value is Record<string | number, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null
}
