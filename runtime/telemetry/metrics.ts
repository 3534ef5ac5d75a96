import { Counter, Gauge, Registry } from 'prom-client'
import type { RunRecorder } from '../core/deployment.ts'
import { addProcessMetrics } from './process-metrics.ts'
import { createQueueMetrics } from './queue-metrics.ts'
import { createRunMetrics } from './run-metrics.ts'
import { createUpstreamMetrics } from './upstream-metrics.ts'
import { createNodeMetrics } from './trace/node-metrics.ts'

export interface Metrics {
  /** Gets every run's summary. */
  readonly runs: RunRecorder
  /** Gets every run that was traced. */
  readonly traced: ReturnType<typeof createNodeMetrics>
  /** Is told what became of those who came to a line; `watch` says which lines there are. */
  readonly queues: ReturnType<typeof createQueueMetrics>
  /** Is told what becomes of calls to upstreams that remember; `watch` says which there are. */
  readonly upstreams: ReturnType<typeof createUpstreamMetrics>
  /**
   * Adds one to the counter `sluice_<name>_total`, made when first counted. Labels must be few and bounded: codes,
   * classes, ids of flows; never a path, an address or a user. The first call says which labels there are.
   */
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void
  /** Shows `sluice_<name>`; `read` is asked at each scrape. */
  gauge(name: string, help: string, read: () => number): void
  /** Shows `sluice_<name>_total` by one label, whose values are few; `read` is asked at each scrape. */
  totals(name: string, help: string, label: string, read: () => Iterable<readonly [string, number]>): void
  /** Prometheus text exposition format. */
  text(): Promise<string>
  readonly contentType: string
}

/** Series a counter keeps before further label values become `other`. */
const mostSeries = 1000

/** Metrics of one process. Opens nothing and starts no timer besides Node's own event loop monitor. */
export function createMetrics(options: { readonly process?: boolean } = {}): Metrics {
  const registry = new Registry()
  if (options.process !== false) addProcessMetrics(registry)
  const counters = new Map<string, { readonly counter: Counter; readonly names: readonly string[]; readonly seen: Set<string> }>()

  return {
    runs: createRunMetrics(registry),
    traced: createNodeMetrics(registry),
    queues: createQueueMetrics(registry),
    upstreams: createUpstreamMetrics(registry),
    count(name, labels = {}, by = 1) {
      let known = counters.get(name)
      if (!known) {
        const names = Object.keys(labels)
        const counter = new Counter({ name: `sluice_${name}_total`, help: `Number of ${name.replaceAll('_', ' ')}.`, labelNames: names, registers: [registry] })
        known = { counter, names, seen: new Set() }
        counters.set(name, known)
      }
      const { counter, names, seen } = known
      const values: Record<string, string> = {}
      for (const label of names) values[label] = labels[label] ?? ''
      const series = Object.values(values).join('\n')
      if (!seen.has(series)) {
        if (seen.size >= mostSeries) for (const label of names) values[label] = 'other'
        else seen.add(series)
      }
      counter.inc(values, by)
    },
    gauge(name, help, read) {
      const gauge: Gauge = new Gauge({
        name: `sluice_${name}`,
        help,
        registers: [registry],
        collect: () => gauge.set(read()),
      })
    },
    totals(name, help, label, read) {
      const counter: Counter = new Counter({
        name: `sluice_${name}_total`,
        help,
        labelNames: [label],
        registers: [registry],
        collect() {
          counter.reset()
          for (const [value, total] of read()) counter.inc({ [label]: value }, total)
        },
      })
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
