import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../test/kit/fake-clock.ts'
import type { NewJob } from '../core/jobs/jobs.ts'
import type { LineSpec } from '../core/lines/lines.ts'
import { silentLog } from '../core/log.ts'
import type { Priority } from '../core/lines/priority.ts'
import type { ScheduleSpec } from '../core/jobs/schedules.ts'
import { createClusterTimers } from './cluster-timers.ts'
import { createSchedules } from './create-schedules.ts'
import { createJournalJobs } from './jobs/journal-jobs.ts'
import { TimedLine } from './line/timed-line.ts'
import { createTimers } from './timers.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const startMs = Date.UTC(2025, 0, 1, 12, 0, 30)

/** An operator an hour off, either way, and a step of NTP. */
const jumps = [['an hour forward', hourMs], ['an hour back', -hourMs], ['back by NTP’s 2.5 s', -2500]] as const

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close()
})

function journal(clock: FakeClock, folder = mkdtempSync(join(tmpdir(), 'sluice-jumps-'))) {
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const jobs = createJournalJobs({ folder, key: Buffer.alloc(32), clock, log: silentLog, metrics: { count() {} } })
  closers.push(() => jobs.kill())
  return { jobs, folder }
}
async function pass(clock: FakeClock, ms: number, stepMs = 10_000): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    await clock.advance(Math.min(stepMs, left))
    for (let turn = 0; turn < 12; turn += 1) await nextTurn()
  }
}
const job = (more: Partial<NewJob> = {}): NewJob => ({ work: { flow: 'f', node: 'n' }, revision: 'a', body: 1, owner: '', priority: 5, attempts: 3, backoffMs: 20_000, backoffMostMs: 20_000, ttlMs: 2 * minuteMs, keepMs: minuteMs, maxPending: 100, ...more })

describe('a line, whatever the clock on the wall is put to', () => {
  const spec: LineSpec = { name: 'l', scope: 'gateway', policy: { order: 'strict', slots: 2, ratePerSecond: 5, burst: 2, ageingShare: 0.05, weights: Array.from({ length: 10 }, () => 1), maxDepth: 20 } }
  const act = fc.oneof(
    fc.record({ do: fc.constant('come' as const), priority: fc.integer({ min: 0, max: 9 }), patienceMs: fc.integer({ min: 0, max: 5000 }) }),
    fc.record({ do: fc.constant('leave' as const), which: fc.nat() }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 2000 }) }),
  )

  test('does what it would have done: the same turns, refusals and waits, at the same moments', async () => {
    await fc.assert(fc.asyncProperty(fc.array(act, { maxLength: 40 }), fc.array(fc.integer({ min: -hourMs, max: hourMs }), { minLength: 1, maxLength: 5 }), async (acts, puts) => {
      const run = async (jumping: boolean) => {
        const clock = fakeClock(startMs)
        const line = new TimedLine(spec, clock)
        const told: string[] = []
        const places: ReturnType<TimedLine['enter']>[] = []
        for (const [at, one] of acts.entries()) {
          if (jumping) clock.jump(puts[at % puts.length] as number)
          if (one.do === 'come') {
            const number = places.length
            const place = line.enter(one.priority as Priority, one.patienceMs, ({ state, waitedMs }) => told.push(`${clock.elapsed()} ${number} ${state} ${waitedMs}`))
            told.push(`${number} ${place.state}`)
            places.push(place)
          } else if (one.do === 'leave' && places.length > 0) line.leave(places[one.which % places.length]!)
          else if (one.do === 'pass') await clock.advance(one.ms)
        }
        await clock.advance(10_000)
        return told
      }
      expect(await run(true)).toEqual(await run(false))
    }), { numRuns: 60 })
  })
})

describe('accepted work in a journal', () => {
  test.each(jumps)('with the clock %s: begins at once, pauses as long as it should, expires and is forgotten in its time', async (_what, byMs) => {
    const clock = fakeClock(startMs)
    const { jobs } = journal(clock)
    const begun: [unknown, number][] = []
    const waiting = await jobs.accept(job({ body: 'accepted before' }))
    const delayed = await jobs.accept(job({ body: 'delayed', delayMs: 30_000 }))
    const expiring = await jobs.accept(job({ work: { flow: 'f', node: 'nobody' } }))
    clock.jump(byMs)
    jobs.open({ flow: 'f', node: 'n', revision: 'a', atOnce: 5 }, async ({ body, facts }) => {
      begun.push([body, clock.elapsed()])
      return body === 'fails once' && facts.attempt === 1 ? { kind: 'failed', code: 'upstream.status', message: 'No.' } : { kind: 'done' }
    })
    await pass(clock, 1)
    expect([begun, (await jobs.find(waiting.id))?.state]).toEqual([[['accepted before', expect.any(Number)]], 'done'])
    const failing = await jobs.accept(job({ body: 'fails once' }))
    await pass(clock, 1)
    await pass(clock, 25_000, 1000)
    expect((await jobs.find(failing.id))?.state).toBe('done')
    const [, first, again] = begun.map(([, ms]) => ms)
    expect([first! < 100, again! >= 10_000 && again! <= 22_000, (await jobs.find(delayed.id))?.state]).toEqual([true, true, 'pending'])
    await pass(clock, 10_000, 1000)
    expect(begun.at(-1)).toEqual(['delayed', expect.any(Number)])
    // Its time runs by what passes, not by the clock that was put.
    expect((await jobs.find(expiring.id))?.state).toBe('pending')
    await pass(clock, 2 * minuteMs)
    expect(await jobs.find(expiring.id)).toMatchObject({ state: 'expired' })
    expect(await jobs.find(waiting.id)).toBeUndefined()
    expect(begun).toHaveLength(4)
  })

  test.each(jumps)('with the clock %s: nobody’s work is set aside before five minutes have passed', async (_what, byMs) => {
    const clock = fakeClock(startMs)
    const { jobs } = journal(clock)
    const { id } = await jobs.accept(job({ ttlMs: 24 * hourMs }))
    clock.jump(byMs)
    await pass(clock, 4 * minuteMs)
    expect((await jobs.find(id))?.state).toBe('pending')
    await pass(clock, 2 * minuteMs)
    expect(await jobs.find(id)).toMatchObject({ state: 'failed', reason: { code: 'job.no_revision' } })
  })

  test('a start with a clock that was put back an hour while nobody ran goes on with what waits, after a pause of its own length at most', async () => {
    const ahead = fakeClock(startMs + hourMs)
    const { jobs: first, folder } = journal(ahead)
    first.open({ flow: 'f', node: 'n', revision: 'a', atOnce: 5 }, async () => ({ kind: 'failed', code: 'upstream.status', message: 'No.' }))
    const failed = await first.accept(job())
    await pass(ahead, 1)
    const waiting = await first.accept(job({ work: { flow: 'f', node: 'other' } }))
    first.kill()
    const clock = fakeClock(startMs)
    const { jobs } = journal(clock, folder)
    for (const node of ['n', 'other']) jobs.open({ flow: 'f', node, revision: 'a', atOnce: 5 }, async () => ({ kind: 'done' }))
    await pass(clock, 1)
    expect((await jobs.find(waiting.id))?.state).toBe('done')
    await pass(clock, 21_000)
    expect((await jobs.find(failed.id))?.state).toBe('done')
  })
})

describe('schedules and times of day', () => {
  const cron = { kind: 'cron', cron: '* * * * *', zone: 'UTC' } as const
  const starts: readonly [string, (clock: FakeClock, fire: (atMs: number) => void) => void][] = [
    ['schedule, skip', (clock, fire) => schedule(clock, 'skip', fire)],
    ['schedule, once', (clock, fire) => schedule(clock, 'once', fire)],
    ['inject of one gateway', (clock, fire) => void createTimers(clock)({ on: 'cron', ...cron }, () => fire(clock.now()))],
    ['inject of several gateways', (clock, fire) => {
      const notes = new Map<string, number>()
      const advance = async (name: string, to: number) => {
        const before = notes.get(name)
        notes.set(name, Math.max(before ?? 0, to))
        return before
      }
      for (let gateway = 0; gateway < 2; gateway += 1) createClusterTimers(clock, { advance }, silentLog)({ on: 'cron', ...cron }, () => fire(clock.now()), { flow: 'f', node: 'n' })
    }],
  ]
  function schedule(clock: FakeClock, missed: ScheduleSpec['missed'], fire: (atMs: number) => void): void {
    createSchedules({ jobs: journal(clock).jobs, clock, log: silentLog }).start({ flow: 'f', node: 'n', revision: 'a', times: cron, overlap: 'parallel', missed, jitterMs: 0, attempts: 1, backoffMs: 10 }, async ({ scheduledAtMs }) => {
      fire(scheduledAtMs)
      return { kind: 'done' }
    })
  }

  test.each(starts)('%s: an hour forward is made up for by one time at most, and the next come on the minute', async (_name, start) => {
    const clock = fakeClock(startMs)
    const fired: number[] = []
    start(clock, (atMs) => fired.push(atMs))
    await pass(clock, 2 * minuteMs)
    expect(fired).toHaveLength(2)
    clock.jump(hourMs)
    await pass(clock, minuteMs + 1000, 1000)
    const jumped = fired.length
    expect(jumped).toBeGreaterThanOrEqual(3)
    expect(jumped).toBeLessThanOrEqual(4)
    await pass(clock, 5 * minuteMs)
    expect(fired.length - jumped).toBe(5)
  })

  test.each(starts)('%s: put back, no time comes a second time, and none is early; when they are reached again the times go on', async (_name, start) => {
    for (const byMs of [-hourMs, -2500]) {
      const clock = fakeClock(startMs)
      const fired: number[] = []
      start(clock, (atMs) => fired.push(Math.floor(atMs / minuteMs)))
      await pass(clock, 2 * minuteMs)
      clock.jump(byMs)
      await pass(clock, -byMs + 3 * minuteMs, minuteMs / 2)
      expect(new Set(fired).size).toBe(fired.length)
      expect(fired).toEqual(Array.from({ length: 5 }, (_, at) => Math.floor(startMs / minuteMs) + 1 + at))
    }
  })

  test('a schedule that makes up for all it missed does so once for each time that was passed over', async () => {
    const clock = fakeClock(startMs)
    const fired: number[] = []
    schedule(clock, 'all', (atMs) => fired.push(atMs))
    await pass(clock, minuteMs)
    clock.jump(hourMs)
    await pass(clock, 2 * minuteMs)
    expect(fired.length).toBe(63)
    expect(new Set(fired).size).toBe(63)
  })
})
