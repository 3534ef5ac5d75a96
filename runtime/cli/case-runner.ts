import { mkdir } from 'node:fs/promises'
import type { CaseResult, CaseRunner } from '../core/cases.ts'
import type { Settings } from '../settings.ts'
import { flawOfCase } from '../core/flaw-of-case.ts'

/** Cases of one call, and how long they may take together. */
const mostCases = 200
const longestMs = 20_000

/**
 * Runs cases in a gateway's own process, on a gateway without ports beside the one that serves: nothing of the live one is
 * touched. One call after the other, so that what people try out takes no more than a part of one core.
 */
export function createCaseRunner(settings: Settings, folder: string): CaseRunner {
  let last: Promise<unknown> = Promise.resolve()

  const work: CaseRunner['run'] = async (nodes, cases) => {
    const endsAt = performance.now() + longestMs
    const { openNodesBench } = await import('./flow-bench.ts') // with all that cases play: a gateway begins without it
    await mkdir(folder, { recursive: true })
    const bench = await openNodesBench(nodes, { settings, folder })
    if (!('runWhole' in bench)) return { results: [], problems: bench, leftOut: cases.length }
    const results: CaseResult[] = []
    try {
      for (const one of cases.slice(0, mostCases)) {
        if (performance.now() > endsAt) break
        const flaw = flawOfCase(one)
        results.push(flaw === undefined ? await bench.runWhole(one) : { name: String(one?.name ?? ''), ok: false, failures: [`The case cannot be run: ${flaw}.`], tookMs: 0 })
      }
    } finally {
      await bench.close()
    }
    return { results, problems: [], leftOut: cases.length - results.length }
  }

  return {
    run(nodes, cases) {
      const mine = last.then(() => work(nodes, cases))
      last = mine.catch(() => {})
      return mine
    },
  }
}
