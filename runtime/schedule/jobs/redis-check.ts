import type { Redis } from 'ioredis'

/** Why Redis could lose what it was given; `undefined` when it is set up for work that must not be lost. */
export async function whyUnsafe(redis: Redis): Promise<string | undefined> {
  const info = `${await redis.info('memory')}\n${await redis.info('persistence')}`
  const valueOf = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1]
  const policy = valueOf('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction') return `its eviction policy is ${policy}; set maxmemory-policy to noeviction`
  if (valueOf('aof_enabled') !== '1') return 'it writes no append-only file; set appendonly to yes'
  return undefined
}
