import type { CasesReport, CaseResult, FlowCase, ReplayReport, TraceList } from '../runtime/core/cases.ts'
import type { EditorNode } from '../runtime/core/flow.ts'
import type { RunRecord, RunRecordHead } from '../runtime/core/trace.ts'
import type { Actor } from './consumers-contract.ts'

export type { CasesReport, CaseResult, FlowCase, ReplayReport, RunRecord, RunRecordHead, TraceList }

/**
 * Watching runs, and the cases of flows. All of it is for those who may change the flow: whoever may do that could have its
 * messages sent wherever he likes. What is recorded lies in the memory of gateways, for 15 minutes, and nowhere else.
 */
export interface Watching {
  /**
   * Has the next requests of a flow recorded, on every gateway that is connected. With `token` only those that carry it in
   * `X-Sluice-Watch`; it is said once. @throws Refused `auth.role` 403, `gateway.none` 503, `gateway.refused` 502
   */
  watch(order: WatchRequest, by: Actor): Promise<Watch>
  unwatch(id: string, flow: string, by: Actor): Promise<void>
  /** Recorded and sampled runs of a flow, newest first. */
  list(query: { readonly flow: string; readonly watch?: string | undefined; readonly limit: number }, by: Actor): Promise<TraceList>
  /** @throws Refused `auth.role` 403, `record.none` 404 when no gateway has it (any more) */
  get(id: string, by: Actor): Promise<RunRecord>
  /** A case made of it, with its callouts played. @throws Refused `gateway.refused` 502 when a body that it needs is not kept */
  toCase(id: string, name: string, by: Actor): Promise<FlowCase>
  /** Does it again with these nodes in the place of what is live, and compares the answers. */
  replay(id: string, nodes: readonly EditorNode[], by: Actor): Promise<ReplayReport>
  /** Cases of a flow, in the form of cases.json. */
  cases(flow: string, by: Actor): Promise<readonly FlowCase[]>
  /** Puts all of them in the place of those before. @throws Refused `cases.malformed` 422, `auth.role` 403 */
  saveCases(flow: string, cases: readonly FlowCase[], by: Actor): Promise<readonly FlowCase[]>
  /** Runs its cases, or these, against nodes that need not be deployed. */
  runCases(flow: string, nodes: readonly EditorNode[], cases: readonly FlowCase[] | undefined, by: Actor): Promise<CasesReport>
}

export interface WatchRequest {
  readonly flow: string
  /** How many requests; 1 to 100. */
  readonly next: number
  /** How long it waits for them, ms; at most 15 minutes. */
  readonly forMs: number
  readonly token?: boolean
}

export interface Watch {
  readonly id: string
  readonly flow: string
  readonly next: number
  /** RFC 3339. */
  readonly until: string
  /** For `X-Sluice-Watch`. */
  readonly token?: string
  /** Gateways that watch. */
  readonly gateways: number
}
