import type { ProofKind } from './access/identities.ts'
import type { HttpEntry } from './entry.ts'
import type { Fault } from './fault.ts'
import type { Message } from './message.ts'
import type { Priority } from './lines/priority.ts'
import type { RequestFacts } from './http/request-facts.ts'
import type { RunMarks } from './run-marks.ts'

/** An HTTP entry of a deployment: where it lies and what it answers. Plain data. */
export interface Route {
  readonly entry: HttpEntry
  readonly flow: string
  readonly node: string
  /** Content hash of the flow document. */
  readonly revision: string
  /** True when no way leads from it to a reply but by a node that lets in only whom it knows. */
  readonly guarded?: boolean | undefined
  readonly marks?: RunMarks
  /** Whose it is, as its tab says (SLUICE_ORGANISATION); absent: nobody's. */
  readonly organisation?: string
  /** Which version of an API it is part of, as its tab says (SLUICE_API_VERSION). */
  readonly version?: string
  /** Where the nodes of its flow that know callers look for who calls. */
  readonly claims?: readonly RouteClaim[]
  /** How important each request is at least, whoever calls, as its tab says (SLUICE_PRIORITY). */
  readonly priority?: Priority
  /**
   * Only on a route that a table makes to stand for a place where versions are served side by side: one of them has to be
   * chosen before anything is done with it.
   */
  readonly versions?: PlaceVersions
}

/** What is served at one method, host and path. */
export interface PlaceVersions {
  /** The one without a version first, then the highest version first. */
  readonly routes: readonly Route[]
  /** Where to look for who calls; empty when there is nothing to choose from. */
  readonly claims: readonly Claim[]
}

/** A place of a request where a caller says who it is, and the records alone say whether it is so. */
export type RecordClaim =
  | { readonly kind: 'key'; /** Lower case. */ readonly header: string }
  | { readonly kind: 'key'; readonly query: string }
  | { readonly kind: 'certificate' }

/** A place of a request where a caller says who it is. The public part only is looked at, and nothing is believed of it. */
export type Claim = RecordClaim | { readonly kind: ProofKind }

/** A claim of a route: where the records do not say by themselves whether it is so, with the node that does. */
export type RouteClaim = RecordClaim | { readonly kind: ProofKind; readonly node: string }

export type RouteMatch =
  | { readonly kind: 'found'; readonly route: Route; readonly params: Readonly<Record<string, string | undefined>> }
  | { readonly kind: 'none' }
  /** The path is there, the method is not; `allow` lists those that are (RFC 9110 §15.5.6). */
  | { readonly kind: 'method'; readonly allow: readonly string[]; readonly route: Route }

/** Immutable. HEAD finds a GET route when it has none of its own. */
export interface RouteTable {
  find(method: string, path: string, host: string): RouteMatch
  readonly size: number
  /** The routes of one version by themselves; `undefined` when nothing has it. Its case does not matter. */
  ofVersion(version: string): RouteTable | undefined
}

/** Two routes that would answer the same requests; the deploy is refused. */
export interface RouteConflict {
  readonly route: Route
  readonly other?: Route
  readonly reason: string
}

/** Builds a table; shards whose routes did not change are taken over from `previous`. */
export type BuildRoutes = (routes: readonly Route[], previous?: RouteTable) => { table: RouteTable; conflicts: readonly RouteConflict[] }

/** What the front gives the engine for one request. Exactly one of `reply` and `fail` is called, once. */
export interface RunInput {
  readonly id: string
  readonly request: RequestFacts
  readonly message: Message
  /** `headers`: names and values in turn, for those that the answer does not set itself. */
  reply(message: Message, headers?: readonly string[]): void
  fail(fault: Fault, headers?: readonly string[]): void
  /** Headers, names and values in turn, that go with whatever answer is given. */
  notify?(headers: readonly string[]): void
  /** Line that it holds a slot of before its run begins, as marks call it. */
  readonly held?: string | undefined
  /** How long it waited before its run; the run's deadline counts it. */
  readonly waitedMs?: number
  /** The run waited for a turn. */
  noteWait?(ms: number): void
}

/** A run that was started, as the front sees it. */
export interface RunHandle {
  /** The client is gone: aborts the run's signal; `reply` and `fail` will not be called any more. */
  abort(reason: Fault): void
}

/** What is live together: all pipelines and routes of one release. Immutable; runs that began on it finish on it. */
export interface Deployment {
  readonly release: number
  readonly hash: string
  readonly routes: RouteTable
  /** Starts a run at a route. Never throws: what goes wrong reaches `input.fail`. */
  enter(route: Route, input: RunInput): RunHandle
  /** What the record of the route's API has said with every answer, names and values in turn; for answers given before a run. */
  noticeOf(route: Route, path: string): readonly string[] | undefined
  /** The longest that a run at the route may take. */
  limitMsOf(route: Route): number
  /**
   * Somebody waits to enter: the deployment stays until the result is called. `cut` is told when it is forced out before.
   */
  expect(cut: (reason: Fault) => void): () => void
}

/** One line of the run log and one observation of the metrics, made when a run has ended. */
export interface RunSummary {
  readonly run: string
  readonly on: 'http' | 'start' | 'interval' | 'cron' | 'manual' | 'emit' | 'job' | 'schedule' | 'after'
  readonly flow: string
  readonly node: string
  readonly revision: string
  readonly release: number
  readonly tookMs: number
  readonly method?: string
  /** Route pattern, never the path: it bounds the metric's labels. */
  readonly route?: string
  readonly status?: number
  /** How long it waited for turns, all together; absent when it came to no line. */
  readonly waitedMs?: number | undefined
  /** Code of the fault the run ended with. */
  readonly fault?: string | undefined
  readonly marks?: RunMarks | undefined
}

/** Where summaries go. Cheap: called once per request. */
export interface RunRecorder {
  record(summary: RunSummary): void
}
