import type { Clock } from '../core/time/clock.ts'
import type { StartTimer } from '../core/entry.ts'
import type { Jobs } from '../core/jobs/jobs.ts'
import type { Log } from '../core/log.ts'
import { atTime } from './at-time.ts'
import { workHash } from './jobs/job-id.ts'
import { createTimeLine } from './times.ts'
import { createTimers } from './timers.ts'

/**
 * Timers of gateways that share a store: a time of day comes to one of them, whichever is first to note it. Starts and intervals
 * are each gateway's own. What nobody could note, because the store was away, is left out.
 */
export function createClusterTimers(clock: Clock, jobs: Pick<Jobs, 'advance'>, log: Log): StartTimer {
  const own = createTimers(clock)
  return (entry, fire, at) => {
    if (entry.on !== 'cron' || !at) return own(entry, fire)
    const line = createTimeLine({ kind: 'cron', cron: entry.cron, ...(entry.zone === undefined ? {} : { zone: entry.zone }) })
    const name = `timer:${workHash(at)}`
    let cancel = () => {}
    let stopped = false
    const sleep = (afterMs: number) => {
      const nextMs = line.next(afterMs)
      if (!stopped && nextMs !== undefined) cancel = atTime(clock, nextMs, () => wake(nextMs))
    }
    const wake = (dueMs: number) => {
      jobs.advance(name, dueMs).then((before) => {
        if (!stopped && (before === undefined || before < dueMs)) fire()
      }, (error: unknown) => log.warn({ ...at, cause: String(error) }, 'a time of day was left out: gateways could not agree on who takes it'))
      sleep(clock.now())
    }
    sleep(clock.now())
    return () => {
      stopped = true
      cancel()
    }
  }
}
