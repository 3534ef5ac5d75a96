import type { Clock } from '../core/time/clock.ts'
import type { Log } from '../core/log.ts'

const complaintPauseMs = 10_000

const sentences = {
  evicted: 'There are more counts than this gateway keeps; some of whoever has most begin anew before their time.',
  full: 'The records of a flow have their part of this gateway’s memory; new ones are refused until old ones end.',
} as const

/** Counts what does not fit into a gateway’s memory, and says whose it is, once in a while. */
export function createPressureAlarm(parts: {
  readonly clock: Clock
  readonly log: Log
  readonly metrics: { count(name: string, labels?: Readonly<Record<string, string>>): void }
}): (what: keyof typeof sentences, owner: string) => void {
  const quietUntilMs = { evicted: 0, full: 0 }
  return (what, owner) => {
    parts.metrics.count(what === 'evicted' ? 'state_counts_evicted' : 'state_records_refused')
    const now = parts.clock.elapsed()
    if (now < quietUntilMs[what]) return
    quietUntilMs[what] = now + complaintPauseMs
    parts.log.warn({ owner }, sentences[what])
  }
}
