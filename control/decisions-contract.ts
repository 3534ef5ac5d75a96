import type { Decision } from '../runtime/core/access/decision.ts'
import type { Actor, Page } from './consumers-contract.ts'

/** Why calls were refused. Kept for some days; what control was not told yet is asked of the gateways. */
export interface RefusalDecisions {
  /**
   * Whoever may read the decisions of the application's organisation, or of the API's, gets all of it; who owns the application
   * gets what concerns his call. @throws Refused `record.none` 404 for everybody else, and when nobody knows it any more
   */
  get(id: string, by: Actor): Promise<KnownDecision>
  /** Newest first: what the asker may see of them. @throws Refused `query.invalid` 422 */
  list(query: DecisionQuery, by: Actor): Promise<Page<KnownDecision>>
}

/** A decision as somebody sees it: the owner of an application learns nothing of the flow and the gateway. */
export interface KnownDecision extends Omit<Decision, 'flow' | 'node'> {
  readonly flow?: string
  readonly node?: string
  /** Id of the gateway that refused. */
  readonly gateway?: string
}

export interface DecisionQuery {
  /** 1 … 200; 50 when absent. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly cursor?: string
  readonly application?: string
  readonly api?: string
  /** Code of the fault, such as `quota.exceeded`. */
  readonly code?: string
  /** Organisation of the application or of the API. */
  readonly organisation?: string
  /** RFC 3339; both ends are included. */
  readonly from?: string
  readonly to?: string
}
