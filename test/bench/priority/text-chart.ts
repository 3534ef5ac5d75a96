const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const
const mostColumns = 60

export interface TextSeries {
  readonly label: string
  readonly values: readonly (number | undefined)[]
}

/**
 * Lines over time for a terminal, on one logarithmic scale: a line of bars for each, with its least and greatest value. More values than
 * columns are put together, the greatest of each column counts; a column without values is blank.
 */
export function toTextChart(series: readonly TextSeries[], unit: string): string {
  const known = series.flatMap(({ values }) => values.filter((value) => value !== undefined)).map((value) => Math.max(value, 0.1))
  if (known.length === 0) return ''
  const [least, most] = [Math.log(Math.min(...known)), Math.log(Math.max(...known))]
  const width = Math.max(...series.map(({ label }) => label.length))
  const barOf = (value: number | undefined) => {
    if (value === undefined) return ' '
    const share = most === least ? 0 : (Math.log(Math.max(value, 0.1)) - least) / (most - least)
    return bars[Math.min(bars.length - 1, Math.floor(share * bars.length))] as string
  }
  return series.map(({ label, values }) => {
    const own = values.filter((value) => value !== undefined)
    const range = own.length === 0 ? 'nobody' : `${Math.min(...own).toFixed(0)} – ${Math.max(...own).toFixed(0)} ${unit}`
    return `${label.padEnd(width)} ${columnsOf(values).map(barOf).join('')} ${range}`
  }).join('\n')
}

function columnsOf(values: readonly (number | undefined)[]): readonly (number | undefined)[] {
  const each = Math.max(1, Math.ceil(values.length / mostColumns))
  return Array.from({ length: Math.ceil(values.length / each) }, (_, at) => {
    const those = values.slice(at * each, (at + 1) * each).filter((value) => value !== undefined)
    return those.length === 0 ? undefined : Math.max(...those)
  })
}
