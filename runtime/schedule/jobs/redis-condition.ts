import type { Redis } from 'ioredis'
import type { Log } from '../../core/log.ts'
import type { Clock } from '../../core/time/clock.ts'
import { whyUnsafe } from './redis-check.ts'

export interface RedisConditionParts {
  readonly redis: Redis
  readonly clock: Pick<Clock, 'now' | 'elapsed'>
  readonly log: Log
  readonly whenUnsafe: 'refuse' | 'warn'
  /** Whether anybody has work for Redis: nobody has to set it up for work that there is none of. */
  matters(): boolean
}

/** How Redis is set up, and what time it has there. */
export interface RedisCondition {
  /** Why it could lose what it was given, as far as is known. */
  readonly unsafe: string | undefined
  /** Whether it was looked at. */
  readonly checked: boolean
  /** Looks at it. Never rejects: it is asked again with the next connection. */
  check(): Promise<void>
  /** Time of day as all gateways on this Redis know it, whatever their own clocks are put to. */
  time(): number
}

export function createRedisCondition({ redis, clock, log, whenUnsafe, matters }: RedisConditionParts): RedisCondition {
  /** What the clock of Redis is ahead of the time that has passed here. */
  let aheadMs = clock.now() - clock.elapsed()
  let unsafe: string | undefined
  let checked = false
  let said: string | undefined

  return {
    get unsafe() {
      return unsafe
    },
    get checked() {
      return checked
    },
    async check() {
      try {
        const found = await whyUnsafe(redis)
        if (matters()) {
          if (found !== undefined && found !== said) log.error({ reason: found, whenUnsafe }, whenUnsafe === 'refuse' ? 'Redis would lose accepted work: none is accepted until it is set up for it' : 'Redis would lose accepted work, and is used for it all the same')
          said = found
        }
        unsafe = found
        const [seconds, micros] = await redis.time()
        aheadMs = Number(seconds) * 1000 + Number(micros) / 1000 - clock.elapsed()
        checked = true
      } catch {
        // Asked again with the next connection, and by the sweep.
      }
    },
    time: () => Math.floor(aheadMs + clock.elapsed()),
  }
}
