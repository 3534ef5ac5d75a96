import type { JobType, Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { JobFacts, JobQuery, JobState } from '../../core/jobs/jobs.ts'
import { type Kept, type KeptJob, named, stateOf, toFacts, waitingTypes } from './redis-facts.ts'
import { flowOf } from './redis-pauses.ts'
import type { RedisQuestions } from './redis-questions.ts'

export interface RedisListingParts {
  readonly redis: Redis
  /** Hash of the names of all works, list of those that were cancelled, and what is kept of one. */
  readonly keys: { readonly works: string; readonly cancelled: string; mark(id: string): string }
  readonly ask: RedisQuestions['ask']
  queueOf(work: string): Queue<Kept>
  time(): number
}

/** Cancelled ones that are listed. */
export const mostCancelled = 1000
const everyType: readonly JobType[] = [...waitingTypes, 'active', 'completed', 'failed']
const typesOf: Readonly<Record<Exclude<JobState, 'cancelled'>, readonly JobType[]>> = {
  pending: waitingTypes, running: ['active'], done: ['completed'], expired: [...waitingTypes, 'completed'], failed: ['failed'],
}

/** Lists jobs of all works in Redis, newest first. */
export function createRedisListing({ redis, keys, ask, queueOf, time }: RedisListingParts): (query: JobQuery) => Promise<readonly JobFacts[]> {
  async function listCancelled(flow: string | undefined, limit: number): Promise<readonly JobFacts[]> {
    const ids = await ask(() => redis.lrange(keys.cancelled, 0, mostCancelled - 1))
    if (ids.length === 0) return []
    const marks = await ask(() => redis.mget(ids.map(keys.mark)))
    return marks.flatMap((mark) => (mark === null ? [] : [JSON.parse(mark) as JobFacts])).filter((facts) => flow === undefined || facts.flow === flow).slice(0, limit)
  }

  return async function list({ state, flow, limit }) {
    if (state === 'cancelled') return await listCancelled(flow, limit)
    const names = await ask(() => redis.hgetall(keys.works))
    const found: JobFacts[] = []
    for (const [hash, name] of Object.entries(names)) {
      if (flow !== undefined && flowOf(name) !== flow) continue
      for (const type of state ? typesOf[state] : everyType) {
        const jobs = await ask(() => queueOf(hash).getJobs([type], 0, limit - 1, false)) as KeptJob[]
        for (const job of jobs) if (job) found.push(named(toFacts(job, stateOf(job, type, time())), name))
      }
    }
    return found.filter((facts) => state === undefined || facts.state === state).toSorted((a, b) => b.acceptedAtMs - a.acceptedAtMs).slice(0, limit)
  }
}
