import type { LimitState } from '../../../runtime/core/state/state.ts'
import { secondsUntil } from './limit-refusal.ts'
import type { LimitWindow } from './limit-window.ts'

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), lists of structured fields (RFC 9651), for
 * the windows among some limits; undefined when there is none. Policies carry `name`, and the window when there are several.
 * A window that never ends has neither of the optional parameters: no length (`w`), no time at which it begins anew (`t`).
 */
export function toRateLimitHeaders(
  name: string, metas: readonly { readonly window?: LimitWindow }[], states: readonly (LimitState | undefined)[], nowMs: number,
): { readonly policy: string; readonly rateLimit: string } | undefined {
  let count = 0
  for (const [i, { window }] of metas.entries()) if (window && states[i]) count++
  if (count === 0) return undefined
  let policy = ''
  let rateLimit = ''
  for (const [i, { window }] of metas.entries()) {
    const state = states[i]
    if (!window || !state) continue
    const text = count === 1 ? `"${toSfText(name)}"` : `"${toSfText(name)} ${window.text}"`
    const comma = policy === '' ? '' : ', '
    const seconds = window.secondsAt(nowMs)
    policy += `${comma}${text};q=${state.limit}${seconds === undefined ? '' : `;w=${seconds}`}`
    rateLimit += `${comma}${text};r=${Math.max(0, state.remaining)}${seconds === undefined ? '' : `;t=${secondsUntil(state.resetsAtMs, nowMs)}`}`
  }
  return { policy, rateLimit }
}

/** Inside of a string of RFC 9651 §4.1.6: printable ASCII, quotes and backslashes escaped. What a header cannot hold is left out. */
function toSfText(text: string): string {
  if (/^[\w-]+$/.test(text)) return text
  const plain = text.replace(/[^\x20-\x7e]+/g, '').trim()
  return (plain === '' ? 'quota' : plain).replace(/["\\]/g, '\\$&')
}
