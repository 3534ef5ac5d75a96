import { fault } from '../core/fault.ts'
import type { StateRecords } from '../core/state/state.ts'
import { checkRecord } from './record-limits.ts'
import { openText, sealText } from './sealed-bytes.ts'
import { Lost, type Commands, type RedisLink } from './redis-link.ts'

/**
 * Records in Redis: `v:` values, `g:` members of groups by their end, `o:` in the order in which they came. With a key values are
 * sealed before they leave the gateway: answers that `idempotency` keeps are whole answers.
 */
export function createRedisRecords(link: RedisLink, sealKey: Buffer | undefined): StateRecords {
  const seal = (key: string, value: string) => (sealKey ? sealText(sealKey, value, `record ${key}`) : value)

  /** What lies there and cannot be opened was sealed under another key: nobody knows it any more. */
  function open(key: string, value: string | null): string | undefined {
    if (value === null || !sealKey) return value ?? undefined
    try {
      return openText(sealKey, value, `record ${key}`)
    } catch {
      throw fault('state.unavailable', { reason: 'a record was sealed under another key' })
    }
  }

  async function ask<T>(command: (redis: Commands) => Promise<T>): Promise<T> {
    try {
      return await link.ask('record', command)
    } catch (thrown) {
      throw thrown instanceof Lost ? unavailable(thrown) : thrown
    }
  }

  return {
    async get(key) {
      checkRecord(key)
      return open(key, await ask((redis) => redis.get(`v:${key}`)))
    },
    async set(key, value, ttlMs) {
      checkRecord(key, value)
      await ask((redis) => redis.set(`v:${key}`, seal(key, value), 'PX', toTtl(ttlMs)))
    },
    async setIfAbsent(key, value, ttlMs) {
      checkRecord(key, value)
      return open(key, await ask((redis) => redis.set(`v:${key}`, seal(key, value), 'PX', toTtl(ttlMs), 'NX', 'GET')))
    },
    async replace(key, expected, value, ttlMs) {
      checkRecord(key, value)
      return (await ask((redis) => redis.sluiceReplace(1, `v:${key}`, seal(key, expected), seal(key, value), toTtl(ttlMs)))) === 1
    },
    async delete(key) {
      checkRecord(key)
      await ask((redis) => redis.del(`v:${key}`))
    },
    async join(group, member, { cap, whenFull, ttlMs }) {
      checkRecord(group, '', member)
      const [joined, ...evicted] = (await ask((redis) => redis.sluiceJoin(2, `g:${group}`, `o:${group}`, member, cap, whenFull, toTtl(ttlMs)))) as [number, ...string[]]
      return { joined: joined === 1, evicted }
    },
    async leave(group, member) {
      checkRecord(group, '', member)
      await ask((redis) => Promise.all([redis.zrem(`g:${group}`, member), redis.zrem(`o:${group}`, member)]))
    },
    async members(group) {
      checkRecord(group)
      return (await ask((redis) => redis.sluiceMembers(2, `g:${group}`, `o:${group}`))) as string[]
    },
  }
}

export function unavailable(lost: Lost) {
  return fault('state.unavailable', { reason: lost.message }, lost)
}

/** Redis takes whole milliseconds from 1. */
const toTtl = (ttlMs: number) => Math.max(1, Math.ceil(ttlMs))
