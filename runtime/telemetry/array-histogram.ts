import { Histogram, type Registry } from 'prom-client'

export interface ArrayHistogramOptions<Label extends string> {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly Label[]
  /** Upper bounds, in seconds. */
  readonly bounds: readonly number[]
  /** Series kept; what comes after shares one whose labels are all `other`. */
  readonly mostSeries: number
}

/** Counts of one set of labels: adding costs a walk over a few bounds and nothing else. */
export interface HistogramSeries {
  observe(seconds: number): void
}

/** A histogram whose values lie in plain arrays; Prometheus' own form is made when somebody scrapes. */
export function createArrayHistogram<Label extends string>(registry: Registry, { name, help, labelNames, bounds, mostSeries }: ArrayHistogramOptions<Label>): (labels: Readonly<Record<Label, string>>) => HistogramSeries {
  const all = new Map<string, Series>()
  const other = Object.fromEntries(labelNames.map((label) => [label, 'other'])) as Record<Label, string>
  // Only a name and a help text for the registry; its values come from the arrays.
  const histogram = new Histogram({ name, help, labelNames: [...labelNames], buckets: [...bounds], registers: [registry] })
  const collect = (): Promise<never> => Promise.resolve({ name, help, type: 'histogram', values: [...all.values()].flatMap((series) => series.values(name)), aggregator: 'sum' } as never)
  // The registry asks by the second name when it makes text.
  Object.assign(histogram, { get: collect, getForPromString: collect })

  return function seriesOf(labels) {
    const key = labelNames.map((label) => labels[label]).join('\n')
    const known = all.get(key)
    if (known) return known
    if (all.size >= mostSeries && labels !== other) return seriesOf(other)
    const made = new Series(labels, bounds)
    all.set(key, made)
    return made
  }
}

class Series implements HistogramSeries {
  readonly #labels: Readonly<Record<string, string>>
  readonly #bounds: readonly number[]
  readonly #buckets: Float64Array
  #sum = 0

  constructor(labels: Readonly<Record<string, string>>, bounds: readonly number[]) {
    this.#labels = labels
    this.#bounds = bounds
    this.#buckets = new Float64Array(bounds.length + 1)
  }

  observe(seconds: number): void {
    let bucket = 0
    while (bucket < this.#bounds.length && seconds > (this.#bounds[bucket] as number)) bucket++
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1
    this.#sum += seconds
  }

  values(name: string): object[] {
    const labels = this.#labels
    let count = 0
    const buckets = [...this.#bounds, '+Inf'].map((bound, place) => {
      count += this.#buckets[place] as number
      return { labels: { le: bound, ...labels }, value: count, metricName: `${name}_bucket` }
    })
    return [...buckets, { labels, value: this.#sum, metricName: `${name}_sum` }, { labels, value: count, metricName: `${name}_count` }]
  }
}
