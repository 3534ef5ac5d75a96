import { ByteStream } from '../../core/http/byte-stream.ts'
import type { Clock } from '../../core/time/clock.ts'
import { Fault, fault, toFault } from '../../core/fault.ts'
import type { Log } from '../../core/log.ts'
import { retryAfterMs } from '../../core/http/retry-after.ts'
import type { Run } from '../../core/run.ts'
import type { StreamReply, StreamRequest, TunnelReply, TunnelRequest, UpstreamReply, UpstreamRequest } from '../../core/upstream/upstream.ts'
import type { CallOptions, ServiceFacts, ServiceSpec, TryPolicy, UpstreamObserver, UpstreamService } from '../../core/upstream/upstream-service.ts'
import { whenAborted } from '../../core/when-aborted.ts'
import { Lane } from '../lane.ts'
import type { Pools } from '../pools.ts'
import { splitUrl, toTarget } from '../target.ts'
import { toUpstreamFault } from '../to-fault.ts'
import { backoffMs } from './backoff.ts'
import { pick } from './balancer.ts'
import { Breaker } from './breaker.ts'
import { Bulkhead } from './bulkhead.ts'
import { isEjected, judge, usable } from './ejection.ts'
import { askHealth, noteHealth } from './health-check.ts'
import { Instances, type Instance } from './instances.ts'
import { type Kind, type Kinds, type Question, toKinds, type TryParts } from './kinds.ts'
import type { Resolve } from './resolve.ts'
import { RetryBudget } from './retry-budget.ts'
import { type Answered, isRetryable, isSafeToRepeat, type Outcome, verdictOf, wordOf } from './retryable.ts'

export interface ServiceParts extends TryParts {
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  readonly openPool: Pools['open']
  readonly resolve: Resolve
  readonly observer?: UpstreamObserver | undefined
  closed(): void
}

/** A try that is under way. */
interface Try<R extends Answered> {
  readonly ended: Promise<Outcome<R>>
  readonly instance: Instance | undefined
  abort(reason: Error): void
}

/** What one call keeps while it is tried. */
interface Journey<Q extends Question, R extends Answered> {
  readonly request: Q
  readonly run: Run
  readonly kind: Kind<Q, R>
  readonly policy: TryPolicy
  readonly key: string | undefined
  readonly startedAt: number
  /** When its time is over: its own limit or the run's, whichever is first. */
  readonly until: number
  readonly safe: boolean
  readonly tried: Set<Instance>
  attempts: number
}

/** An upstream that remembers. One for all nodes of a gateway that call it, across deploys. */
export class Service implements UpstreamService {
  #spec: ServiceSpec
  readonly #parts: ServiceParts
  readonly #budget: RetryBudget
  #breaker: Breaker | undefined
  #bulkhead: Bulkhead | undefined
  #instances: Instances | undefined
  #inFlight = 0
  readonly #kinds: Kinds
  #stopChecks: (() => void) | undefined
  #closed = false

  constructor(spec: ServiceSpec, parts: ServiceParts) {
    this.#spec = spec
    this.#parts = parts
    this.#budget = new RetryBudget(spec.retryShare)
    this.#kinds = toKinds(parts)
    this.configure(spec)
  }

  configure(spec: ServiceSpec): void {
    const { clock, log, resolve, openPool } = this.#parts
    this.#spec = spec
    this.#budget.configure(spec.retryShare)
    if (spec.breaker && this.#breaker) this.#breaker.configure(spec.breaker)
    else this.#breaker = spec.breaker && new Breaker(spec.breaker, () => clock.elapsed())
    if (spec.bulkhead && this.#bulkhead) this.#bulkhead.configure(spec.bulkhead)
    else this.#bulkhead = spec.bulkhead && new Bulkhead(spec.bulkhead, clock)
    if (spec.targets && this.#instances) this.#instances.configure(spec.targets)
    else {
      this.#instances?.close()
      this.#instances = spec.targets && new Instances(spec.targets, { resolve, openPool, now: () => clock.elapsed(), log })
    }
    this.#stopChecks?.()
    this.#stopChecks = undefined
    if (spec.targets?.check) this.#check()
    else for (const instance of this.#instances?.all ?? []) instance.healthy = true
  }

  async request(request: UpstreamRequest, run: Run, { tries = this.#spec.tries, key }: CallOptions = {}): Promise<UpstreamReply> {
    const journey = this.#setOut(request, run, tries, key, this.#kinds.held)
    const reply = await this.#answer(journey)
    return journey.attempts > 1 ? { ...reply, attempts: journey.attempts } : reply
  }

  async openStream(request: StreamRequest, run: Run, { tries = this.#spec.tries, key }: CallOptions = {}): Promise<StreamReply> {
    // A body that passes once cannot be sent twice.
    const policy = request.body instanceof ByteStream ? { ...tries, retries: 0, hedgeMs: 0 } : tries
    const journey = this.#setOut(request, run, policy, key, this.#kinds.passing)
    const { over: _, ...reply } = await this.#answer(journey)
    return journey.attempts > 1 ? { ...reply, attempts: journey.attempts } : reply
  }

  async openTunnel(request: TunnelRequest, run: Run, { tries = this.#spec.tries, key }: CallOptions = {}): Promise<TunnelReply> {
    // Two that are agreed to at once would be two callers to the service.
    const journey = this.#setOut({ ...request, method: 'GET' as const }, run, { ...tries, hedgeMs: 0 }, key, this.#kinds.tunnels)
    const { over: _, ...reply } = await this.#answer(journey)
    return journey.attempts > 1 ? { ...reply, attempts: journey.attempts } : reply
  }

  #setOut<Q extends Question, R extends Answered>(request: Q, run: Run, policy: TryPolicy, key: string | undefined, kind: Kind<Q, R>): Journey<Q, R> {
    const startedAt = this.#parts.clock.now()
    return { request, run, kind, policy, key, startedAt, safe: isSafeToRepeat(request), tried: new Set(), attempts: 0, until: Math.min(startedAt + request.timeoutMs, run.deadline) }
  }

  /** The answer of a call with all its tries. Its place is taken until the answer is over. */
  async #answer<Q extends Question, R extends Answered>(journey: Journey<Q, R>): Promise<R> {
    const { clock } = this.#parts
    const begun = clock.elapsed()
    let outcome: Outcome<R> = { sent: false }
    let leave = () => {}
    this.#inFlight += 1
    try {
      leave = await this.#enter(journey)
      outcome = await this.#tryAll(journey)
    } catch (thrown) {
      outcome = { thrown, sent: false }
    }
    const tookMs = clock.elapsed() - begun
    const end = (last: Outcome<R>) => {
      leave()
      this.#inFlight -= 1
      this.#parts.observer?.ended(this.#spec.name, wordOf(last), tookMs)
    }
    const { reply } = outcome
    const over = reply && journey.kind.over?.(reply)
    if (over) void over.then((reason) => end(reason ? { thrown: reason, sent: true } : outcome))
    else end(outcome)
    if (!reply) throw withAttempts(toFault(outcome.thrown), journey.attempts)
    return reply
  }

  facts(): ServiceFacts {
    const now = this.#parts.clock.elapsed()
    return {
      name: this.#spec.name,
      breaker: this.#breaker?.state ?? 'none',
      inFlight: this.#inFlight,
      waiting: this.#bulkhead?.waiting ?? 0,
      instances: (this.#instances?.all ?? []).map((instance) => ({ id: instance.id, state: !instance.healthy ? 'down' : isEjected(instance, now) ? 'ejected' : 'up', inFlight: instance.inFlight })),
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stopChecks?.()
    this.#instances?.close()
    this.#parts.closed()
  }

  /** A place among those under way; the result gives it back. */
  #enter({ run, until }: Pick<Journey<Question, Answered>, 'run' | 'until'>): Promise<() => void> | (() => void) {
    const bulkhead = this.#bulkhead
    if (!bulkhead) return () => {}
    if (this.#breaker?.state === 'open') throw this.#brokenFault() // waiting would be for nothing
    return new Promise((resolve, reject) => {
      let stop = () => {}
      let settled = false
      const leave = bulkhead.enter((admitted) => {
        settled = true
        stop()
        if (admitted) queueMicrotask(() => resolve(leave)) // it may be told before `leave` is there
        else reject(fault('upstream.bulkhead', { upstream: this.#spec.name, limit: this.#spec.bulkhead?.limit }))
      })
      if (settled) return
      const giveUp = (reason: Error) => {
        if (settled) return
        settled = true
        stop()
        leave()
        reject(reason)
      }
      const stopTimer = this.#parts.clock.setTimer(() => giveUp(fault('upstream.bulkhead', { upstream: this.#spec.name, limit: this.#spec.bulkhead?.limit })), Math.max(0, until - this.#parts.clock.now()))
      stop = stopTimer
      const stopListening = whenAborted(run, (reason) => giveUp(toFault(reason)))
      stop = () => {
        stopTimer()
        stopListening()
      }
      if (settled) stop()
    })
  }

  async #tryAll<Q extends Question, R extends Answered>(journey: Journey<Q, R>): Promise<Outcome<R>> {
    const { clock, random, observer } = this.#parts
    const { policy, run } = journey
    this.#budget.pay()
    const ready = this.#instances?.ready()
    if (ready) await this.#waitForNames(ready, journey)
    for (let retry = 1; ; retry += 1) {
      const outcome = await this.#round(journey)
      if (retry > policy.retries || !this.#mayRepeat(outcome, journey)) return outcome
      const asked = retryAfterMs(outcome.reply?.headers['retry-after'], clock.now())
      const pauseMs = Math.max(asked ?? 0, backoffMs(retry, policy.backoffMs, policy.backoffMaxMs, random))
      // A retry that cannot end in time only costs the upstream.
      if (clock.now() + pauseMs >= journey.until) return outcome
      if (!this.#budget.take()) return outcome
      if (outcome.reply) journey.kind.drop?.(outcome.reply)
      observer?.retried(this.#spec.name)
      if (pauseMs > 0) await this.#pause(pauseMs, run)
    }
  }

  #mayRepeat(outcome: Outcome<Answered>, { safe, policy, until }: Pick<Journey<Question, Answered>, 'safe' | 'policy' | 'until'>): boolean {
    return isRetryable(outcome, policy.retryOn) && (safe || !outcome.sent) && this.#parts.clock.now() < until
  }

  /** One try, and a second beside it when it is slow and may be repeated. The first that is not to be tried again wins. */
  #round<Q extends Question, R extends Answered>(journey: Journey<Q, R>): Promise<Outcome<R>> | Outcome<R> {
    const { policy, safe, run } = journey
    const first = this.#begin(journey)
    if (!('ended' in first)) return first
    if (policy.hedgeMs <= 0 || !safe) return first.ended
    return new Promise((resolve) => {
      const open = new Set<Try<R>>()
      const settle = (one: Try<R>, outcome: Outcome<R>) => {
        const isOpen = open.delete(one)
        // The other was first, or may do better.
        if (!isOpen || (open.size > 0 && isRetryable(outcome, policy.retryOn))) {
          if (outcome.reply) journey.kind.drop?.(outcome.reply)
          return
        }
        stopTimer()
        for (const loser of open) {
          open.delete(loser)
          loser.abort(fault('client.closed'))
        }
        resolve(outcome)
      }
      const add = (one: Try<R>) => {
        open.add(one)
        void one.ended.then((outcome) => settle(one, outcome))
      }
      const stopTimer = this.#parts.clock.setTimer(() => {
        if (open.size === 0 || this.#parts.clock.now() >= journey.until || !this.#budget.take()) return
        const second = this.#begin(journey)
        if (!('ended' in second)) return
        this.#parts.observer?.hedged(this.#spec.name)
        run.log.debug({ upstream: this.#spec.name, afterMs: policy.hedgeMs }, 'a second try is sent beside the first')
        add(second)
      }, policy.hedgeMs)
      add(first)
    })
  }

  /** Begins a try; an outcome when it may not even begin. */
  #begin<Q extends Question, R extends Answered>(journey: Journey<Q, R>): Try<R> | Outcome<R> {
    const { clock } = this.#parts
    const { request, run, policy, tried, kind } = journey
    const startedAt = clock.now()
    const leftMs = journey.until - startedAt
    if (leftMs <= 0) return { thrown: fault('upstream.timeout', { host: this.#spec.name, afterMs: Math.round(startedAt - journey.startedAt) }), sent: false }
    const permit = this.#breaker?.enter()
    if (this.#breaker && !permit) return { thrown: this.#brokenFault(), sent: false }
    const instance = this.#pick(journey)
    if (this.#instances && !instance) {
      permit?.end('none', 0)
      return { thrown: fault('upstream.connect', { host: this.#spec.name, reason: 'it has no server at the moment' }), sent: false }
    }
    const lane = new Lane(instance && ((url) => (kind.placeOf ? kind.placeOf(instance, url) : instance.placeOf(url))))
    const ownMs = policy.tryTimeoutMs > 0 ? policy.tryTimeoutMs : request.timeoutMs
    const begun = clock.elapsed()
    journey.attempts += 1
    let aborted = false
    if (instance) {
      tried.add(instance)
      instance.inFlight += 1
    }
    const { targets } = this.#spec
    const sent: Q = instance ? { ...request, url: instance.base + pathOf(request.url), ...(targets?.tls ? { tls: targets.tls } : {}), http2: targets?.http2 === true } : request
    const end = (outcome: Outcome<R>): Outcome<R> => {
      const tookMs = clock.elapsed() - begun
      // A caller that was in a hurry says nothing of the server, unless the server took longer than it should.
      const cut = aborted || (outcome.thrown instanceof Fault && outcome.thrown.code === 'upstream.timeout' && tookMs < ownMs && clock.now() >= run.deadline)
      const verdict = cut ? 'none' : verdictOf(outcome)
      permit?.end(verdict, tookMs)
      if (instance) this.#judge(instance, verdict)
      const over = outcome.reply && kind.over?.(outcome.reply)
      if (!over) {
        if (instance) instance.inFlight -= 1
        return outcome
      }
      void over.then((reason) => {
        if (instance) instance.inFlight -= 1
        // It began well and broke off: for the server that is another call, which failed.
        if (reason === undefined || verdictOf({ thrown: reason, sent: true }) !== 'bad') return
        this.#breaker?.enter()?.end('bad', tookMs)
        if (instance) this.#judge(instance, 'bad')
      })
      return outcome
    }
    const ended = kind.send(sent, run, startedAt, Math.min(ownMs, leftMs), lane).then(
      (reply) => end({ reply, sent: true }),
      (thrown: unknown) => end({ thrown, sent: lane.sent }),
    )
    return {
      ended, instance,
      abort(reason) {
        aborted = true
        lane.abort(reason)
      },
    }
  }

  /** What a try says of its server; one that fails too often is left out. */
  #judge(instance: Instance, verdict: 'good' | 'bad' | 'none'): void {
    const { clock, observer, log } = this.#parts
    const { targets, name } = this.#spec
    if (!targets || verdict === 'none' || !judge(instance, this.#instances?.all ?? [], verdict === 'good', targets.ejection, clock.elapsed())) return
    observer?.ejected(name)
    // It comes back as slowly as one that is new.
    instance.sinceMs = instance.ejectedUntilMs
    log.warn({ upstream: name, instance: instance.id, forMs: Math.round(instance.ejectedUntilMs - clock.elapsed()) }, 'an instance of an upstream fails and is left out for a while')
  }

  /** An instance that was not tried yet, as long as there is one. */
  #pick({ tried, key }: Pick<Journey<Question, Answered>, 'tried' | 'key'>): Instance | undefined {
    const { targets } = this.#spec
    if (!this.#instances || !targets) return undefined
    const now = this.#parts.clock.elapsed()
    const all = usable(this.#instances.all, now)
    const left = tried.size === 0 ? all : all.filter((instance) => !tried.has(instance))
    return pick(left.length > 0 ? left : all, targets.balance, key, now, targets.slowStartMs)
  }

  #brokenFault(): Fault {
    const seconds = Math.max(1, Math.ceil((this.#breaker?.openForMs ?? 0) / 1000))
    return fault('upstream.breaker', { upstream: this.#spec.name, retryAfter: seconds }, undefined, { 'Retry-After': String(seconds) })
  }

  #pause(ms: number, run: Run): Promise<void> {
    return this.#until(run, ms, (resolve) => resolve())
  }

  /** Names are looked up once for all; who waits for them leaves on time. */
  #waitForNames(ready: Promise<void>, { run, until, startedAt }: Pick<Journey<Question, Answered>, 'run' | 'until' | 'startedAt'>): Promise<void> {
    const { name } = this.#spec
    const { clock } = this.#parts
    return this.#until(run, Math.max(0, until - clock.now()), (_resolve, reject) => reject(fault('upstream.timeout', { host: name, afterMs: Math.round(clock.now() - startedAt) })), ready.catch((error: unknown) => {
      throw toUpstreamFault(error, name, false)
    }))
  }

  #until(run: Run, ms: number, whenOver: (resolve: () => void, reject: (reason: Error) => void) => void, ready?: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      let stopListening = () => {} // an aborted run calls back before it is set
      const settle = <T extends unknown[]>(then: (...given: T) => void) => (...given: T) => {
        stopTimer()
        stopListening()
        then(...given)
      }
      const stopTimer = this.#parts.clock.setTimer(() => {
        stopListening()
        whenOver(resolve, reject)
      }, ms)
      stopListening = whenAborted(run, settle((reason: unknown) => reject(toFault(reason))))
      ready?.then(settle(resolve), settle(reject))
    })
  }

  #check(): void {
    const { clock, log, call } = this.#parts
    const round = async () => {
      const { targets, name } = this.#spec
      const policy = targets?.check
      if (!policy || !targets || this.#closed) return
      const instances = this.#instances
      await instances?.ready()?.catch(() => {})
      await Promise.all((instances?.all ?? []).map(async (instance) => {
        const well = await askHealth(instance, policy, targets.tls, { clock, log, call })
        if (noteHealth(instance, well, policy, clock.elapsed())) log.warn({ upstream: name, instance: instance.id }, well ? 'an instance of an upstream is up again' : 'an instance of an upstream is down')
      }))
    }
    let stopped = false
    let stopTimer = () => {}
    const again = (ms: number) => {
      stopTimer = clock.setTimer(() => void round().finally(() => {
        if (!stopped) again(this.#spec.targets?.check?.intervalMs ?? ms)
      }), ms)
    }
    again(0)
    this.#stopChecks = () => {
      stopped = true
      stopTimer()
    }
  }
}

/** Path and query of a URL. */
function pathOf(url: string): string {
  return (splitUrl(url) ?? toTarget(url)).path
}

function withAttempts(thrown: Fault, attempts: number): Fault {
  if (attempts < 2 || !thrown.code.startsWith('upstream.')) return thrown
  return new Fault(thrown.code, thrown.status, thrown.title, thrown.message, { ...thrown.facts, attempts }, thrown.cause, thrown.headers)
}
