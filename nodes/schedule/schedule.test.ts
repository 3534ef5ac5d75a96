import { describe, expect, it } from 'vitest'
import { estate, flow } from '../../test/kit/flow-builder.ts'
import { startGateway } from '../../test/kit/gateway.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import type { Schedules, ScheduleSpec } from '../../runtime/core/jobs/schedules.ts'
import { inject } from '../inject/inject.ts'
import { schedule } from './schedule.ts'

const problemsOf = (config: object) => checkNode(schedule, config).map(({ code, property, severity = 'error' }) => [code, property, severity])

async function specOf(config: object): Promise<ScheduleSpec> {
  let found: ScheduleSpec | undefined
  const schedules: Schedules = { start: (spec) => ((found = spec), () => {}) }
  await testNode(schedule, config, { schedules })
  return found as ScheduleSpec
}

describe('schedule', { timeout: 30_000 }, () => {
  it('reads rules, intervals and single times', async () => {
    expect((await specOf({ cron: ' 30 8 * * MON-FRI ', zone: 'Asia/Taipei' })).times).toEqual({ kind: 'cron', cron: '30 8 * * MON-FRI', zone: 'Asia/Taipei' })
    expect((await specOf({ when: 'interval', everySeconds: 90 })).times).toEqual({ kind: 'interval', everyMs: 90_000 })
    expect((await specOf({ when: 'once', at: '2099-03-01T08:30:00', zone: 'Asia/Taipei' })).times).toEqual({ kind: 'once', atMs: Date.parse('2099-03-01T00:30:00Z') })
    expect((await specOf({ when: 'once', at: '2099-03-01T08:30:00+01:00' })).times).toEqual({ kind: 'once', atMs: Date.parse('2099-03-01T07:30:00Z') })
    expect(await specOf({ cron: '* * * * *', overlap: 'queue', missed: 'all', jitterSeconds: 5, attempts: 3 })).toMatchObject({ overlap: 'queue', missed: 'all', jitterMs: 5000, attempts: 3 })
  })

  it('is refused when its times never come or cannot be read', () => {
    expect(problemsOf({ cron: '0 0 30 2 *' })).toEqual([['schedule.never', 'cron', 'error']])
    expect(problemsOf({ cron: '0 0 31 4,6 *' })).toEqual([['schedule.never', 'cron', 'error']])
    for (const cron of ['', 'often', '99 * * * *', '* * *', '2099-01-01T00:00:00']) expect(problemsOf({ cron })).toEqual([['schedule.cron', 'cron', 'error']])
    expect(problemsOf({ cron: '* * * * *', zone: 'Taipei' })).toEqual([['schedule.zone', 'zone', 'error']])
    for (const at of ['', 'tomorrow', '2099-13-45T00:00:00', '2099']) expect(problemsOf({ when: 'once', at })).toEqual([['schedule.at', 'at', 'error']])
    expect(checkNode(schedule, { when: 'interval', everySeconds: 0 })).toMatchObject([{ code: 'config.invalid' }])
    expect(checkNode(inject, { crontab: '0 0 30 2 *', props: [] })).toMatchObject([{ code: 'inject.cron' }])
  })

  it('only warns of a time that has passed, so that a gateway can start again with it', () => {
    expect(problemsOf({ when: 'once', at: '2020-01-01T00:00:00Z' })).toEqual([['schedule.past', 'at', 'warning']])
  })

  it('starts runs by the clock, and says which time it was', async () => {
    const nodes = estate(flow('clock').line().node('schedule', { when: 'interval', everySeconds: 1, overlap: 'parallel' }).node('debug', { active: true, complete: 'true', targetType: 'full', tosidebar: true }, 0))
    await using gateway = await startGateway({ nodes })
    const heard = () => gateway.events.filter((event) => event.kind === 'debug').map((event) => event.entry.msg as { payload: string; schedule: { scheduledAt: string }; job: { attempt: number; key: string } })
    await expect.poll(() => heard().length, { timeout: 10_000 }).toBeGreaterThanOrEqual(2)
    const [one, two] = heard()
    expect(one).toMatchObject({ payload: one!.schedule.scheduledAt, job: { attempt: 1, key: expect.any(String) } })
    expect(Date.parse(two!.payload) - Date.parse(one!.payload)).toBe(1000)
    expect(two!.job.key).not.toBe(one!.job.key)
  })
})
