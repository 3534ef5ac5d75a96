import type { LimitState } from '../../../runtime/core/state/state.ts'
import { secondsUntil } from './limit-refusal.ts'
import type { LimitWindow } from './limit-window.ts'

/** What both fields say of the windows among some limits. */
export interface RateLimitHeaders {
  readonly policy: string
  readonly rateLimit: string
}

/** A window as the policy said it last: nearly every call finds limit and length as they were. */
interface Said {
  readonly text: string
  limit: number
  seconds: number | undefined
  policy: string
}

/** Windows that are kept in mind: plans may come with ever new ones. */
const mostSaid = 1000

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), lists of structured fields (RFC 9651), for
 * the windows among some limits; undefined when there is none. Policies carry `name`, and the window when there are several.
 * A window that never ends has neither of the optional parameters: no length (`w`), no time at which it begins anew (`t`).
 */
export function createRateLimitHeaders(
  name: string,
): (metas: readonly { readonly window?: LimitWindow }[], states: readonly (LimitState | undefined)[], nowMs: number) => RateLimitHeaders | undefined {
  const own = toSfText(name)
  /** By the text of the window; the empty one where it is the only one. */
  const said = new Map<string, Said>()
  /** The policy as it was joined last, and of which parts. */
  let joined = ''
  let parts: string[] = []

  function saidOf(window: string): Said {
    let known = said.get(window)
    if (!known) {
      if (said.size >= mostSaid) said.clear()
      said.set(window, (known = { text: window === '' ? `"${own}"` : `"${own} ${window}"`, limit: Number.NaN, seconds: undefined, policy: '' }))
    }
    return known
  }

  /** The very text of before while its parts are: it is checked and written by every answer. */
  function join(policies: string[]): string {
    if (policies.length !== parts.length || policies.some((policy, i) => policy !== parts[i])) {
      parts = policies
      joined = policies.join(', ')
    }
    return joined
  }

  return (metas, states, nowMs) => {
    let count = 0
    for (let i = 0; i < metas.length; i++) if (metas[i]?.window && states[i]) count++
    if (count === 0) return undefined
    const policies: string[] = []
    let rateLimit = ''
    for (let i = 0; i < metas.length; i++) {
      const window = metas[i]?.window
      const state = states[i]
      if (!window || !state) continue
      const seconds = window.secondsAt(nowMs)
      const known = saidOf(count === 1 ? '' : window.text)
      if (known.limit !== state.limit || known.seconds !== seconds) {
        known.limit = state.limit
        known.seconds = seconds
        known.policy = `${known.text};q=${state.limit}${seconds === undefined ? '' : `;w=${seconds}`}`
      }
      policies.push(known.policy)
      rateLimit += `${rateLimit === '' ? '' : ', '}${known.text};r=${Math.max(0, state.remaining)}${seconds === undefined ? '' : `;t=${secondsUntil(state.resetsAtMs, nowMs)}`}`
    }
    return { policy: join(policies), rateLimit }
  }
}

/** Inside of a string of RFC 9651 §4.1.6: printable ASCII, quotes and backslashes escaped. What a header cannot hold is left out. */
function toSfText(text: string): string {
  if (/^[\w-]+$/.test(text)) return text
  const plain = text.replace(/[^\x20-\x7e]+/g, '').trim()
  return (plain === '' ? 'quota' : plain).replace(/["\\]/g, '\\$&')
}
