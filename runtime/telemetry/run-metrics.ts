import { Counter, Histogram, type Registry } from 'prom-client'
import type { RunRecorder, RunSummary } from '../core/deployment.ts'
import { methods } from '../core/http/methods.ts'

/** Upper bounds of the duration buckets, in seconds. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const boundsMs = bounds.map((bound) => bound * 1000)
const named: ReadonlySet<string> = new Set(methods)
/** Series kept; what comes after shares one, so that no estate can fill the memory of who scrapes it. */
const mostSeries = 20_000

/**
 * Counts of one series lie together among those of many: an estate of ten thousand routes has each call touch other memory,
 * and every line of it that is not in the processor's cache costs a tenth of a microsecond. In a place are: the sum of seconds; runs by
 * the first digit of their status, 0 for those without one; the buckets of durations; and the digits that no answer has.
 */
const place = 32
const sumAt = 0
const usualDigits = 6
const bucketsAt = 1 + usualDigits
const placesTogether = 256
const runsAt = (digit: number): number => (digit < usualDigits ? 1 + digit : bucketsAt + bounds.length + 1 + digit - usualDigits)

/** Counts of one flow, route and method. */
interface Series {
  readonly method: string
  readonly route: string
  /** Where its counts lie, and from which index on. */
  readonly counts: Float64Array
  readonly at: number
  readonly flow: string
  readonly on: string
}

/**
 * Runs as metrics. A run adds to plain arrays and nothing else; Prometheus' own types are filled when somebody
 * scrapes. Labels are the flow, the route pattern (never a path), the method and the class of the status.
 */
export function createRunMetrics(registry: Registry): RunRecorder {
  /** Node id → its series by method; nearly every entry has one. */
  const byNode = new Map<string, Series[]>()
  const all: Series[] = []
  let counts = new Float64Array(0)
  let taken = 0
  const other = newSeries('other', 'other', 'other', 'other')

  function lookUp(summary: RunSummary): Series {
    const list = byNode.get(summary.node)
    const route = summary.route ?? ''
    const method = summary.method ?? ''
    if (list) for (const one of list) if (one.route === route && (one.method === method || one.method === 'other')) return one
    if (all.length >= mostSeries) return other
    const known = method === '' || named.has(method) ? method : 'other'
    const made = newSeries(summary.flow, summary.on, route, known)
    all.push(made)
    if (list) list.push(made)
    else byNode.set(summary.node, [made])
    return made
  }

  function newSeries(flow: string, on: string, route: string, method: string): Series {
    if (taken === counts.length) {
      counts = new Float64Array(place * placesTogether)
      taken = 0
    }
    taken += place
    return { method, route, counts, at: taken - place, flow, on }
  }

  const total: Counter = new Counter({
    name: 'sluice_runs_total',
    help: 'Runs that ended.',
    labelNames: ['flow', 'on', 'route', 'method', 'status'],
    registers: [registry],
    collect() {
      total.reset()
      for (const series of [...all, other]) {
        for (let digit = 0; digit < 10; digit++) {
          const count = series.counts[series.at + runsAt(digit)] as number
          if (count > 0) total.inc({ ...labelsOf(series), status: digit === 0 ? 'none' : `${digit}xx` }, count)
        }
      }
    },
  })
  // The histogram is only a name and a help text for the registry; its values come from the arrays.
  const durations = new Histogram({
    name: 'sluice_run_duration_seconds',
    help: 'From the arrival of a run to its end.',
    labelNames: ['flow', 'on', 'route', 'method'],
    buckets: bounds,
    registers: [registry],
  })
  const collect = (): Promise<never> => Promise.resolve(histogramOf([...all, other].filter((series) => countOf(series) > 0)) as never)
  // The registry asks by the second name when it makes text.
  Object.assign(durations, { get: collect, getForPromString: collect })

  return {
    record(summary) {
      const { marks } = summary
      if (marks === undefined) {
        const { counts, at } = lookUp(summary)
        return add(counts, at, summary)
      }
      if (marks.counts === undefined || marks.countsOf !== all || marks.countsMethod !== summary.method) {
        const { counts, at } = lookUp(summary)
        marks.countsOf = all
        marks.countsMethod = summary.method
        marks.counts = counts
        marks.countsAt = at
      }
      add(marks.counts, marks.countsAt as number, summary)
    },
  }
}

function add(counts: Float64Array, at: number, summary: RunSummary): void {
  const run = at + runsAt(summary.status === undefined ? 0 : Math.floor(summary.status / 100))
  counts[run] = (counts[run] as number) + 1
  counts[at + sumAt] = (counts[at + sumAt] as number) + summary.tookMs / 1000
  let bucket = 0
  while (bucket < boundsMs.length && summary.tookMs > (boundsMs[bucket] as number)) bucket++
  const lasted = at + bucketsAt + bucket
  counts[lasted] = (counts[lasted] as number) + 1
}

function labelsOf(series: Series): { flow: string; on: string; route: string; method: string } {
  const { flow, on, route, method } = series
  return { flow, on, route, method }
}

function countOf(series: Series): number {
  let count = 0
  for (let bucket = 0; bucket <= bounds.length; bucket++) count += inBucket(series, bucket)
  return count
}

function inBucket({ counts, at }: Series, bucket: number): number {
  return counts[at + bucketsAt + bucket] as number
}

function histogramOf(list: readonly Series[]): object {
  const metricName = 'sluice_run_duration_seconds'
  const values: object[] = []
  for (const series of list) {
    const labels = labelsOf(series)
    let count = 0
    for (const [bucket, bound] of bounds.entries()) {
      count += inBucket(series, bucket)
      values.push({ labels: { le: bound, ...labels }, value: count, metricName: `${metricName}_bucket` })
    }
    count += inBucket(series, bounds.length)
    values.push({ labels: { le: '+Inf', ...labels }, value: count, metricName: `${metricName}_bucket` })
    values.push({ labels, value: series.counts[series.at + sumAt], metricName: `${metricName}_sum` })
    values.push({ labels, value: count, metricName: `${metricName}_count` })
  }
  return { name: metricName, help: 'From the arrival of a run to its end.', type: 'histogram', values, aggregator: 'sum' }
}
