import { Counter, type Registry } from 'prom-client'
import { BoundedMap } from '../../core/bounded-map.ts'
import type { LinkedNode } from '../../core/pipeline.ts'
import { createArrayHistogram, type HistogramSeries } from '../array-histogram.ts'
import type { RunNotes } from './run-notes.ts'

/** Series kept of each metric; what comes after counts as `other`. */
const mostSeries = 5000
const bounds = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
const hostsKept = 1000

/** How long nodes and callouts of traced runs took, and how they failed. One entry for each node that is drawn: no path, no caller. */
export function createNodeMetrics(registry: Registry): (notes: RunNotes) => void {
  const traced = new Counter({ name: 'sluice_traced_runs_total', help: 'Runs that were written down.', labelNames: ['flow', 'why'], registers: [registry] })
  const faults = new Counter({ name: 'sluice_node_faults_total', help: 'Faults of nodes in traced runs.', labelNames: ['flow', 'node', 'code'], registers: [registry] })
  const stepsOf = createArrayHistogram(registry, { name: 'sluice_node_duration_seconds', help: 'How long nodes took in traced runs.', labelNames: ['flow', 'node', 'type'], bounds, mostSeries })
  const calloutsOf = createArrayHistogram(registry, { name: 'sluice_callout_duration_seconds', help: 'How long callouts took in traced runs.', labelNames: ['node', 'host', 'status'], bounds, mostSeries })
  const steps = new WeakMap<LinkedNode, HistogramSeries>()
  const hosts = new BoundedMap<string>(hostsKept)
  const seen = [new Set<string>(), new Set<string>()] as const

  function within<T extends Record<string, string>>(at: 0 | 1, labels: T): T {
    const series = Object.values(labels).join('\n')
    if (seen[at].has(series)) return labels
    if (seen[at].size >= mostSeries) return Object.fromEntries(Object.keys(labels).map((name) => [name, 'other'])) as T
    seen[at].add(series)
    return labels
  }

  function stepOf(node: LinkedNode): HistogramSeries {
    const known = steps.get(node)
    if (known) return known
    const made = stepsOf({ flow: node.flow, node: node.id, type: node.type })
    steps.set(node, made)
    return made
  }

  function hostOf(url: string): string {
    const known = hosts.get(url)
    if (known !== undefined) return known
    const host = URL.canParse(url) ? new URL(url).host : 'none'
    hosts.set(url, host)
    return host
  }

  return ({ run, watch, steps: taken, callouts: made }) => {
    traced.inc(within(0, { flow: run.flow, why: watch === undefined ? 'sample' : 'watch' }))
    for (const { node, tookMs, fault } of taken) {
      if (tookMs !== undefined) stepOf(node).observe(tookMs / 1000)
      if (fault) faults.inc(within(1, { flow: node.flow, node: node.id, code: fault.code }))
    }
    for (const { node, url, status, fault, tookMs } of made) {
      calloutsOf({ node, host: hostOf(url), status: status === undefined ? (fault ?? 'none') : `${Math.floor(status / 100)}xx` }).observe((tookMs ?? 0) / 1000)
    }
  }
}
