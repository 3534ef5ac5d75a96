import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { RunSummary } from '../core/deployment.ts'
import { RunMarks } from '../core/run-marks.ts'
import { openLog } from './log.ts'
import { createMetrics } from './metrics.ts'
import { recordTo } from './recorder.ts'

function recorder() {
  let text = ''
  const log = openLog({ level: 'info', format: 'json', write: (given) => (text += given), now: () => 1_700_000_000_007 })
  const metrics = createMetrics({ process: false })
  return { ...recordTo(log.runs, metrics.runs), written: async () => [(log.flush(), text), await metrics.text()] }
}

it('writes and counts a run the same, whatever was left beside its entry for others, by this gateway or another', async () => {
  const call = fc.record({ by: fc.nat(1), route: fc.constantFrom('/a', '/松'), method: fc.constantFrom('GET', 'HEAD', 'BREW'), release: fc.integer({ min: 1, max: 2 }), status: fc.constantFrom(200, 404, undefined) })
  await fc.assert(fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
    const marks = { '/a': new RunMarks(), '/松': new RunMarks() }
    const [marked, plain] = [[recorder(), recorder()], [recorder(), recorder()]]
    for (const [at, { by, route, method, release, status }] of calls.entries()) {
      const summary: RunSummary = { run: `r-${at}`, on: 'http', flow: 'f', node: `n${route}`, revision: 'abc', release, tookMs: at, method, route, ...(status === undefined ? {} : { status }) }
      marked[by]?.record({ ...summary, marks: marks[route as '/a'] })
      plain[by]?.record(summary)
    }
    for (const by of [0, 1]) expect(await marked[by]?.written()).toEqual(await plain[by]?.written())
  }))
})
