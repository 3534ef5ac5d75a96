import { expect, test } from 'vitest'
import { toTextChart } from './text-chart.ts'

test('the chart of a terminal shows all classes on one scale, seconds without answers blank, and long runs in no more columns than fit', () => {
  expect(toTextChart([{ label: 'priority 0', values: [50, 50, undefined, 60] }, { label: '9', values: [1000, 2000, 2000, 2000] }], 'ms').split('\n')).toEqual(['priority 0 ▁▁ ▁ 50 – 60 ms', '9          ▇███ 1000 – 2000 ms'])
  const long = toTextChart([{ label: 'a', values: Array.from({ length: 600 }, (_, i) => i + 1) }], 'ms')
  expect(/a (?<bars>\S+) 1 – 600 ms/.exec(long)?.groups?.['bars']).toHaveLength(60)
  expect([toTextChart([], 'ms'), toTextChart([{ label: 'a', values: [] }, { label: 'b', values: [5] }], 'ms')]).toEqual(['', 'a  nobody\nb ▁ 5 – 5 ms'])
})
