export type Json = Readonly<Record<string, unknown>>

/** Whether it is an object of JSON, no list. */
export function isJsonObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object, or an empty one in the place of anything else. */
export function asJson(value: unknown): Json {
  return isJsonObject(value) ? value : {}
}

/** Each value of an object made anew; anything else stays. */
export function mapValues(value: unknown, change: (one: unknown, name: string) => unknown): unknown {
  return isJsonObject(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, change(one, name)])) : value
}

/** An object without some of its keys. */
export function without(value: Json, ...keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key)))
}
