/** Methods that may be sent again when their connection broke before an answer began (RFC 9110 §9.2.1, §9.2.2). */
const repeatable = new Set(['GET', 'HEAD', 'OPTIONS'])
/** A request that meets closed connections is sent again so often at most. */
const mostRepeats = 16

/**
 * Whether a request goes out once more: a connection that was kept open may be closed by the server just as we write on it (RFC 9112 §9.3.1).
 * Those that were kept beside it may all have been closed: after a pause a server closes them together.
 * @param started whether anything of an answer came; @param repeats how often it was sent again; @param keptBefore what `keptBy` said before it went out
 */
export function goesAgain(error: Error, { method, started, repeats, keptBefore }: { readonly method: string; readonly started: boolean; readonly repeats: number; readonly keptBefore: number }): boolean {
  if (started || !repeatable.has(method) || (error as { code?: string }).code !== 'upstream.eof') return false
  return repeats === 0 || (repeats < mostRepeats && keptBefore > 0)
}

/**
 * Connections that were kept open and carry nothing now: a request that is sent again may go out on one of them. They are counted one
 * by one, so not for the first time, which goes again whatever they are.
 */
export function keptBy(pool: object, repeats: number): number {
  return repeats === 0 ? 0 : ((pool as { readonly stats?: { readonly free?: number } }).stats?.free ?? 0)
}
