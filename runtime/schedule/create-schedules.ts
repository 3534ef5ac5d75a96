import { createHash } from 'node:crypto'
import type { Clock } from '../core/time/clock.ts'
import { toFault } from '../core/fault.ts'
import type { AttemptEnd, Jobs } from '../core/jobs/jobs.ts'
import type { Log } from '../core/log.ts'
import type { Schedules, Tick } from '../core/jobs/schedules.ts'
import { atTime } from './at-time.ts'
import { workHash } from './jobs/job-id.ts'
import { createTimeLine } from './times.ts'

export interface SchedulesParts {
  readonly jobs: Jobs
  readonly clock: Clock
  readonly log: Log
}

/** A time that comes to be looked at so late counts as missed. */
const onTimeMs = 30_000
const retryMs = 1000
/** Most times that are made up for after a pause. */
const mostMissed = 1000
const dayMs = 86_400_000
/** Under way at once where they may overlap. */
const mostParallel = 100

/**
 * Schedules whose every time is a job: each gateway accepts it under the same key, so it is there once, and whoever has a turn
 * does it. Up to which time all is accepted is noted beside the jobs: that is how missed times are known after a pause.
 */
export function createSchedules({ jobs, clock, log }: SchedulesParts): Schedules {
  return {
    start(spec, fire) {
      const { flow, node, part, revision, overlap, missed } = spec
      const work = { flow, node, ...(part === undefined ? {} : { part }) }
      const line = createTimeLine(spec.times)
      // Other times are another schedule: those of the one before were not missed by this one.
      const name = `schedule:${workHash(work)}:${createHash('sha256').update(JSON.stringify(spec.times)).digest('base64url').slice(0, 12)}`
      const once = overlap === 'parallel' ? {} : { atOnceOfAll: 1 }
      const close = jobs.open({ ...work, revision, atOnce: overlap === 'parallel' ? mostParallel : 1, ...once }, perform)
      let cancel = () => {}
      let stopped = false
      let failing = ''
      /** Times have come that the clock on the wall has before it: it was put back. */
      let ahead = false
      void look()

      function perform(attempt: Tick['attempt']): Promise<AttemptEnd> {
        return fire({ scheduledAtMs: (attempt.body as { readonly at: number }).at, attempt })
      }

      async function look(): Promise<void> {
        try {
          const nextMs = await catchUp()
          failing = ''
          if (!stopped && nextMs !== undefined) cancel = atTime(clock, nextMs, () => void look())
        } catch (error) {
          const { code, message } = toFault(error)
          if (code !== failing) log.error({ flow, node, code }, `a schedule cannot go on: ${message}`)
          failing = code
          if (!stopped) cancel = clock.setTimer(() => void look(), retryMs)
        }
      }

      /** Accepts what is due, and says when the next is. */
      async function catchUp(): Promise<number | undefined> {
        const nowMs = clock.now()
        let doneMs = await jobs.advance(name, 0)
        // 0: somebody asked before anybody began.
        if (doneMs === undefined || doneMs === 0) {
          await jobs.advance(name, nowMs)
          doneMs = nowMs
        }
        if (doneMs - nowMs > onTimeMs && !ahead) log.warn({ flow, node, until: new Date(doneMs).toISOString() }, 'times of a schedule up to this one came already, by a clock that was ahead: none comes again')
        ahead = doneMs - nowMs > onTimeMs
        const due = line.between(doneMs, nowMs, missed === 'all' ? mostMissed : 1)
        for (const atMs of due) {
          if (stopped) return undefined
          const late = nowMs - atMs > onTimeMs
          if (missed !== 'skip' || !late) await accept(atMs, late)
          await jobs.advance(name, atMs)
        }
        return line.next(Math.max(nowMs, doneMs))
      }

      async function accept(atMs: number, late: boolean): Promise<void> {
        // What is made up for comes one after the other.
        if (overlap === 'skip' && !late && (await jobs.unfinished(work, String(atMs))) > 0) {
          log.warn({ flow, node, scheduledAt: new Date(atMs).toISOString() }, 'a time of a schedule is left out: the one before has not ended')
          return
        }
        await jobs.accept({
          work, key: String(atMs), revision, body: { at: atMs }, owner: 'schedule', priority: 5, delayMs: jitterOf(name, atMs, spec.jitterMs),
          attempts: spec.attempts, backoffMs: spec.backoffMs, backoffMostMs: 600_000, ttlMs: dayMs, keepMs: dayMs, maxPending: mostMissed,
        })
      }

      return () => {
        stopped = true
        cancel()
        close()
      }
    },
  }
}

/** By chance, and the same on every gateway. */
function jitterOf(name: string, atMs: number, mostMs: number): number {
  if (mostMs <= 0) return 0
  return createHash('sha256').update(`${name} ${atMs}`).digest().readUInt32BE(0) % (mostMs + 1)
}
