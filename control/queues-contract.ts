import type { LineAct, LineReport } from '../runtime/core/lines/line-desk.ts'
import type { Actor } from './consumers-contract.ts'

export type { LineAct }

/** Lines in which calls wait for their turn, on the gateways that are connected. */
export interface Queues {
  /** By name. @throws Refused `auth.role` 403 */
  list(by: Actor): Promise<readonly Queue[]>
  /** @throws Refused `auth.role` 403, `record.none` 404 when no gateway has it */
  get(name: string, by: Actor): Promise<Queue>
  /** On all gateways that have it. @throws Refused `auth.role` 403, `record.none` 404, `gateway.refused` 502 */
  act(name: string, act: LineAct, by: Actor): Promise<Queue>
}

export interface Queue {
  readonly name: string
  readonly scope: 'gateway' | 'cluster'
  /** On any gateway. */
  readonly paused: boolean
  /** By priority, all gateways together. */
  readonly waiting: readonly number[]
  readonly underWay: number
  /** Longest of all gateways. */
  readonly longestWaitMs: number
  /** How long a call of each priority that came now would wait, on the gateway where it would be longest. */
  readonly expectedMs: readonly number[]
  readonly gateways: readonly (Omit<LineReport, 'name' | 'scope'> & { readonly gateway: string })[]
}
