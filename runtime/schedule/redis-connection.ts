import { Redis } from 'ioredis'
import type { Clock } from '../core/time/clock.ts'

export interface RedisAddress {
  /** `redis://` or `rediss://`. */
  readonly url: string
  /** Certificates of authorities that `rediss://` servers may be signed by, beside the public ones. */
  readonly ca?: readonly string[] | undefined
  /**
   * A connection that says nothing for so long to what it was asked leads nowhere (a machine that lost its power, a firewall that forgot
   * it) and is made anew; 15000. BullMQ holds questions back for up to 10 seconds.
   */
  readonly silentMs?: number
}

/**
 * A connection that comes back by itself for as long as it is not closed, and waits with what it was asked meanwhile: whoever asks
 * sets a limit. It never throws by itself; how it is, is said by its `status`.
 */
export function connectRedis({ url, ca, silentMs = 15_000 }: RedisAddress): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: null, socketTimeout: silentMs, retryStrategy: (tries) => Math.min(50 * tries, 500), ...(ca && ca.length > 0 ? { tls: { ca: [...ca] } } : {}) })
  redis.on('error', () => {}) // said by its status
  return redis
}

/** A connection to hear what others say. Nothing is asked there: it is when the one beside it is lost, so that it does not listen to nobody. */
export function connectEars(address: RedisAddress, beside: Redis): Redis {
  const ears = connectRedis(address)
  beside.on('close', () => void ears.ping().catch(() => {}))
  return ears
}

/** Resolves with true when it is ready, or with false after so long. */
export function whenReady(redis: Redis, clock: Pick<Clock, 'setTimer'>, limitMs: number): Promise<boolean> {
  if (redis.status === 'ready') return Promise.resolve(true)
  return new Promise((resolve) => {
    const ready = () => {
      cancel()
      resolve(true)
    }
    const cancel = clock.setTimer(() => {
      redis.off('ready', ready)
      resolve(false)
    }, limitMs)
    redis.once('ready', ready)
  })
}
