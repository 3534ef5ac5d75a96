import { Counter, Gauge, type Registry } from 'prom-client'
import type { ServiceFacts, UpstreamObserver } from '../core/upstream/upstream-service.ts'

/** Upstreams with series of their own; those that come after share one. */
const mostUpstreams = 200
const breakerStates = { none: -1, closed: 0, 'half-open': 1, open: 2 } as const

/** What is noted of one upstream, in plain numbers: Prometheus' own types are filled when somebody scrapes. */
interface Counts {
  readonly ended: Map<string, { count: number; seconds: number }>
  retries: number
  hedges: number
  ejections: number
}

/** Upstreams that remember, as metrics: calls by outcome, retries, servers left out, and how the breaker stands. */
export function createUpstreamMetrics(registry: Registry): UpstreamObserver & { watch(services: () => readonly ServiceFacts[]): void } {
  const byName = new Map<string, Counts>()
  let services: () => readonly ServiceFacts[] = () => []

  function countsOf(upstream: string): Counts {
    const name = byName.has(upstream) || byName.size < mostUpstreams ? upstream : 'other'
    const known = byName.get(name)
    if (known) return known
    const made: Counts = { ended: new Map(), retries: 0, hedges: 0, ejections: 0 }
    byName.set(name, made)
    return made
  }

  const counter = (name: string, help: string, labelNames: string[], fill: (counter: Counter) => void): void => {
    const made: Counter = new Counter({
      name: `sluice_upstream_${name}`, help, labelNames, registers: [registry],
      collect() {
        made.reset()
        fill(made)
      },
    })
  }
  const gauge = (name: string, help: string, labelNames: string[], fill: (gauge: Gauge) => void): void => {
    const made: Gauge = new Gauge({
      name: `sluice_upstream_${name}`, help, labelNames, registers: [registry],
      collect() {
        made.reset()
        fill(made)
      },
    })
  }
  counter('calls_total', 'Calls to an upstream with all their tries, by how they ended: ok, status (500 and above), aborted, or the last word of the fault.', ['upstream', 'outcome'], (made) => {
    for (const [upstream, { ended }] of byName) for (const [outcome, { count }] of ended) made.inc({ upstream, outcome }, count)
  })
  counter('call_seconds_total', 'Time that calls to an upstream took, tries and pauses together.', ['upstream', 'outcome'], (made) => {
    for (const [upstream, { ended }] of byName) for (const [outcome, { seconds }] of ended) made.inc({ upstream, outcome }, seconds)
  })
  counter('retries_total', 'Tries after the first.', ['upstream'], (made) => {
    for (const [upstream, { retries }] of byName) made.inc({ upstream }, retries)
  })
  counter('hedges_total', 'Second tries beside a slow one.', ['upstream'], (made) => {
    for (const [upstream, { hedges }] of byName) made.inc({ upstream }, hedges)
  })
  counter('ejections_total', 'Times that a server was left out because it failed.', ['upstream'], (made) => {
    for (const [upstream, { ejections }] of byName) made.inc({ upstream }, ejections)
  })
  gauge('breaker', 'How the circuit breaker stands: 0 closed, 1 half-open, 2 open.', ['upstream'], (made) => {
    for (const { name, breaker } of services().slice(0, mostUpstreams)) if (breaker !== 'none') made.set({ upstream: name }, breakerStates[breaker])
  })
  gauge('under_way', 'Calls under way.', ['upstream'], (made) => {
    for (const { name, inFlight } of services().slice(0, mostUpstreams)) made.inc({ upstream: name }, inFlight)
  })
  gauge('waiting', 'Calls that wait for a place.', ['upstream'], (made) => {
    for (const { name, waiting } of services().slice(0, mostUpstreams)) made.inc({ upstream: name }, waiting)
  })
  gauge('servers', 'Servers of an upstream: up, left out for a while (ejected), or down by their health check.', ['upstream', 'state'], (made) => {
    for (const { name, instances } of services().slice(0, mostUpstreams)) for (const { state } of instances) made.inc({ upstream: name, state }, 1)
  })

  return {
    ended(upstream, outcome, tookMs) {
      const { ended } = countsOf(upstream)
      let entry = ended.get(outcome)
      if (!entry) ended.set(outcome, (entry = { count: 0, seconds: 0 }))
      entry.count += 1
      entry.seconds += tookMs / 1000
    },
    retried: (upstream) => void (countsOf(upstream).retries += 1),
    hedged: (upstream) => void (countsOf(upstream).hedges += 1),
    ejected: (upstream) => void (countsOf(upstream).ejections += 1),
    watch(given) {
      services = given
    },
  }
}
