import type { AttemptEnd } from '../../runtime/core/jobs/jobs.ts'
import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode } from '../../runtime/core/node.ts'
import type { Tick } from '../../runtime/core/jobs/schedules.ts'
import { toAttemptEnd } from '../shared/jobs/attempt-end.ts'
import { toRunJob } from '../shared/jobs/run-job.ts'
import { checkWhen, toTimes, type WhenConfig } from './when.ts'

export interface ScheduleConfig extends WhenConfig {
  readonly overlap: 'skip' | 'queue' | 'parallel'
  readonly missed: 'skip' | 'once' | 'all'
  readonly jitterSeconds: number
  readonly attempts: number
  readonly timeoutMs: number
}

const firstPauseMs = 5000

/** Starts a run by the clock, once for each time however many gateways there are. */
export const schedule = defineNode<ScheduleConfig, 'out'>({
  type: 'schedule',
  category: 'entry',
  label: { en: 'schedule', 'zh-TW': '排程' },
  summary: { en: 'Starts a run at set times, once in the whole cluster, and knows what it missed.', 'zh-TW': '在指定時間啟動執行；整個叢集只執行一次，並知道錯過了什麼。' },
  icon: 'fa-calendar',
  inputs: 0,
  outputs: ['out'],
  labels: unchanged,
  leaks: nothing,
  faults: ['job.unavailable', 'job.unsafe', 'job.no_key', 'job.full', 'job.cancelled'],
  config: {
    type: 'object',
    properties: {
      when: { enum: ['cron', 'interval', 'once'], default: 'cron', title: 'When', description: 'cron: by a rule. interval: again and again. once: at one time.' },
      cron: { type: 'string', default: '', title: 'Rule', description: 'Minute, hour, day of the month, month, day of the week: 30 8 * * MON-FRI. A sixth field in front is the second.', 'x-form': { when: { when: ['cron'] } } },
      zone: { type: 'string', default: '', title: 'Time zone', description: 'IANA name, such as Asia/Taipei. Empty: that of the gateway.', 'x-form': { when: { when: ['cron', 'once'] } } },
      everySeconds: { type: 'integer', minimum: 1, maximum: 31_536_000, default: 60, title: 'Every', description: 'Seconds.', 'x-form': { when: { when: ['interval'] } } },
      at: { type: 'string', default: '', title: 'At', description: '2027-03-01T08:30:00 in the zone, or with an offset: 2027-03-01T08:30:00+08:00.', 'x-form': { when: { when: ['once'] } } },
      overlap: { enum: ['skip', 'queue', 'parallel'], default: 'skip', title: 'When the one before still runs', description: 'skip: this time is left out. queue: it waits. parallel: both run.' },
      missed: { enum: ['skip', 'once', 'all'], default: 'skip', title: 'Missed times', description: 'While no gateway was there. skip: left out. once: the last is made up for. all: each is, a thousand at most.' },
      jitterSeconds: { type: 'integer', minimum: 0, maximum: 86_400, default: 0, title: 'Spread', description: 'Seconds; each run begins up to so much later, so that not all schedules begin together.' },
      attempts: { type: 'integer', minimum: 1, maximum: 100, default: 1, title: 'Attempts', description: 'For each time. What fails to the end is a dead letter.' },
      timeoutMs: { type: 'integer', minimum: 1, maximum: 86_400_000, default: 300_000, title: 'Longest run', description: 'Milliseconds.' },
    },
  },
  check: (config) => checkWhen(config),
  entry: ({ timeoutMs }) => ({ on: 'job', deadlineMs: timeoutMs }),
  compile(config, scope) {
    const times = toTimes(config)
    const { flow, id: node, revision } = scope.node

    scope.whenLive(() => scope.onRetire(scope.schedules.start({
      flow, node, revision, times, overlap: config.overlap, missed: config.missed, jitterMs: config.jitterSeconds * 1000, attempts: config.attempts, backoffMs: firstPauseMs,
    }, fire)))

    async function fire({ scheduledAtMs, attempt }: Tick): Promise<AttemptEnd> {
      const { facts } = attempt
      const job = toRunJob({ id: facts.id, attempt: facts.attempt, progress: (progress) => attempt.progress(progress) })
      const scheduledAt = new Date(scheduledAtMs).toISOString()
      const message: Message = {
        payload: scheduledAt, ...(scope.node.name ? { topic: scope.node.name } : {}),
        schedule: { scheduledAt, startedAt: new Date(scope.clock.now()).toISOString() }, job: { id: facts.id, attempt: facts.attempt, key: job.key },
      }
      return await toAttemptEnd(scope.runWork({ on: 'schedule', port: 'out', message, limitMs: config.timeoutMs, job }), attempt)
    }

    return () => undefined
  },
})
