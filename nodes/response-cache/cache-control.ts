/**
 * Directives of `Cache-Control` by their lower-case names (RFC 9111 §5.2). Of a directive that is given twice the first
 * counts, as RFC 9111 §4.2.1 has it; one without an argument is an empty text.
 */
export type Directives = ReadonlyMap<string, string>

const none: Directives = new Map()

/** Reads `Cache-Control`. Parts that are none are left out: a header that is half understood is still obeyed where it is. */
export function parseCacheControl(given: unknown): Directives {
  if (given === undefined || given === null) return none
  const text = Array.isArray(given) ? given.join(',') : String(given)
  const directives = new Map<string, string>()
  for (const match of text.matchAll(/([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?\s*(?:,|$)/g)) {
    const name = (match[1] as string).toLowerCase()
    if (!directives.has(name)) directives.set(name, match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '')
  }
  return directives
}

/**
 * Seconds of a directive; `undefined` when it is not there. What is no number counts as 0, so that an answer whose author
 * made a mistake is stale rather than kept (RFC 9111 §4.2.1).
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const text = directives.get(name)
  if (text === undefined) return undefined
  return /^\d+$/.test(text) ? Math.min(Number(text), 2 ** 31) : 0
}
