import { Job, Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Clock } from '../../core/clock.ts'
import type { Line, LineFacts, LinePolicy, LineSpec, NoTurn, Place } from '../../core/lines.ts'
import type { Log } from '../../core/log.ts'
import { type Priority, priorities } from '../../core/priority.ts'
import { estimateMs } from '../line/estimate.ts'
import { TimedLine } from '../line/timed-line.ts'
import { ClusterPlace } from './cluster-place.ts'
import { Turns } from './turns.ts'

/** What a line has of its gateway. */
export interface ClusterLink {
  /** This gateway's name in the cluster. */
  readonly gateway: string
  readonly redis: Redis
  readonly prefix: string
  readonly clock: Clock
  readonly log: Log
  /** Gateways among which slots are shared out while Redis is away. */
  readonly shares: number
  /** How long an answer of Redis is waited for before the gateway goes on by itself. */
  readonly answerMs: number
  /** Whether Redis answers, as far as is known. */
  healthy(): boolean
  /** Something did not come back in time. */
  suspect(): void
  /** Tells a gateway that a turn is its; false when nobody hears. */
  grant(gateway: string, grant: Grant): Promise<boolean>
  count(name: string, labels?: Readonly<Record<string, string>>): void
}

/** What travels when a turn is given: never anything of the request. */
export interface Grant {
  readonly line: string
  readonly id: string
  readonly token: string
  readonly lost?: true
}

/** What a waiting ticket says in Redis. */
interface TicketData {
  readonly g: string
}

/** A lock that is not renewed for so long ends: its slot is free again. */
const lockMs = 2000
const renewEveryMs = 500
/** What is known of the other gateways' tickets may be so old. */
const countsAgeMs = 100
/** Looks for free slots that are under way at once. */
const mostPumps = 4
/** Tickets that one look for lost ones asks about. */
const auditSize = 500
const auditAfterMs = 1500
/** BullMQ keeps its order as priority × 2³² + a counter. */
const scoreStep = 2 ** 32
/** Deadlines become priorities in steps of so many milliseconds, again from the start every 29 hours. */
const deadlineStepMs = 50
const deadlineSteps = 2 ** 21 - 2
const lineJob = 'turn'
/** Nothing is kept of a ticket once it is through. */
const forget = { removeOnComplete: true, removeOnFail: true, attempts: 1 } as const
const allPriorities = Array.from({ length: priorities }, (_, at) => at + 1)

/**
 * A line whose slots all gateways on one Redis share, kept by BullMQ: who waits is a job that says only which gateway asks.
 * Whichever gateway finds a free slot takes the next job and grants the turn to the gateway that asks, which from then on
 * owns the job's lock, renews it and completes the job. Short locks and no second attempt: nothing is begun twice, and what
 * a dead gateway held is free within seconds.
 *
 * While Redis is away each gateway goes on with its share of the slots.
 */
export class ClusterLine implements Line {
  readonly name: string
  readonly #link: ClusterLink
  readonly #queue: Queue<TicketData>
  readonly #worker: Worker<TicketData>
  readonly #turns: Turns
  readonly #local: TimedLine
  #policy: LinePolicy
  readonly #waiting = new Map<string, ClusterPlace>()
  readonly #held = new Map<string, ClusterPlace>()
  readonly #token: string
  #sequence = 0
  #counts: number[] = Array.from({ length: priorities }, () => 0)
  #countedAtMs = -Infinity
  #counting = false
  #pumps = 0
  #pumpAgain = false
  #serviceMs: number | undefined
  #finished = 0
  #cancelSweep: (() => void) | undefined
  #cancelRate: (() => void) | undefined
  #closed = false
  #paused = false

  constructor(spec: LineSpec, link: ClusterLink) {
    this.name = spec.name
    this.#link = link
    this.#policy = spec.policy
    this.#turns = new Turns(spec.policy)
    this.#local = new TimedLine({ ...spec, policy: toShare(spec.policy, link.shares) }, link.clock)
    this.#token = `${link.gateway}/${spec.name}`
    const name = `line.${Buffer.from(spec.name).toString('base64url')}`
    const options = { connection: link.redis, prefix: link.prefix }
    this.#queue = new Queue<TicketData>(name, { ...options, defaultJobOptions: forget, skipMetasUpdate: true, streams: { events: { maxLen: 10 } } })
    this.#worker = new Worker<TicketData>(name, undefined, { ...options, autorun: false, lockDuration: lockMs, stalledInterval: 1000, maxStalledCount: 0, concurrency: 100_000, removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } })
    this.#queue.on('error', (error) => this.#noteFailure(error))
    this.#worker.on('error', (error) => this.#noteFailure(error))
    void this.#publishPolicy()
    void this.#quietly(() => this.#worker.startStalledCheckTimer())
    this.#sweepLater()
  }

  enter(priority: Priority, patienceMs: number, settled: (place: Place) => void): Place {
    const now = this.#link.clock.elapsed()
    const place = new ClusterPlace(`${this.#link.gateway}-${++this.#sequence}`, priority, now, now + patienceMs, settled)
    if (this.#closed) return this.#refuse(place, 'closed')
    if (!this.#link.healthy()) return this.#enterLocal(place, true)
    const estimate = this.estimateMs(priority)
    if (estimate > patienceMs) return this.#refuse(place, 'hopeless')
    if (this.#waiting.size >= this.#policy.maxDepth && !this.#makeRoom(priority)) return this.#refuse(place, 'full')
    this.#waiting.set(place.id, place)
    if (patienceMs !== Infinity) place.cancelTimer = this.#link.clock.setTimer(() => this.#expire(place), patienceMs)
    void this.#ask(place)
    return place
  }

  leave(given: Place): void {
    const place = given as ClusterPlace
    if (place.local) {
      this.#local.leave(place.local)
      place.state = 'left'
      return
    }
    if (place.state === 'waiting') {
      place.state = 'left'
      this.#forget(place)
    } else if (place.state === 'admitted') {
      place.state = 'left'
      this.#held.delete(place.id)
      this.#noteService(this.#link.clock.elapsed() - place.startedMs)
      void this.#finish(place.id, place.token as string)
    }
  }

  facts(): LineFacts {
    const now = this.#link.clock.elapsed()
    const local = this.#local.facts()
    const waiting = [...local.waiting]
    const active = [...local.active]
    let longest = now
    for (const place of this.#waiting.values()) {
      waiting[place.priority] = (waiting[place.priority] as number) + 1
      longest = Math.min(longest, place.enteredMs)
    }
    for (const place of this.#held.values()) active[place.priority] = (active[place.priority] as number) + 1
    return { name: this.name, scope: 'cluster', slots: this.#policy.slots, paused: this.#paused, waiting, active, longestWaitMs: Math.max(now - longest, local.longestWaitMs), serviceMs: this.#serviceMs ?? local.serviceMs }
  }

  setPolicy(policy: LinePolicy): void {
    this.#policy = policy
    this.#turns.setPolicy(policy)
    this.#local.setPolicy(toShare(policy, this.#link.shares))
    void this.#publishPolicy()
  }

  /** For all gateways. */
  async pause(): Promise<void> {
    this.#paused = true
    this.#local.pause()
    await this.#queue.pause()
  }

  async resume(): Promise<void> {
    this.#paused = false
    this.#local.resume()
    await this.#queue.resume()
    this.#pump()
  }

  /** Refuses all that wait on this gateway. */
  drain(): void {
    for (const place of this.#waiting.values()) {
      this.#forget(place)
      place.settled(this.#refuse(place, 'closed'))
    }
    this.#local.drain()
  }

  /** Moves all of one class that wait on this gateway to another. Gives their number. */
  moveClass(from: Priority, to: Priority): number {
    const moved = [...this.#waiting.values()].filter(({ priority }) => priority === from)
    for (const place of moved) {
      place.priority = to
      void this.#quietly(async () => {
        const job = await Job.fromId(this.#worker, place.id)
        await job?.changePriority({ priority: this.#rankOf(place) })
      })
    }
    return moved.length + this.#local.moveClass(from, to)
  }

  /** A turn has come from whichever gateway found the slot. */
  granted({ id, token, lost }: Grant): void {
    const place = this.#waiting.get(id)
    if (lost) {
      const gone = place ?? this.#held.get(id)
      if (place) {
        this.#waiting.delete(id)
        place.cancelTimer?.()
        place.settled(this.#refuse(place, 'lost'))
      } else if (gone) this.#link.log.warn({ line: this.name }, 'A slot was taken back because this gateway did not renew it in time.')
      return
    }
    // Whoever asked has left meanwhile.
    if (!place) return void this.#finish(id, token)
    this.#waiting.delete(id)
    place.cancelTimer?.()
    place.state = 'admitted'
    place.token = token
    place.startedMs = this.#link.clock.elapsed()
    place.waitedMs = place.startedMs - place.enteredMs
    this.#held.set(id, place)
    place.settled(place)
  }

  /** Redis is away: who waits goes on in the line of this gateway alone. */
  goLocal(): void {
    for (const place of this.#waiting.values()) this.#moveToLocal(place)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelSweep?.()
    this.#cancelRate?.()
    for (const place of this.#waiting.values()) {
      this.#forget(place)
      place.settled(this.#refuse(place, 'closed'))
    }
    this.#local.close()
    // What is under way gives its slot back as it ends, or its lock does.
    await Promise.allSettled([...this.#held.values()].map((place) => this.#finish(place.id, place.token as string)))
    await Promise.allSettled([this.#worker.close(true), this.#queue.close()])
  }

  /** Stops everything without a word to anybody. */
  kill(): void {
    this.#closed = true
    this.#cancelSweep?.()
    this.#cancelRate?.()
    void this.#quietly(() => this.#worker.close(true))
  }

  async #ask(place: ClusterPlace): Promise<void> {
    const added = this.#queue.add(lineJob, { g: this.#link.gateway }, { ...forget, jobId: place.id, priority: this.#rankOf(place) })
    try {
      await within(this.#link.clock, this.#link.answerMs, added)
    } catch {
      // It may have arrived: then its turn finds nobody and is given on.
      added.then(() => this.#quietly(() => this.#queue.remove(place.id)), () => {})
      this.#link.suspect()
      if (place.state === 'waiting' && this.#waiting.has(place.id)) this.#moveToLocal(place)
      return
    }
    if (place.state !== 'waiting') return void this.#quietly(() => this.#queue.remove(place.id))
    this.#pump()
  }

  #moveToLocal(place: ClusterPlace): void {
    this.#waiting.delete(place.id)
    place.cancelTimer?.()
    this.#enterLocal(place, false)
  }

  /** In this gateway's line alone. `asked`: the caller of `enter` learns the state from the result. */
  #enterLocal(place: ClusterPlace, asked: boolean): ClusterPlace {
    this.#link.count('line_local', { line: this.name })
    const take = (local: Place) => {
      place.state = local.state
      place.reason = local.reason
      place.retryAfterMs = local.retryAfterMs
      place.waitedMs = this.#link.clock.elapsed() - place.enteredMs
    }
    const left = Math.max(0, place.untilMs - this.#link.clock.elapsed())
    place.local = this.#local.enter(place.priority, left, (local) => {
      take(local)
      place.settled(place)
    })
    take(place.local)
    if (!asked && place.state !== 'waiting') place.settled(place)
    return place
  }

  #rankOf(place: ClusterPlace): number {
    // BullMQ's 0 goes before all others: it is kept for those whose turn it is out of order.
    if (this.#policy.order !== 'deadline') return place.priority + 1
    const wallMs = this.#link.clock.now() + Math.min(place.untilMs - place.enteredMs, 3_600_000)
    return 1 + (Math.floor(wallMs / deadlineStepMs) % deadlineSteps)
  }

  #expire(place: ClusterPlace): void {
    if (place.state !== 'waiting') return
    this.#forget(place)
    place.settled(this.#refuse(place, 'expired'))
  }

  #forget(place: ClusterPlace): void {
    this.#waiting.delete(place.id)
    place.cancelTimer?.()
    void this.#quietly(() => this.#queue.remove(place.id))
  }

  #makeRoom(priority: Priority): boolean {
    let worst: ClusterPlace | undefined
    for (const place of this.#waiting.values()) if (place.priority > priority && (!worst || place.priority >= worst.priority)) worst = place
    if (!worst) return false
    this.#forget(worst)
    worst.settled(this.#refuse(worst, 'evicted'))
    return true
  }

  #refuse(place: ClusterPlace, reason: NoTurn): ClusterPlace {
    place.state = 'refused'
    place.reason = reason
    place.waitedMs = this.#link.clock.elapsed() - place.enteredMs
    place.retryAfterMs = this.estimateMs(place.priority)
    return place
  }

  /** How long somebody of this class who comes now would wait, as far as is known here; 0 when nothing is. */
  estimateMs(priority: Priority): number {
    return estimateMs(this.#policy, this.#serviceMs, this.#counts, priority)
  }

  /** Looks whether a slot is free, for as long as one is. */
  #pump(): void {
    if (this.#closed || this.#paused) return
    if (this.#pumps >= mostPumps) {
      this.#pumpAgain = true
      return
    }
    this.#pumps += 1
    void this.#quietly(async () => {
      const job = await this.#worker.getNextJob(this.#token, { block: false })
      if (job) await this.#dispatch(job, this.#token)
    }).finally(() => {
      this.#pumps -= 1
      if (!this.#pumpAgain) return
      this.#pumpAgain = false
      this.#pump()
    })
    this.#watchRate()
  }

  /** Gives the turn to whoever asked for it. */
  async #dispatch(job: Job<TicketData>, token: string): Promise<void> {
    const id = job.id as string
    const { g } = job.data
    const lost = job.deferredFailure !== undefined || job.stalledCounter > 0
    const grant: Grant = { line: this.name, id, token, ...(lost ? { lost: true } : {}) }
    this.#noteGone(job.priority)
    const heard = g === this.#link.gateway ? (this.granted(grant), true) : await this.#link.grant(g, grant)
    if (lost || !heard) await this.#finish(id, token)
  }

  /** Gives a slot back, and takes the next turn in the same step. */
  async #finish(id: string, token: string): Promise<void> {
    await this.#quietly(async () => {
      const job = Job.fromJSON(this.#worker, { id, name: lineJob, data: '{}', opts: JSON.stringify(forget), progress: 0, timestamp: 0, attemptsMade: 0 } as never, id)
      try {
        const next = await job.moveToCompleted('', token, !this.#closed && !this.#paused) as readonly unknown[] | undefined
        if (next?.[0]) {
          await this.#dispatch(Job.fromJSON(this.#worker, next[0] as never, next[1] as string) as Job<TicketData>, token)
          // Whose turn the next one is, is settled while this one is under way: a slot never waits for it.
          void this.#quietly(() => this.#promote())
        } else this.#watchRate()
      } catch {
        this.#pump() // its lock was lost: the slot is free already
      }
    })
  }

  /** Brings somebody who would not be next to the front, when it is time for that. */
  async #promote(): Promise<void> {
    await this.#refreshCounts()
    const turn = this.#turns.next(this.#counts)
    if (turn.kind === 'first') return
    const id = turn.kind === 'class' ? await this.#headOf(turn.priority) : await this.#oldestBetween(turn.above, turn.below)
    if (id === undefined) return
    const job = Job.fromJSON(this.#worker, { id, name: lineJob, data: '{}', opts: '{}', progress: 0, timestamp: 0, attemptsMade: 0 } as never, id)
    await this.#quietly(() => job.changePriority({ priority: 0 }))
  }

  async #headOf(priority: number): Promise<string | undefined> {
    const rank = priority + 1
    const [id] = await this.#link.redis.zrangebyscore(this.#queue.toKey('prioritized'), rank * scoreStep, (rank + 1) * scoreStep - 1, 'LIMIT', 0, 1)
    return id
  }

  /** The longest-waiting of the classes between two: the one with the smallest counter. */
  async #oldestBetween(above: number, below: number): Promise<string | undefined> {
    const key = this.#queue.toKey('prioritized')
    const heads = this.#link.redis.pipeline()
    for (let at = above + 1; at < below; at += 1) heads.zrangebyscore(key, (at + 1) * scoreStep, (at + 2) * scoreStep - 1, 'WITHSCORES', 'LIMIT', 0, 1)
    let best: { readonly id: string; readonly counter: number } | undefined
    for (const [, answer] of (await heads.exec()) ?? []) {
      const [id, score] = answer as string[]
      const counter = Number(score) % scoreStep
      if (id !== undefined && (!best || counter < best.counter)) best = { id, counter }
    }
    return best?.id
  }

  async #refreshCounts(): Promise<void> {
    const now = this.#link.clock.elapsed()
    if (this.#counting || now - this.#countedAtMs < countsAgeMs) return
    this.#counting = true
    try {
      if (this.#policy.order === 'deadline') {
        this.#counts = Array.from({ length: priorities }, () => 0)
        this.#counts[priorities - 1] = await this.#queue.getPrioritizedCount()
      } else {
        const counts = await this.#queue.getCountsPerPriority(allPriorities)
        this.#counts = allPriorities.map((rank) => counts[String(rank)] ?? 0)
      }
      this.#countedAtMs = now
    } finally {
      this.#counting = false
    }
  }

  /** One less waits, as far as is known before the next count. */
  #noteGone(rank: number | undefined): void {
    const at = (rank ?? 0) - 1
    const counted = this.#counts[at]
    if (this.#policy.order !== 'deadline' && counted !== undefined && counted > 0) this.#counts[at] = counted - 1
  }

  #noteFailure(error: unknown): void {
    if (!this.#closed) this.#link.log.debug({ line: this.name, cause: error instanceof Error ? error.message : String(error) }, 'A line in Redis failed for a moment.')
  }

  #noteService(tookMs: number): void {
    this.#finished += 1
    const mean = this.#serviceMs ?? tookMs
    this.#serviceMs = mean + (tookMs - mean) / Math.min(this.#finished, 64)
  }

  /** With a rate, nobody's end says when the next may start. */
  #watchRate(): void {
    const { ratePerSecond } = this.#policy
    if (ratePerSecond === undefined || this.#waiting.size === 0 || this.#cancelRate || this.#closed) return
    this.#cancelRate = this.#link.clock.setTimer(() => {
      this.#cancelRate = undefined
      this.#pump()
    }, Math.max(1, 1000 / ratePerSecond))
  }

  async #publishPolicy(): Promise<void> {
    const { slots, ratePerSecond, burst = 1 } = this.#policy
    await this.#quietly(async () => {
      if (slots === Infinity) await this.#queue.removeGlobalConcurrency()
      else await this.#queue.setGlobalConcurrency(slots)
      if (ratePerSecond === undefined) await this.#queue.removeGlobalRateLimit()
      else await this.#queue.setGlobalRateLimit(burst, Math.max(1, Math.round((1000 * burst) / ratePerSecond)))
    })
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#link.clock.setTimer(() => {
      void this.#sweep().finally(() => {
        if (!this.#closed) this.#sweepLater()
      })
    }, renewEveryMs)
  }

  /** Renews what is held, looks for free slots that nobody's end told of, and for tickets that are no more. */
  async #sweep(): Promise<void> {
    if (!this.#link.healthy()) return
    const held = [...this.#held.values()]
    if (held.length > 0) await this.#quietly(() => this.#worker.extendJobLocks(held.map(({ id }) => id), held.map(({ token }) => token as string), lockMs))
    if (this.#waiting.size === 0) return
    await this.#quietly(() => this.#refreshCounts())
    this.#pump()
    const now = this.#link.clock.elapsed()
    const old: ClusterPlace[] = []
    for (const place of this.#waiting.values()) {
      if (now - place.enteredMs < auditAfterMs || old.length >= auditSize) break
      old.push(place)
    }
    if (old.length === 0) return
    await this.#quietly(async () => {
      const asked = this.#link.redis.pipeline()
      for (const { id } of old) asked.exists(this.#queue.toKey(id))
      const answers = (await asked.exec()) ?? []
      for (const [at, place] of old.entries()) {
        if (answers[at]?.[0] === null && answers[at]?.[1] === 0 && this.#waiting.delete(place.id)) {
          place.cancelTimer?.()
          place.settled(this.#refuse(place, 'lost'))
        }
      }
    })
  }

  /** What fails here is tried again by the next sweep. */
  async #quietly(act: () => Promise<unknown>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.#noteFailure(error)
    }
  }
}

/** A gateway's part of the slots while it is on its own. */
function toShare(policy: LinePolicy, shares: number): LinePolicy {
  return { ...policy, slots: policy.slots === Infinity ? Infinity : Math.max(1, Math.floor(policy.slots / shares)), ...(policy.ratePerSecond === undefined ? {} : { ratePerSecond: policy.ratePerSecond / shares }) }
}

function within<T>(clock: Clock, limitMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // When this process was late itself, the answer may lie there unread: it is read before the timer's second turn.
    const cancel = clock.setTimer(() => setImmediate(() => setImmediate(() => reject(new Error('Redis did not answer in time.')))), limitMs)
    promise.finally(cancel).then(resolve, reject)
  })
}
