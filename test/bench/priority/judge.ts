import { median, percentile } from '../rounds.ts'
import { maxWaitMs, serviceMs, slots } from './contestants.ts'
import type { Counts } from './counts.ts'
import type { Sample } from './open-load.ts'

/** What the backend says of itself. */
export interface BackendStats {
  readonly busyMs: number
  readonly served: number
  readonly medianMs: number
  readonly most: number
}

export interface ClassResult {
  readonly priority: number
  readonly sent: number
  readonly served: number
  readonly refused: number
  readonly broken: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
}

export interface Verdict {
  /** Busy slot time ÷ slots × seconds, as the backend counts. */
  readonly capacityUsed: number
  /** p99 of priority 0 ÷ the median service time that the backend measured. */
  readonly vipP99Ratio: number
  readonly vipRefused: number
  /** Of what the backend can do, the part that went to priority 9. */
  readonly lowShare: number
  readonly lowLongestMs: number
  /** How much later than its longest wait somebody was told no. */
  readonly refusalLateMs: number
  /** Median of what refused callers were told ÷ how long those of their class really waited at that time. */
  readonly retryAfterRatio: number
  /** Seconds in which a more important class had a higher p50 or p99. */
  readonly disorderedSeconds: number
  readonly seconds: number
  readonly classes: readonly ClassResult[]
  readonly counts: Counts
  readonly asked: number
  readonly turns: number
  /** How long the backend's slot stood empty between one turn and the next. */
  readonly idlePerTurnMs: number
  /** Median, as the backend measured it. */
  readonly serviceMs: number
  /** p99 by second and class, for the chart. */
  readonly series: readonly { readonly priority: number; readonly p99Ms: readonly (number | undefined)[] }[]
}

/** Classes compared second by second differ by more than the clock's own jitter. */
const jitterMs = 3

/** Looks at what came back between two times of the load, by when it was due. */
export function judge(samples: readonly Sample[], stats: BackendStats, counts: Counts, fromMs: number, toMs: number): Verdict {
  const counted = samples.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
  const priorities = [...new Set(counted.map(({ priority }) => priority))].toSorted((a, b) => a - b)
  const seconds = Math.floor((toMs - fromMs) / 1000)
  const ok = counted.filter(({ status }) => status === 200)
  const of = (priority: number, list = counted) => list.filter((sample) => sample.priority === priority)
  const classes = priorities.map((priority): ClassResult => {
    const served = of(priority, ok).map(({ tookMs }) => tookMs)
    const all = of(priority)
    return { priority, sent: all.length, served: served.length, refused: all.filter(({ status }) => status === 503).length, broken: all.filter(({ status }) => status !== 200 && status !== 503).length, p50Ms: percentile(served, 50), p99Ms: percentile(served, 99), longestMs: Math.max(0, ...served) }
  })
  const secondsOf = (priority: number) => Array.from({ length: seconds }, (_, at) => of(priority, ok).filter(({ atMs }) => Math.floor((atMs - fromMs) / 1000) === at).map(({ tookMs }) => tookMs))
  const bySecond = priorities.map((priority) => ({ priority, values: secondsOf(priority) }))
  let disorderedSeconds = 0
  for (let at = 0; at < seconds; at += 1) {
    const present = bySecond.map(({ values }) => values[at] as number[]).filter((values) => values.length > 0)
    const worse = (percent: number) => present.some((values, index) => index > 0 && percentile(present[index - 1] as number[], percent) > percentile(values, percent) + jitterMs)
    if (worse(50) || worse(99)) disorderedSeconds += 1
  }
  const refused = counted.filter(({ status }) => status === 503)
  const ratios = refused.flatMap(({ priority, atMs, retryAfterMs }) => {
    if (retryAfterMs === undefined) return []
    const waits = of(priority, ok).filter((other) => Math.abs(other.atMs - atMs) < 250).map(({ tookMs }) => tookMs - stats.medianMs)
    return waits.length > 0 ? [retryAfterMs / Math.max(1, median(waits))] : []
  })
  const low = classes.at(-1)
  const vip = classes[0]
  return {
    capacityUsed: stats.busyMs / (slots * (toMs - fromMs)),
    vipP99Ratio: (vip?.p99Ms ?? Number.NaN) / stats.medianMs,
    vipRefused: vip?.refused ?? 0,
    lowShare: (low?.served ?? 0) / ((slots * (toMs - fromMs)) / serviceMs),
    lowLongestMs: low?.longestMs ?? 0,
    refusalLateMs: Math.max(0, ...refused.map(({ tookMs }) => tookMs - maxWaitMs)),
    retryAfterRatio: ratios.length > 0 ? median(ratios) : Number.NaN,
    disorderedSeconds,
    seconds,
    classes,
    counts,
    asked: counted.length,
    turns: stats.served,
    idlePerTurnMs: (slots * (toMs - fromMs) - stats.busyMs) / Math.max(1, stats.served),
    serviceMs: stats.medianMs,
    series: bySecond.map(({ priority, values }) => ({ priority, p99Ms: values.map((list) => (list.length > 0 ? percentile(list, 99) : undefined)) })),
  }
}
