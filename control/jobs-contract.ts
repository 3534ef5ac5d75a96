import type { FlowWork, JobFacts, JobState } from '../runtime/core/jobs/jobs.ts'
import type { Priority } from '../runtime/core/lines/priority.ts'
import type { Actor } from './consumers-contract.ts'

/** Accepted work, as the gateways that are connected know it. What jobs were given and came to is not shown. */
export interface AcceptedWork {
  /** Newest first. @throws Refused `auth.role` 403, `gateway.refused` 502 when no gateway can say */
  list(query: AcceptedWorkQuery, by: Actor): Promise<readonly AcceptedJob[]>
  /** @throws Refused `auth.role` 403, `record.none` 404 */
  get(id: string, by: Actor): Promise<AcceptedJob>
  /** cancel: ends a job that has not ended. retry: a dead letter from its first attempt, one that waits for its next attempt at once. */
  act(id: string, act: JobAct, by: Actor): Promise<AcceptedJob>
  /** Gives one that waits another priority. @throws Refused `auth.role` 403, `record.none` 404 */
  move(id: string, to: Priority, by: Actor): Promise<AcceptedJob>
  /** Flows that have accepted work, may have some, or are paused; by id. @throws Refused `auth.role` 403, `gateway.refused` 502 */
  flows(by: Actor): Promise<readonly AcceptedFlow[]>
  /** pause: no attempt at work of the flow is begun until it is resumed. On all gateways. @throws Refused `auth.role` 403, `record.none` 404, `gateway.refused` 502 */
  actOnFlow(flow: string, act: JobFlowAct, by: Actor): Promise<AcceptedFlow>
}

export type JobFlowAct = 'pause' | 'resume'

/** Accepted work of one flow, all gateways together. */
export interface AcceptedFlow extends FlowWork {
  /** Paused on any gateway. */
  readonly paused: boolean
  readonly gateways: readonly (Omit<FlowWork, 'flow'> & { readonly gateway: string; /** With others on the same store. */ readonly shared: boolean })[]
}

export type JobAct = 'cancel' | 'retry'

export interface AcceptedWorkQuery {
  readonly state?: JobState
  readonly flow?: string
  readonly limit: number
}

export interface AcceptedJob extends JobFacts {
  /** Who keeps it, or one of those who share it. */
  readonly gateway: string
}
