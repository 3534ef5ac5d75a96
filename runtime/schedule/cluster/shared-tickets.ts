import { Job, Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { LinePolicy } from '../../core/lines/lines.ts'
import { type Exchanged, type LineTickets, lockMs, type NewTicket, type Slot, type Turned } from './line-tickets.ts'

/** What a waiting ticket says in Redis: which gateway asks, never anything of the request. */
interface TicketData {
  readonly g: string
}

/** What gateways have said is forgotten when none has said anything for so long. */
const reportsKeptMs = 5000
type ExchangeAnswer = readonly [nowMs: number, active: number, paused: number, reports: readonly string[]]

/** Writes what a gateway says down with the time, or takes it away, and gives what all have said: one look at the one clock that all share. */
const exchangeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s', now, ARGV[2]))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return { now, redis.call('LLEN', KEYS[2]), redis.call('HEXISTS', KEYS[3], 'paused'), redis.call('HGETALL', KEYS[1]) }`
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
export class SharedTickets implements LineTickets {
  readonly #redis: Redis
  readonly #queue: Queue<TicketData>
  readonly #worker: Worker<TicketData>
  readonly #exchange: (gateway: string, said: string) => Promise<ExchangeAnswer>

  constructor(line: string, { redis, prefix, noteFailure }: SharedTicketsOptions) {
    this.#redis = redis
    const name = `line.${Buffer.from(line).toString('base64url')}`
    const options = { connection: redis, prefix }
    this.#queue = new Queue<TicketData>(name, { ...options, defaultJobOptions: forget, skipMetasUpdate: true, streams: { events: { maxLen: 10 } } })
    this.#worker = new Worker<TicketData>(name, undefined, { ...options, autorun: false, lockDuration: lockMs, stalledInterval: 1000, maxStalledCount: 0, concurrency: 100_000, removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } })
    this.#queue.on('error', noteFailure)
    this.#worker.on('error', noteFailure)
    if (!('sluiceExchange' in redis)) redis.defineCommand('sluiceExchange', { lua: exchangeScript, numberOfKeys: 3 })
    const scripts = redis as unknown as { sluiceExchange(...args: (string | number)[]): Promise<ExchangeAnswer> }
    const keys = ['reports', 'active', 'meta'].map((key) => this.#queue.toKey(key))
    this.#exchange = (gateway, said) => scripts.sluiceExchange(...keys, gateway, said, reportsKeptMs)
  }

  async watchLocks(): Promise<void> {
    await this.#worker.startStalledCheckTimer()
  }

  async add(tickets: readonly NewTicket[], gateway: string): Promise<void> {
    await this.#queue.addBulk(tickets.map(({ id, rank }) => ({ name: jobName, data: { g: gateway }, opts: { ...forget, jobId: id, priority: rank } })))
  }

  async remove(id: string): Promise<void> {
    await this.#queue.remove(id)
  }

  async move(id: string, rank: number): Promise<void> {
    await this.#job(id).changePriority({ priority: rank })
  }

  async take(token: string): Promise<Turned | undefined> {
    const job = await this.#worker.getNextJob(token, { block: false })
    return job && toTurned(job, token)
  }

  async giveBack({ id, token }: Slot, takeNext: boolean): Promise<Turned | undefined> {
    const next = (await this.#job(id).moveToCompleted('', token, takeNext)) as readonly unknown[] | undefined
    return next?.[0] ? toTurned(Job.fromJSON(this.#worker, next[0] as never, next[1] as string) as Job<TicketData>, token) : undefined
  }

  async renew(slots: readonly Slot[]): Promise<readonly string[]> {
    return (await this.#worker.extendJobLocks(slots.map(({ id }) => id), slots.map(({ token }) => token), lockMs)) as readonly string[]
  }

  async exchange(gateway: string, said: string): Promise<Exchanged> {
    const [nowMs, active, paused, fields] = await this.#exchange(gateway, said)
    const reports = Array.from({ length: fields.length / 2 }, (_, at) => {
      const value = fields[2 * at + 1] as string
      const space = value.indexOf(' ')
      return { gateway: fields[2 * at] as string, saidMs: Number(value.slice(0, space)), text: value.slice(space + 1) }
    })
    return { nowMs, active, paused: paused === 1, reports }
  }

  async forgetReports(gateways: readonly string[]): Promise<void> {
    await this.#redis.hdel(this.#queue.toKey('reports'), ...gateways)
  }

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
