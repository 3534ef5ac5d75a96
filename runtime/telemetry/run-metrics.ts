import { Counter, Histogram, type Registry } from 'prom-client'
import type { RunRecorder, RunSummary } from '../core/deployment.ts'
import { methods } from '../core/http/methods.ts'

/** Upper bounds of the duration buckets, in seconds. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const boundsMs = bounds.map((bound) => bound * 1000)
const named: ReadonlySet<string> = new Set(methods)
/** Series kept; what comes after shares one, so that no estate can fill the memory of who scrapes it. */
const mostSeries = 20_000

/** Counts of one flow, route and method. */
interface Series {
  /** The list of the recorder that made it. */
  readonly of: readonly Series[]
  readonly flow: string
  readonly on: string
  readonly route: string
  readonly method: string
  /** By first digit of the status; 0 for runs without one. */
  readonly runs: Float64Array
  readonly buckets: Float64Array
  sumSeconds: number
}

/**
 * Runs as metrics. A run adds to plain arrays and nothing else; Prometheus' own types are filled when somebody
 * scrapes. Labels are the flow, the route pattern (never a path), the method and the class of the status.
 */
export function createRunMetrics(registry: Registry): RunRecorder {
  /** Node id → its series by method; nearly every entry has one. */
  const byNode = new Map<string, Series[]>()
  const all: Series[] = []
  const other = newSeries(all, 'other', 'other', 'other', 'other')

  function seriesOf(summary: RunSummary): Series {
    const mark = summary.marks?.series as Series | undefined
    if (mark?.of === all && mark.method === summary.method && mark.route === summary.route) return mark
    const found = lookUp(summary)
    if (summary.marks) summary.marks.series = found
    return found
  }

  function lookUp(summary: RunSummary): Series {
    const list = byNode.get(summary.node)
    const route = summary.route ?? ''
    const method = summary.method ?? ''
    if (list) for (const one of list) if (one.route === route && (one.method === method || one.method === 'other')) return one
    if (all.length >= mostSeries) return other
    const known = method === '' || named.has(method) ? method : 'other'
    const made = newSeries(all, summary.flow, summary.on, route, known)
    all.push(made)
    if (list) list.push(made)
    else byNode.set(summary.node, [made])
    return made
  }

  const total: Counter = new Counter({
    name: 'sluice_runs_total',
    help: 'Runs that ended.',
    labelNames: ['flow', 'on', 'route', 'method', 'status'],
    registers: [registry],
    collect() {
      total.reset()
      for (const series of [...all, other]) {
        for (const [digit, count] of series.runs.entries()) {
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
      const series = seriesOf(summary)
      const status = summary.status === undefined ? 0 : Math.floor(summary.status / 100)
      series.runs[status] = (series.runs[status] as number) + 1
      series.sumSeconds += summary.tookMs / 1000
      let bucket = 0
      while (bucket < boundsMs.length && summary.tookMs > (boundsMs[bucket] as number)) bucket++
      series.buckets[bucket] = (series.buckets[bucket] as number) + 1
    },
  }
}

function newSeries(of: readonly Series[], flow: string, on: string, route: string, method: string): Series {
  return { of, flow, on, route, method, runs: new Float64Array(10), buckets: new Float64Array(bounds.length + 1), sumSeconds: 0 }
}

function labelsOf(series: Series): { flow: string; on: string; route: string; method: string } {
  const { flow, on, route, method } = series
  return { flow, on, route, method }
}

function countOf(series: Series): number {
  let count = 0
  for (const one of series.buckets) count += one
  return count
}

function histogramOf(list: readonly Series[]): object {
  const metricName = 'sluice_run_duration_seconds'
  const values: object[] = []
  for (const series of list) {
    const labels = labelsOf(series)
    let count = 0
    for (const [place, bound] of bounds.entries()) {
      count += series.buckets[place] as number
      values.push({ labels: { le: bound, ...labels }, value: count, metricName: `${metricName}_bucket` })
    }
    count += series.buckets[bounds.length] as number
    values.push({ labels: { le: '+Inf', ...labels }, value: count, metricName: `${metricName}_bucket` })
    values.push({ labels, value: series.sumSeconds, metricName: `${metricName}_sum` })
    values.push({ labels, value: count, metricName: `${metricName}_count` })
  }
  return { name: metricName, help: 'From the arrival of a run to its end.', type: 'histogram', values, aggregator: 'sum' }
}
