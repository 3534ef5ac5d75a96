import type { LimitState } from '../runtime/core/state.ts'
import { secondsUntil } from './limit-refusal.ts'

/** A limit as its headers show it. */
export interface ShownLimit {
  /** Name of the policy: any text, what a header cannot hold is left out. */
  readonly name: string
  readonly windowSeconds: number
  readonly state: LimitState
}

/** `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), lists of structured fields (RFC 9651). */
export function toRateLimitHeaders(limits: readonly ShownLimit[], nowMs: number): { readonly policy: string; readonly rateLimit: string } {
  const policies: string[] = []
  const states: string[] = []
  for (const { name, windowSeconds, state } of limits) {
    const text = toSfString(name)
    policies.push(`${text};q=${state.limit};w=${windowSeconds}`)
    states.push(`${text};r=${Math.max(0, state.remaining)};t=${secondsUntil(state.resetsAtMs, nowMs)}`)
  }
  return { policy: policies.join(', '), rateLimit: states.join(', ') }
}

/** RFC 9651 §4.1.6: printable ASCII, quotes and backslashes escaped. */
function toSfString(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]+/g, '').trim()
  return `"${(plain === '' ? 'quota' : plain).replace(/["\\]/g, '\\$&')}"`
}
