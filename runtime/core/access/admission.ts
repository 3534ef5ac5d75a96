import type { Route } from '../deployment.ts'
import type { LineFacts, Place } from '../lines/lines.ts'
import type { Priority } from '../lines/priority.ts'
import type { RequestFacts } from '../http/request-facts.ts'

/** Who calls and how important it is, looked up before the flow begins. */
export type StandingOf = (route: Route, request: RequestFacts) => Standing

export interface Standing {
  readonly priority: Priority
  /** Id of the application whose credential it is; absent: nobody proved itself, or nobody was asked to. */
  readonly application?: string
}

/** A request at the limit of a gateway: in the line, or in its flow. */
export interface Turn {
  readonly place: Place
  /** Of whoever came when there was no room. */
  readonly application?: string | undefined
  /** It was answered, or its caller has left. The second time does nothing. */
  end(): void
}

/** The limit of a gateway on requests in flows, and the line in front of it. */
export interface Admission {
  /**
   * Comes to the limit. A turn whose place is `waiting` is told to `settled` once, later. While there is room nobody is asked
   * who it is.
   * @param bodyBytes kept in memory while it waits
   */
  enter(route: Route, request: RequestFacts, patienceMs: number, bodyBytes: number, settled: (place: Place) => void): Turn
  /** Longest wait that is let. */
  readonly maxWaitMs: number
  /** The line as it is now. */
  facts(): LineFacts
  /** Refuses all that wait, and whoever comes from now on. */
  close(): void
}

/** Name of the line in front of a gateway's limit: no resource of a flow has it by accident. */
export const gatewayLine = '*gateway'

/** What refusals at that limit name where those of nodes name the type of the node. */
export const gatewayLimitType = 'gateway limit'
