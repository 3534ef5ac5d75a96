import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { LineObserver } from '../core/lines/line-observer.ts'
import type { LineFacts, NoTurn } from '../core/lines/lines.ts'
import { priorities, type Priority } from '../core/lines/priority.ts'

/** What is asked of the lines when somebody scrapes. */
export interface LineView {
  facts(): LineFacts
  /** How long somebody of this class who came now would wait. */
  estimateMs?(priority: Priority): number
}

/** Upper bounds of the wait buckets, in seconds. */
const bounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const boundsMs = bounds.map((bound) => bound * 1000)
/** Lines with series of their own; those that come after share one. */
const mostLines = 200
const reasons: readonly NoTurn[] = ['full', 'evicted', 'hopeless', 'expired', 'closed', 'lost', 'unavailable']
/** Place of those whom nobody asked, because there was room. */
const unasked = priorities

/** What became of those who came to one line, by class. */
class Counts {
  readonly line: string
  readonly served = new Float64Array(priorities + 1)
  readonly waitSeconds = new Float64Array(priorities + 1)
  readonly buckets = Array.from({ length: priorities + 1 }, () => new Float64Array(bounds.length + 1))
  readonly refused = Array.from({ length: priorities }, () => new Float64Array(reasons.length))

  constructor(line: string) {
    this.line = line
  }
}

/**
 * Lines as metrics: how many wait, how long those waited who were served, who was refused and why; by line and class. What is
 * noted goes to plain arrays; Prometheus' own types are filled when somebody scrapes.
 */
export function createQueueMetrics(registry: Registry): LineObserver & { watch(lines: () => readonly LineView[]): void } {
  const byLine = new Map<string, Counts>()
  const other = new Counts('other')
  let lines: () => readonly LineView[] = () => []

  function countsOf(line: string): Counts {
    const known = byLine.get(line)
    if (known) return known
    if (byLine.size >= mostLines) return other
    const made = new Counts(line)
    byLine.set(line, made)
    return made
  }

  const all = () => [...byLine.values(), ...(other.served.some((count) => count > 0) ? [other] : [])]
  /** Facts with the name that their series have. */
  const views = () => lines().slice(0, mostLines).map((view) => ({ view, facts: view.facts() }))

  const served: Counter = new Counter({
    name: 'sluice_queue_served_total', help: 'Calls that got their turn. Priority "none": there was room, and nobody was asked.', labelNames: ['line', 'priority'], registers: [registry],
    collect() {
      served.reset()
      for (const counts of all()) for (const [at, count] of counts.served.entries()) if (count > 0) served.inc({ line: counts.line, priority: labelOf(at) }, count)
    },
  })
  const refused: Counter = new Counter({
    name: 'sluice_queue_refused_total', help: 'Calls that got no turn.', labelNames: ['line', 'priority', 'reason'], registers: [registry],
    collect() {
      refused.reset()
      for (const counts of all()) {
        for (const [at, list] of counts.refused.entries()) {
          for (const [place, count] of list.entries()) if (count > 0) refused.inc({ line: counts.line, priority: labelOf(at), reason: reasons[place] as string }, count)
        }
      }
    },
  })
  const gauge = (name: string, help: string, labelNames: string[], fill: (gauge: Gauge) => void): void => {
    const made: Gauge = new Gauge({
      name: `sluice_queue_${name}`, help, labelNames, registers: [registry],
      collect() {
        made.reset()
        fill(made)
      },
    })
  }
  gauge('waiting', 'Calls that wait for their turn.', ['line', 'priority'], (made) => {
    for (const { facts } of views()) for (const [at, count] of facts.waiting.entries()) made.set({ line: facts.name, priority: labelOf(at) }, count)
  })
  gauge('under_way', 'Calls that hold a slot.', ['line'], (made) => {
    for (const { facts } of views()) made.set({ line: facts.name }, facts.active.reduce((sum, count) => sum + count, 0))
  })
  gauge('slots', 'Calls that may hold a slot at once.', ['line'], (made) => {
    for (const { facts } of views()) if (Number.isFinite(facts.slots)) made.set({ line: facts.name }, facts.slots)
  })
  gauge('longest_wait_seconds', 'How long the call has waited that waits longest: what an autoscaler should look at.', ['line'], (made) => {
    for (const { facts } of views()) made.set({ line: facts.name }, facts.longestWaitMs / 1000)
  })
  gauge('expected_wait_seconds', 'How long a call of this priority that came now would wait.', ['line', 'priority'], (made) => {
    for (const { view, facts } of views()) {
      if (!view.estimateMs) continue
      for (let at = 0; at < priorities; at += 1) made.set({ line: facts.name, priority: labelOf(at) }, view.estimateMs(at as Priority) / 1000)
    }
  })
  const name = 'sluice_queue_wait_seconds'
  const help = 'How long calls waited that got their turn.'
  // The histogram is only a name and a help text for the registry; its values come from the arrays.
  const waits = new Histogram({ name, help, labelNames: ['line', 'priority'], buckets: bounds, registers: [registry] })
  const collect = (): Promise<never> => Promise.resolve({ name, help, type: 'histogram', values: all().flatMap(toValues), aggregator: 'sum' } as never)
  Object.assign(waits, { get: collect, getForPromString: collect })

  function toValues(counts: Counts): object[] {
    const values: object[] = []
    for (const [at, list] of counts.buckets.entries()) {
      if (counts.served[at] === 0) continue
      const labels = { line: counts.line, priority: labelOf(at) }
      let count = 0
      for (const [place, bound] of bounds.entries()) {
        count += list[place] as number
        values.push({ labels: { le: bound, ...labels }, value: count, metricName: `${name}_bucket` })
      }
      count += list[bounds.length] as number
      values.push({ labels: { le: '+Inf', ...labels }, value: count, metricName: `${name}_bucket` })
      values.push({ labels, value: counts.waitSeconds[at], metricName: `${name}_sum` }, { labels, value: count, metricName: `${name}_count` })
    }
    return values
  }

  return {
    served(line, priority, waitedMs) {
      const counts = countsOf(line)
      const at = priority ?? unasked
      counts.served[at]! += 1
      counts.waitSeconds[at]! += waitedMs / 1000
      let bucket = 0
      while (bucket < boundsMs.length && waitedMs > (boundsMs[bucket] as number)) bucket += 1
      counts.buckets[at]![bucket]! += 1
    },
    refused(line, priority, reason) {
      countsOf(line).refused[priority]![reasons.indexOf(reason)]! += 1
    },
    watch(given) {
      lines = given
    },
  }
}

function labelOf(at: number): string {
  return at === unasked ? 'none' : String(at)
}
