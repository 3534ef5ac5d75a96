import type { Clock } from '../core/time/clock.ts'
import type { Log } from '../core/log.ts'
import type { Sandbox } from '../core/sandbox.ts'
import { createSystemCpu, type CpuTime } from './cpu-time.ts'
import { createExpressions } from './expressions.ts'
import { readGuestSource } from './guest-source.ts'
import { createLimits, type Quarantine } from './limits.ts'
import { parseBody } from './parse-body.ts'
import { createOwnerPool, type OwnerPool } from './pool.ts'
import { createScript } from './script.ts'
import { createSideEntries } from './side-entry.ts'
import { createTemplate } from './template.ts'

export interface SandboxOptions {
  readonly log: Log
  readonly clock: Clock
  /** Isolates opened for one owner before they are filled up (default 4); half of them run on threads of their own. */
  readonly isolatesPerOwner?: number
  /** Heap a script may use, MB (default 32). */
  readonly heapMb?: number
  /** Processor time of one entry off the serving thread, ms (default 100). On it the limit is 20 ms by the clock. */
  readonly timeoutMs?: number
  /** Largest message that enters a script, bytes (default 1 MB). */
  readonly inputLimitBytes?: number
  /** How processor time is told (default: as the machine does). */
  readonly cpu?: CpuTime
  /** Told when a script is refused for a while. */
  onQuarantine?(info: Quarantine): void
}

/** The door to guest code, on isolated-vm. The process must run with the flags of node-flags.mjs. */
export function createSandbox(options: SandboxOptions): Sandbox & { close(): Promise<void> } {
  const { log, clock, isolatesPerOwner = 4, heapMb = 32, timeoutMs = 100, inputLimitBytes = 1024 * 1024 } = options
  const cpu = options.cpu ?? createSystemCpu()
  const sideEntries = createSideEntries(clock, cpu)
  const source = readGuestSource()
  const pools = new Map<string, OwnerPool>()
  const limits = createLimits(clock, (info) => {
    log.warn({ node: info.id, owner: info.owner, times: info.times, until: new Date(info.untilMs).toISOString() }, 'script refused for a while')
    options.onQuarantine?.(info)
  })
  const poolOf = (owner: string): OwnerPool => {
    let pool = pools.get(owner)
    if (!pool) pools.set(owner, (pool = createOwnerPool({ source, clock, isolatesPerOwner, heapMb, cpu })))
    return pool
  }
  const expressions = createExpressions({ clock, limits, cpu, sideEntries, poolOf, timeoutMs, heapMb, inputLimitBytes })
  return {
    async script(script, host) {
      if (script.initialize?.trim()) parseBody(script.initialize, { parameters: 'node' }, 'on start')
      if (script.finalize?.trim()) parseBody(script.finalize, { parameters: 'node' }, 'on stop')
      return createScript({ clock, pool: poolOf(script.owner), limits, sideEntries, timeoutMs, heapMb, inputLimitBytes }, script, host)
    },
    async jsonata(text, host) {
      return expressions.overMessage(text, host)
    },
    async jsonataOf(text, host) {
      return expressions.overValue(text, host)
    },
    async template(text, host, escape) {
      return createTemplate(text, host, escape)
    },
    async close() {
      for (const pool of pools.values()) pool.close()
      pools.clear()
    },
  }
}
