/** Node-RED's name for the mark on `msg.headers` that an answer of an upstream brought. */
const mark = 'x-node-red-request-node'

type Headers = Readonly<Record<string, unknown>>

/**
 * An upstream's answer headers as `msg.headers`, marked so that a reply node can tell whether the flow has
 * changed them since: headers that merely came along are not meant for the caller.
 */
export function markUpstreamHeaders<T extends Headers>(headers: T): T & { readonly [mark]: string } {
  return { ...headers, [mark]: fingerprint(headers) }
}

/** True for headers that came from an upstream and were not changed by the flow. */
export function areUntouchedUpstreamHeaders(headers: unknown): boolean {
  if (typeof headers !== 'object' || headers === null || !Object.hasOwn(headers, mark)) return false
  return (headers as Record<string, unknown>)[mark] === fingerprint(headers as Headers)
}

/** Headers without the mark, for sending them on. */
export function withoutUpstreamMark(headers: Headers): Record<string, unknown> {
  if (!Object.hasOwn(headers, mark)) return headers
  const { [mark]: _, ...rest } = headers
  return rest
}

/** FNV-1a over names and values: tells a change apart, guards nothing. */
function fingerprint(headers: Headers): string {
  let hash = 0x811c9dc5
  for (const name in headers) {
    if (name === mark) continue
    const value = headers[name]
    const text = typeof value === 'string' ? value : String(value)
    for (let i = 0; i < name.length; i += 1) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
    for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return (hash >>> 0).toString(16)
}
