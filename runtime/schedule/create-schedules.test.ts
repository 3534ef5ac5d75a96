import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../test/kit/fake-clock.ts'
import type { AttemptEnd, Jobs } from '../core/jobs/jobs.ts'
import { silentLog } from '../core/log.ts'
import type { ScheduleSpec } from '../core/jobs/schedules.ts'
import { createSchedules } from './create-schedules.ts'
import { createJournalJobs } from './jobs/journal-jobs.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close()
})

/** A gateway whose time a test holds. `crash` is a power cut; `start` begins again with what is on disk. */
function machine(startMs: number) {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-schedules-'))
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  let clock: FakeClock = fakeClock(startMs)
  let jobs: Jobs | undefined
  const fired: string[] = []
  let answer: () => Promise<AttemptEnd> = async () => ({ kind: 'done' })
  async function settle(): Promise<void> {
    for (let turn = 0; turn < 12; turn += 1) await nextTurn()
  }
  return {
    fired,
    answer(next: () => Promise<AttemptEnd>) {
      answer = next
    },
    async start(spec: Partial<ScheduleSpec> & Pick<ScheduleSpec, 'times'>): Promise<() => void> {
      const own = createJournalJobs({ folder, key: Buffer.alloc(32), clock, log: silentLog, metrics: { count() {} } })
      jobs = own
      closers.push(() => own.kill())
      const stop = createSchedules({ jobs: own, clock, log: silentLog }).start({ flow: 'f', node: 'n', revision: 'a', overlap: 'skip', missed: 'skip', jitterMs: 0, attempts: 1, backoffMs: 10, ...spec }, async ({ scheduledAtMs }) => {
        fired.push(new Date(scheduledAtMs).toISOString().replace(':00.000Z', 'Z'))
        return await answer()
      })
      await settle()
      return stop
    },
    async pass(ms: number): Promise<void> {
      // In steps, as everything between two timers takes its turns.
      for (let left = ms; left > 0; left -= 60_000) {
        await clock.advance(Math.min(60_000, left))
        await settle()
      }
    },
    crash(awayMs: number): void {
      jobs?.kill()
      clock = fakeClock(clock.now() + awayMs)
    },
    settle,
  }
}

const at = (text: string) => Date.parse(text)
const hourly = { times: { kind: 'cron', cron: '0 * * * *', zone: 'UTC' } } as const
const hourMs = 3_600_000

describe('schedules', { timeout: 30_000 }, () => {
  test('fire at their times, each once', async () => {
    const one = machine(at('2025-01-01T00:30Z'))
    const stop = await one.start(hourly)
    await one.pass(2.2 * hourMs)
    expect(one.fired).toEqual(['2025-01-01T01:00Z', '2025-01-01T02:00Z'])
    stop()
    await one.pass(2 * hourMs)
    expect(one.fired).toHaveLength(2)
  })

  test.each([
    ['skip', ['2025-01-01T06:00Z']],
    ['once', ['2025-01-01T05:00Z', '2025-01-01T06:00Z']],
    ['all', ['2025-01-01T02:00Z', '2025-01-01T03:00Z', '2025-01-01T04:00Z', '2025-01-01T05:00Z', '2025-01-01T06:00Z']],
  ] as const)('what was missed while nobody was there: %s', async (missed, after) => {
    const one = machine(at('2025-01-01T00:30Z'))
    await one.start({ ...hourly, missed })
    await one.pass(0.75 * hourMs)
    expect(one.fired).toEqual(['2025-01-01T01:00Z'])
    one.crash(4 * hourMs)
    await one.start({ ...hourly, missed })
    await one.pass(hourMs)
    expect(one.fired.slice(1)).toEqual(after)
  })

  test('a short absence misses nothing', async () => {
    const one = machine(at('2025-01-01T00:59:50Z'))
    await one.start(hourly)
    one.crash(20_000)
    await one.start(hourly)
    await one.pass(1000)
    expect(one.fired).toEqual(['2025-01-01T01:00Z'])
  })

  test('a new rule makes up for nothing of the time before it', async () => {
    const one = machine(at('2025-01-01T00:30Z'))
    await one.start({ ...hourly, missed: 'all' })
    one.crash(10 * hourMs)
    await one.start({ times: { kind: 'cron', cron: '15 * * * *', zone: 'UTC' }, missed: 'all' })
    await one.pass(hourMs)
    expect(one.fired).toEqual(['2025-01-01T11:15Z'])
  })

  test.each([['skip', 1], ['queue', 1], ['parallel', 3]] as const)('while the one before still runs: %s', async (overlap, under) => {
    const one = machine(at('2025-01-01T00:30Z'))
    const finish: (() => void)[] = []
    one.answer(() => new Promise((resolve) => finish.push(() => resolve({ kind: 'done' }))))
    await one.start({ ...hourly, overlap })
    await one.pass(3 * hourMs)
    expect(one.fired).toHaveLength(under)
    one.answer(async () => ({ kind: 'done' }))
    for (const done of finish) done()
    await one.settle()
    expect(one.fired).toHaveLength(overlap === 'skip' ? 1 : 3)
    await one.pass(hourMs)
    expect(one.fired).toHaveLength(overlap === 'skip' ? 2 : 4)
  })

  test('one time comes once, also when the gateway starts again after it', async () => {
    const one = machine(at('2025-01-01T00:30Z'))
    const once = { times: { kind: 'once', atMs: at('2025-01-01T01:00Z') }, missed: 'once' } as const
    await one.start(once)
    await one.pass(hourMs)
    one.crash(hourMs)
    await one.start(once)
    await one.pass(hourMs)
    expect(one.fired).toEqual(['2025-01-01T01:00Z'])
  })

  test('one time that came while nobody was there is made up for', async () => {
    const one = machine(at('2025-01-01T00:30Z'))
    const once = { times: { kind: 'once', atMs: at('2025-01-01T01:00Z') }, missed: 'once' } as const
    await one.start(once)
    one.crash(5 * hourMs)
    await one.start(once)
    await one.pass(1000)
    expect(one.fired).toEqual(['2025-01-01T01:00Z'])
  })

  test('a spread moves the start, not the time', async () => {
    const one = machine(at('2025-01-01T00:30Z'))
    await one.start({ ...hourly, jitterMs: 600_000 })
    await one.pass(0.5 * hourMs + 1000)
    const early = one.fired.length
    await one.pass(600_000)
    expect([early, one.fired]).toEqual([0, ['2025-01-01T01:00Z']])
  })

  test('a machine that slept for days, or whose clock was put forward, goes on with the next time', async () => {
    const one = machine(at('2025-01-01T00:30Z'))
    await one.start(hourly)
    await one.pass(10 * hourMs)
    expect(new Set(one.fired).size).toBe(one.fired.length)
    expect(one.fired).toHaveLength(10)
  })
})
