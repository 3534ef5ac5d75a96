import { Counter, Histogram, type Registry } from 'prom-client'
import type { RunNotes } from './run-notes.ts'

/** Series kept of each metric; what comes after counts as `other`. */
const mostSeries = 5000
const buckets = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]

/** How long nodes and callouts of traced runs took, and how they failed. One entry for each node that is drawn: no path, no caller. */
export function createNodeMetrics(registry: Registry): (notes: RunNotes) => void {
  const traced = new Counter({ name: 'sluice_traced_runs_total', help: 'Runs that were written down.', labelNames: ['flow', 'why'], registers: [registry] })
  const steps = new Histogram({ name: 'sluice_node_duration_seconds', help: 'How long nodes took in traced runs.', labelNames: ['flow', 'node', 'type'], buckets, registers: [registry] })
  const faults = new Counter({ name: 'sluice_node_faults_total', help: 'Faults of nodes in traced runs.', labelNames: ['flow', 'node', 'code'], registers: [registry] })
  const callouts = new Histogram({ name: 'sluice_callout_duration_seconds', help: 'How long callouts took in traced runs.', labelNames: ['node', 'host', 'status'], buckets, registers: [registry] })
  const bounded = [traced, steps, faults, callouts].map(() => new Set<string>())

  function within<T extends Record<string, string>>(at: number, labels: T): T {
    const seen = bounded[at] as Set<string>
    const series = Object.values(labels).join('\n')
    if (seen.has(series)) return labels
    if (seen.size >= mostSeries) return Object.fromEntries(Object.keys(labels).map((name) => [name, 'other'])) as T
    seen.add(series)
    return labels
  }

  return ({ run, watch, steps: taken, callouts: made }) => {
    traced.inc(within(0, { flow: run.flow, why: watch === undefined ? 'sample' : 'watch' }))
    for (const { node, tookMs, fault } of taken) {
      if (tookMs !== undefined) steps.observe(within(1, { flow: node.flow, node: node.id, type: node.type }), tookMs / 1000)
      if (fault) faults.inc(within(2, { flow: node.flow, node: node.id, code: fault.code }))
    }
    for (const { node, url, status, fault, tookMs } of made) {
      const host = URL.canParse(url) ? new URL(url).host : 'none'
      callouts.observe(within(3, { node, host, status: status === undefined ? (fault ?? 'none') : `${Math.floor(status / 100)}xx` }), (tookMs ?? 0) / 1000)
    }
  }
}
