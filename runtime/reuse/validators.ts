/** What an answer can be asked about again by. */
export type Validators = Readonly<Record<'if-none-match' | 'if-modified-since', string>> | { readonly 'if-none-match': string } | { readonly 'if-modified-since': string }

/** A change within the second of the last one has the same date, and of the same length often the same tag. */
const settledMs = 2000

/**
 * The conditions under which an answer would come again unchanged (RFC 9110 §13.1), or nothing when it says none that can be
 * relied upon. A date, and a tag that may be made of one, only count when the change lay some seconds behind the answer
 * (RFC 9110 §8.8.2.2): servers of files know no finer time.
 */
export function toValidators(headers: Readonly<Record<string, string | readonly string[]>>): Validators | undefined {
  const { etag, 'last-modified': modified, date } = headers
  const modifiedMs = typeof modified === 'string' ? Date.parse(modified) : NaN
  if (!Number.isNaN(modifiedMs) && !(Date.parse(String(date)) - modifiedMs >= settledMs)) return undefined
  if (typeof etag === 'string' && etag !== '') return { 'if-none-match': etag }
  return Number.isNaN(modifiedMs) ? undefined : { 'if-modified-since': modified as string }
}
