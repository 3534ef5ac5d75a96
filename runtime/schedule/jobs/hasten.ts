import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Kept } from './redis-facts.ts'

/** Longest that an attempt which did not really begin is put off. */
const longestPutOffMs = 60_000
/** Of the clocks of gateways. */
const slackMs = 5000
/** BullMQ keeps when a job is due as a score, with room for an order within the millisecond. */
const scoresPerMs = 0x1000
const lookedAt = 20

/** Jobs put off by a gateway whose clock was ahead, for longer than they may be, wait for no longer than that. */
export async function hasten(queue: Queue<Kept>, redis: Redis): Promise<void> {
  let found: number
  do {
    found = 0
    const last = await redis.zrevrange(queue.toKey('delayed'), 0, lookedAt - 1, 'WITHSCORES')
    for (let at = 0; at < last.length; at += 2) {
      const job = await queue.getJob(last[at] as string)
      const mostMs = Math.max(job?.data.back[1] ?? Infinity, job?.opts.delay ?? 0, longestPutOffMs)
      if (Number(last[at + 1]) / scoresPerMs - Date.now() <= mostMs + slackMs) continue
      await job?.changeDelay(mostMs)
      found += 1
    }
  } while (found === lookedAt)
}
