import { Job, Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { LinePolicy } from '../../core/lines.ts'

/** What a waiting ticket says in Redis: which gateway asks, never anything of the request. */
interface TicketData {
  readonly g: string
}

/** A slot: the job that stands for it in Redis is locked with the token until it is given back. */
export interface Slot {
  readonly id: string
  readonly token: string
}

/** A turn that was taken from the queue. */
export interface Turned extends Slot {
  /** Which gateway asked. */
  readonly gateway: string
  readonly rank: number
  /** Its gateway died or did not renew its lock: it is not begun again. */
  readonly lost: boolean
}

/** Of one rank, what waits. */
export interface RankFacts {
  readonly count: number
  /** The one that waits longest. */
  readonly head: string | undefined
  /** Smaller for those that came earlier, across ranks. */
  readonly order: number
}

/** A lock that is not renewed for so long ends: its slot is free again. */
const lockMs = 2000
/** BullMQ keeps its order as rank × 2³² + a counter. */
const rankStep = 2 ** 32
const jobName = 'turn'
/** Nothing is kept of a ticket once it is through. */
const forget = { removeOnComplete: true, removeOnFail: true, attempts: 1 } as const
const forgetText = JSON.stringify(forget)

export interface SharedTicketsOptions {
  readonly redis: Redis
  readonly prefix: string
  readonly noteFailure: (error: unknown) => void
}

/**
 * The tickets of one line in Redis, as jobs of BullMQ: waiting by rank (1 … 2²¹, smaller first) and arrival, or under way with a
 * lock that its gateway renews. Nothing is tried a second time.
 */
export class SharedTickets {
  readonly #redis: Redis
  readonly #queue: Queue<TicketData>
  readonly #worker: Worker<TicketData>

  constructor(line: string, { redis, prefix, noteFailure }: SharedTicketsOptions) {
    this.#redis = redis
    const name = `line.${Buffer.from(line).toString('base64url')}`
    const options = { connection: redis, prefix }
    this.#queue = new Queue<TicketData>(name, { ...options, defaultJobOptions: forget, skipMetasUpdate: true, streams: { events: { maxLen: 10 } } })
    this.#worker = new Worker<TicketData>(name, undefined, { ...options, autorun: false, lockDuration: lockMs, stalledInterval: 1000, maxStalledCount: 0, concurrency: 100_000, removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } })
    this.#queue.on('error', noteFailure)
    this.#worker.on('error', noteFailure)
  }

  /** Looks for locks that nobody renews, from now on. */
  async watchLocks(): Promise<void> {
    await this.#worker.startStalledCheckTimer()
  }

  async add(id: string, rank: number, gateway: string): Promise<void> {
    await this.#queue.add(jobName, { g: gateway }, { ...forget, jobId: id, priority: rank })
  }

  /** Takes out one that waits. */
  async remove(id: string): Promise<void> {
    await this.#queue.remove(id)
  }

  /** Moves one that waits. Rank 0 goes before all others. */
  async move(id: string, rank: number): Promise<void> {
    await this.#job(id).changePriority({ priority: rank })
  }

  /** The next turn if a slot is free. */
  async take(token: string): Promise<Turned | undefined> {
    const job = await this.#worker.getNextJob(token, { block: false })
    return job && toTurned(job, token)
  }

  /**
   * Gives a slot back and, if asked, takes the next turn in the same step.
   * @throws when its lock was lost: it is free already
   */
  async giveBack({ id, token }: Slot, takeNext: boolean): Promise<Turned | undefined> {
    const next = (await this.#job(id).moveToCompleted('', token, takeNext)) as readonly unknown[] | undefined
    return next?.[0] ? toTurned(Job.fromJSON(this.#worker, next[0] as never, next[1] as string) as Job<TicketData>, token) : undefined
  }

  /** Renews locks. Gives the ids of those that were lost. */
  async renew(slots: readonly Slot[]): Promise<readonly string[]> {
    return (await this.#worker.extendJobLocks(slots.map(({ id }) => id), slots.map(({ token }) => token), lockMs)) as readonly string[]
  }

  /** Who waits in each of the ranks, how many slots are taken, and whether nobody may begin at present. */
  async look(ranks: readonly number[]): Promise<{ readonly paused: boolean; readonly active: number; readonly ranks: readonly RankFacts[] }> {
    const key = this.#queue.toKey('prioritized')
    const asked = this.#redis.pipeline()
    for (const rank of ranks) {
      const [from, to] = [rank * rankStep, (rank + 1) * rankStep - 1]
      asked.zcount(key, from, to)
      asked.zrangebyscore(key, from, to, 'WITHSCORES', 'LIMIT', 0, 1)
    }
    asked.llen(this.#queue.toKey('active'))
    asked.hexists(this.#queue.toKey('meta'), 'paused')
    const answers = (await asked.exec()) ?? []
    const facts = ranks.map((_, at) => {
      const [head, score] = (answers[2 * at + 1]?.[1] ?? []) as string[]
      return { count: Number(answers[2 * at]?.[1] ?? 0), head, order: score === undefined ? Infinity : Number(score) % rankStep }
    })
    return { paused: answers.at(-1)?.[1] === 1, active: Number(answers.at(-2)?.[1] ?? 0), ranks: facts }
  }

  async countWaiting(): Promise<number> {
    return await this.#queue.getPrioritizedCount()
  }

  /** Which of them Redis knows nothing of. */
  async missing(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const asked = this.#redis.pipeline()
    for (const id of ids) asked.exists(this.#queue.toKey(id))
    const answers = (await asked.exec()) ?? []
    return new Set(ids.filter((_, at) => answers[at]?.[0] === null && answers[at]?.[1] === 0))
  }

  async publishPolicy({ slots, ratePerSecond, burst = 1 }: LinePolicy): Promise<void> {
    if (slots === Infinity) await this.#queue.removeGlobalConcurrency()
    else await this.#queue.setGlobalConcurrency(slots)
    if (ratePerSecond === undefined) await this.#queue.removeGlobalRateLimit()
    else await this.#queue.setGlobalRateLimit(burst, Math.max(1, Math.round((1000 * burst) / ratePerSecond)))
  }

  /** For all gateways: nobody's turn comes until `resume`. */
  async pause(): Promise<void> {
    await this.#queue.pause()
  }

  async resume(): Promise<void> {
    await this.#queue.resume()
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#worker.close(true), this.#queue.close()])
  }

  #job(id: string): Job<TicketData> {
    return Job.fromJSON(this.#worker, { id, name: jobName, data: '{}', opts: forgetText, progress: 0, timestamp: 0, attemptsMade: 0 } as never, id) as Job<TicketData>
  }
}

function toTurned(job: Job<TicketData>, token: string): Turned {
  return { id: job.id as string, token, gateway: job.data.g, rank: job.priority, lost: job.deferredFailure !== undefined || job.stalledCounter > 0 }
}
