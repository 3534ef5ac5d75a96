import type { Redis } from 'ioredis'
import { cpuMs } from '../machine.ts'

/** What a time of load took, by counts: a busy machine falsifies them less than clocks. */
export interface Counts {
  /** Processor time of all that serve together, ms. */
  readonly serversCpuMs: number
  readonly redisCpuMs: number
  /** Commands that Redis ran, those within scripts too. */
  readonly commands: number
  readonly scripts: number
  /** Messages from gateway to gateway. */
  readonly messages: number
}

/** Reads the counters now. The result gives what was counted since. */
export async function startCounting(servers: readonly number[], redis: { readonly pid: number; readonly client: Redis }): Promise<() => Promise<Counts>> {
  const read = async (): Promise<Counts> => {
    const calls = new Map([...(await redis.client.info('commandstats')).matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(([, name, count]) => [name, Number(count)]))
    return {
      serversCpuMs: servers.reduce((sum, pid) => sum + cpuMs(pid), 0),
      redisCpuMs: cpuMs(redis.pid),
      commands: calls.values().reduce((sum, count) => sum + count, 0),
      scripts: calls.get('evalsha') ?? 0,
      messages: calls.get('publish') ?? 0,
    }
  }
  const before = await read()
  return async () => {
    const after = await read()
    return {
      serversCpuMs: after.serversCpuMs - before.serversCpuMs,
      redisCpuMs: after.redisCpuMs - before.redisCpuMs,
      commands: after.commands - before.commands,
      scripts: after.scripts - before.scripts,
      messages: after.messages - before.messages,
    }
  }
}
