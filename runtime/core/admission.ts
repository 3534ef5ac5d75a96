import type { Route } from './deployment.ts'
import type { Place } from './lines.ts'
import type { Priority } from './priority.ts'
import type { RequestFacts } from './request-facts.ts'

/** How important a request is, looked up before its flow begins. */
export type PriorityOf = (route: Route, request: RequestFacts) => Priority

/** A request at the limit of a gateway: in the line, or in its flow. */
export interface Turn {
  readonly place: Place
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
  /** Refuses all that wait, and whoever comes from now on. */
  close(): void
}

/** Name of the line in front of a gateway's limit: no resource of a flow has it by accident. */
export const gatewayLine = '*gateway'
