import { BoundedMap } from '../core/bounded-map.ts'
import type { Clock } from '../core/time/clock.ts'
import { fault, type Fault } from '../core/fault.ts'

/** Told when a unit is refused for a while. */
export interface Quarantine {
  readonly id: string
  readonly owner: string
  readonly times: number
  /** Milliseconds since the epoch. */
  readonly untilMs: number
  readonly last: 'script.timeout' | 'script.memory'
}

/** What is known of one script or expression: how often it was fast, and how often it hit a limit. Outlives a deploy of the same source. */
export interface History {
  readonly key: string
  fast: number
  hits: number[]
  restUntilMs: number
  rests: number
}

/** Whose doing it is that a limit was hit; only the script's own counts against it. */
export type Blame = 'script' | 'input' | 'machine'

export type Limit = 'timeout' | 'memory'

/** Inputs above this many characters enter alone, in an isolate where nobody else is. */
const largeChars = 64 * 1024
const trustedAfter = 20
const fastMs = 2
const hitsToRest = 3
const hitWindowMs = 10 * 60_000
const firstRestMs = 30_000
const longestRestMs = 10 * 60_000
const mostRecords = 10_000

export interface Limits {
  of(key: string): History
  /** @returns the fault that refuses the call, if it is to be refused */
  refusal(record: History): Fault | undefined
  /** A call ended within its limits. */
  took(record: History, ms: number): void
  /** A limit was hit. True when the unit is refused from now on. */
  hit(record: History, info: Omit<Quarantine, 'times' | 'untilMs'>): boolean
  /** May enter on the serving thread. */
  trusted(record: History): boolean
  /** Once hit, an isolate of its own. */
  alone(record: History): boolean
}

export function createLimits(clock: Clock, onQuarantine: (info: Quarantine) => void): Limits {
  const records = new BoundedMap<History>(mostRecords)
  return {
    of(key) {
      const record = records.get(key) ?? { key, fast: 0, hits: [], restUntilMs: 0, rests: 0 }
      records.set(key, record)
      return record
    },
    refusal(record) {
      if (record.restUntilMs === 0 || clock.now() >= record.restUntilMs) return undefined
      return fault('script.quarantined', { times: record.hits.length, until: new Date(record.restUntilMs).toISOString() }, undefined, {
        'retry-after': String(Math.max(1, Math.ceil((record.restUntilMs - clock.now()) / 1000))),
      })
    },
    took(record, ms) {
      if (ms <= fastMs) record.fast++
    },
    hit(record, info) {
      const now = clock.now()
      record.fast = 0
      record.hits = [...record.hits.filter((at) => at > now - hitWindowMs), now]
      if (record.hits.length < hitsToRest) return false
      const rest = Math.min(longestRestMs, firstRestMs * 2 ** record.rests++)
      record.restUntilMs = now + rest
      onQuarantine({ ...info, times: record.hits.length, untilMs: record.restUntilMs })
      return true
    },
    trusted: (record) => record.hits.length === 0 && record.fast >= trustedAfter,
    alone: (record) => record.hits.length > 0,
  }
}

export function limitFault(limit: Limit, { limitMs, limitMb }: { readonly limitMs: number; readonly limitMb: number }, blame: Blame): Fault {
  if (limit === 'memory') return fault('script.memory', { limitMb })
  return fault('script.timeout', { limitMs, ...(blame === 'machine' ? { starved: true } : {}) })
}

/** @param large what went in is so much that nothing is held against whoever takes it */
export function blameOf(large: boolean, starved: boolean): Blame {
  return starved ? 'machine' : large ? 'input' : 'script'
}

/** Whether what goes in is so much that it enters alone. */
export function isLarge(text: string): boolean {
  return text.length > largeChars
}
