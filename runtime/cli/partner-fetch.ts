import type { PartnerFetch, WitnessPost } from '../../control/contract.ts'
import type { Clock } from '../core/time/clock.ts'
import { errand } from '../core/errand.ts'
import type { Log } from '../core/log.ts'
import { parseEgressAllow } from '../upstream/egress-policy.ts'
import { createUpstream } from '../upstream/upstream.ts'

export interface PartnerFetchParts {
  /** Entries of `SLUICE_EGRESS_ALLOW`: what holds for callouts of flows holds for control. */
  readonly egressAllow: readonly string[]
  /** PEM certificates trusted besides the machine's. */
  readonly extraCa?: readonly string[] | undefined
  readonly clock: Clock
  readonly log: Log
}

/** How control asks partner services, and witnesses of ledgers: by the same door to other servers as flows, with the same rules. */
export function createPartnerFetch({ egressAllow, extraCa, clock, log }: PartnerFetchParts): { readonly fetch: PartnerFetch; readonly post: WitnessPost; close(): Promise<void> } {
  const upstream = createUpstream({ egress: parseEgressAllow(egressAllow), clock, log, connectionsPerOrigin: 4, ...(extraCa ? { extraCa } : {}) })
  return {
    async fetch({ url, headers, timeoutMs, limitBytes, tls }) {
      const { status, headers: answered, body } = await upstream.request({ method: 'GET', url, headers, timeoutMs, responseLimitBytes: limitBytes, redirects: 0, ...(tls ? { tls } : {}) }, errand({ clock, log }, timeoutMs))
      return { status, headers: answered, body: body.bytes() }
    },
    async post({ url, headers, body, timeoutMs, limitBytes }) {
      const { status, body: answered } = await upstream.request({ method: 'POST', url, headers, body, timeoutMs, responseLimitBytes: limitBytes, redirects: 0 }, errand({ clock, log }, timeoutMs))
      return { status, body: answered.bytes() }
    },
    close: () => upstream.close(),
  }
}
