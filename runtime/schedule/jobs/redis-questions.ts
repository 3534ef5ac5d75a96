import type { Redis } from 'ioredis'
import type { Clock } from '../../core/time/clock.ts'
import { Fault, fault } from '../../core/fault.ts'

/** Asks Redis what somebody waits for, who is told in time when it does not answer. */
export interface RedisQuestions {
  /**
   * @param late told of an answer that nobody waits for any more
   * @throws Fault `job.unavailable`
   */
  ask<T>(act: () => Promise<T>, late?: (value: T) => void): Promise<T>
  /** Whatever is asked from now on is refused. */
  close(): void
}

export function createRedisQuestions(redis: Redis, clock: Pick<Clock, 'setTimer'>, answerMs: number): RedisQuestions {
  /** Questions under way, to be told when their connection is lost: it would be asked again when it is back, and nobody waits for that. */
  const asking = new Set<() => void>()
  let closed = false
  const unavailable = (reason: string) => fault('job.unavailable', { reason }, undefined, { 'Retry-After': '2' })
  redis.on('close', () => {
    for (const lost of asking) lost()
  })

  return {
    async ask<T>(act: () => Promise<T>, late?: (value: T) => void): Promise<T> {
      if (closed) throw fault('job.unavailable', { reason: 'the gateway stops' })
      if (redis.status !== 'ready') throw unavailable('Redis cannot be reached')
      let over = false
      let refuse: (reason: string) => void = () => {}
      const refused = new Promise<never>((_, reject) => {
        refuse = (reason) => {
          over = true
          reject(unavailable(reason))
        }
      })
      const lost = () => refuse('the connection to Redis was lost')
      asking.add(lost)
      const cancel = clock.setTimer(() => refuse('Redis does not answer'), answerMs)
      try {
        const asked = act()
        asked.then((value) => over && late?.(value), () => {})
        return await Promise.race([asked, refused])
      } catch (error) {
        throw error instanceof Fault ? error : fault('job.unavailable', { reason: 'Redis refused it' }, error)
      } finally {
        cancel()
        asking.delete(lost)
      }
    },
    close() {
      closed = true
    },
  }
}
