import type { Run } from '../run.ts'
import type { StreamReply, StreamRequest, TunnelReply, TunnelRequest, UpstreamReply, UpstreamRequest, UpstreamTls } from './upstream.ts'

/** What is tried again, and when. Holds for one call; a callout may have its own. */
export interface TryPolicy {
  /** Limit for one try; 0: only that of the whole call. */
  readonly tryTimeoutMs: number
  /** Tries after the first. */
  readonly retries: number
  readonly retryOn: RetryOn
  /** First pause: even between 0 and this; twice as long each time (full jitter). */
  readonly backoffMs: number
  readonly backoffMaxMs: number
  /** A second try is sent beside the first when it has not answered by then; 0: never. Only calls that are safe to repeat. */
  readonly hedgeMs: number
}

/** After what a call is tried again. A call that is not safe to repeat only is when nothing of it was sent. */
export interface RetryOn {
  /** No connection: nothing was sent. */
  readonly connect: boolean
  /** The connection broke, or the answer was no HTTP. */
  readonly broken: boolean
  /** The limit for one try. */
  readonly timeout: boolean
  readonly statuses: ReadonlySet<number>
}

/** When calls are no longer tried because they would fail anyway. */
export interface BreakerPolicy {
  /** How far back it looks. */
  readonly windowMs: number
  /** Calls in the window before it judges. */
  readonly minCalls: number
  /** Share of failed calls, above 0 to 1, at which it opens. */
  readonly errorShare: number
  /** A call that took longer was slow; 0: none is. */
  readonly slowMs: number
  /** Share of slow calls, above 0 to 1, at which it opens. */
  readonly slowShare: number
  /** How long it stays open. */
  readonly openMs: number
  /** Calls let through when it has been open long enough; when all of them go well it closes. */
  readonly probes: number
}

/** How many calls may be under way at once, and who may wait for a place. */
export interface BulkheadPolicy {
  readonly limit: number
  /** Longest wait for a place; 0: nobody waits. */
  readonly maxWaitMs: number
  /** Most that wait. */
  readonly maxWaiting: number
}

/** When an instance that fails is left out for a while. */
export interface EjectionPolicy {
  /** Failures in a row; 0: none is ever left out. */
  readonly after: number
  /** How long the first time; twice as long each time that follows soon. */
  readonly baseMs: number
  readonly maxMs: number
  /** Largest part of the instances that is left out at once, 0 … 1. One may be whenever there are others; the last one never. */
  readonly maxShare: number
}

/** Requests of our own that find out whether instances are well. */
export interface HealthCheckPolicy {
  /** Path and query, below the path of the target. */
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly statuses: ReadonlySet<number>
  /** Failed checks in a row until it is taken as down. */
  readonly downAfter: number
  /** Good checks in a row until it is taken as well again. */
  readonly upAfter: number
}

/** How calls are spread over instances. */
export type Balance = 'round-robin' | 'least-connections' | 'hash'

/** The servers behind the name of an upstream. */
export interface TargetsPolicy {
  /** Each `http(s)://host:port/path`, with its share of the calls. A name stands for all its addresses. */
  readonly targets: readonly { readonly url: string; readonly weight: number }[]
  readonly balance: Balance
  readonly ejection: EjectionPolicy
  readonly check?: HealthCheckPolicy
  /** Time over which an instance that comes (back) gets its whole share. */
  readonly slowStartMs: number
  readonly tls?: UpstreamTls
  /** Speak HTTP/2 where the server offers it in TLS. */
  readonly http2: boolean
}

/** An upstream with a memory: what it is called in metrics and faults, and how it is treated. */
export interface ServiceSpec {
  readonly name: string
  /** Absent: calls bring whole URLs, and nothing is known of instances. */
  readonly targets?: TargetsPolicy
  readonly tries: TryPolicy
  /** Retries and hedges as a share of calls, 0 … 1. */
  readonly retryShare: number
  readonly breaker?: BreakerPolicy
  readonly bulkhead?: BulkheadPolicy
}

/** How one call departs from what its upstream says. */
export interface CallOptions {
  readonly tries?: TryPolicy
  /** What it is spread by, with balance `hash`. */
  readonly key?: string
}

/** What an upstream remembers lies here: all nodes of a gateway that call it share one, and a deploy changes it without forgetting. */
export interface UpstreamService {
  /**
   * One call with all its tries, inside `timeoutMs` and the run's deadline. With targets, path and query of `url` count, and one of them
   * takes the place of its origin.
   * @throws Fault `upstream.*` or `egress.denied`
   */
  request(request: UpstreamRequest, run: Run, options?: CallOptions): Promise<UpstreamReply>
  /**
   * The same for an answer that passes while it comes. What of it has been handed on is not asked for again: it is tried again, hedged
   * and timed until its first byte. Its place (most at once) is taken until its last. Absent: streams cannot be passed here.
   * @throws Fault `upstream.*` or `egress.denied`
   */
  openStream?(request: StreamRequest, run: Run, options?: CallOptions): Promise<StreamReply>
  /**
   * Opens a WebSocket. What goes wrong until the server agrees counts as with a call, by its status as well, and is tried again elsewhere; none is
   * hedged. Its place is taken until it is closed, and how it ends says nothing of the server. Who refuses it gives an answer, as to `openStream`.
   * Absent: none can be opened here.
   * @throws Fault `upstream.*` or `egress.denied`
   */
  openTunnel?(request: TunnelRequest, run: Run, options?: CallOptions): Promise<TunnelReply>
  /** Another spec from now on. Instances that stay keep what is known of them; calls under way end as they began. */
  configure(spec: ServiceSpec): void
  facts(): ServiceFacts
  /** Ends its checks; its connections close behind the calls that run on them. */
  close(): void
}

/** How an upstream stands. */
export interface ServiceFacts {
  readonly name: string
  readonly breaker: 'closed' | 'open' | 'half-open' | 'none'
  readonly inFlight: number
  readonly waiting: number
  readonly instances: readonly { readonly id: string; readonly state: 'up' | 'ejected' | 'down'; readonly inFlight: number }[]
}

/** Is told what becomes of calls, for metrics. Names come from flows; outcomes are few. */
export interface UpstreamObserver {
  /**
   * A call ended: `ok`, `status` (500 and above), the last part of a fault's code, or `aborted`. One whose answer passed as a stream is
   * told of when the stream is over, with the time until it began.
   */
  ended(upstream: string, outcome: string, tookMs: number): void
  retried(upstream: string): void
  hedged(upstream: string): void
  ejected(upstream: string): void
}
