import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { FlowWork } from '../../core/jobs/jobs.ts'
import { type Kept, waitingTypes } from './redis-facts.ts'

export interface RedisPausesParts {
  readonly redis: Redis
  /** Set of the flows that are paused, and hash of the names of all works. */
  readonly keys: { readonly paused: string; readonly works: string }
  queueOf(work: string): Queue<Kept>
}

/** Which flows are paused, as Redis has it: noted in a set, and done by pausing the queue of each work of the flow. */
export interface RedisPauses {
  /** Notes it, then does it. Gives how many flows are paused after it. */
  set(flow: string, paused: boolean): Promise<number>
  /** Makes the queue of one work be as is noted for its flow: it may be new, or somebody died between noting and doing. */
  apply(work: string, flow: string): Promise<void>
  flows(): Promise<ReadonlySet<string>>
  /** By name, with how much there is of each. */
  list(): Promise<readonly FlowWork[]>
}

export function createRedisPauses({ redis, keys, queueOf }: RedisPausesParts): RedisPauses {
  async function apply(work: string, flow: string): Promise<void> {
    const queue = queueOf(work)
    if ((await redis.sismember(keys.paused, flow)) === 1) await queue.pause()
    else await queue.resume()
  }

  return {
    apply,
    async set(flow, paused) {
      await (paused ? redis.sadd(keys.paused, flow) : redis.srem(keys.paused, flow))
      const names = await redis.hgetall(keys.works)
      await Promise.all(Object.entries(names).filter(([, name]) => flowOf(name) === flow).map(([work]) => apply(work, flow)))
      return await redis.scard(keys.paused)
    },
    flows: async () => new Set(await redis.smembers(keys.paused)),
    async list() {
      const [names, paused] = await Promise.all([redis.hgetall(keys.works), redis.smembers(keys.paused)])
      const byFlow = new Map(paused.map((flow): [string, FlowWork] => [flow, { flow, paused: true, pending: 0, running: 0, dead: 0 }]))
      await Promise.all(Object.entries(names).map(async ([work, name]) => {
        const { active = 0, failed = 0, ...waiting } = await queueOf(work).getJobCounts(...waitingTypes, 'active', 'failed')
        const flow = flowOf(name)
        const before = byFlow.get(flow) ?? { flow, paused: false, pending: 0, running: 0, dead: 0 }
        byFlow.set(flow, { ...before, pending: before.pending + Object.values(waiting).reduce((sum, count) => sum + count, 0), running: before.running + active, dead: before.dead + failed })
      }))
      return [...byFlow.values()].toSorted((a, b) => (a.flow < b.flow ? -1 : 1))
    },
  }
}

/** Of the name that a work is listed by. */
export function flowOf(name: string): string {
  return (JSON.parse(name) as [string])[0]
}
