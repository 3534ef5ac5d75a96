import { stat } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { findFlowFiles } from './read-flows.ts'
import { CommandFailed, exitCodes, type Output } from './outcome.ts'
import { readCases } from './flow-cases.ts'
import { openFlowBench } from './flow-bench.ts'

export interface CaseOutcome {
  readonly flow: string
  readonly name: string
  readonly ok: boolean
  /** What was not as promised, one sentence each. */
  readonly failures: readonly string[]
  readonly tookMs: number
}

/** `sluice test`: the cases of every flow below a folder, each flow alone behind the real front. */
export async function runTest(folder: string, options: { readonly only?: string }, output: Output): Promise<number> {
  const outcomes = await testFlows(folder, options.only)
  if (outcomes.length === 0) throw new CommandFailed(`There are no cases below ${folder}: a flow's cases lie in cases.json beside its flow.json.`, {}, exitCodes.usage)
  const failed = outcomes.filter((one) => !one.ok)
  const lines = outcomes.map((one) => `${one.ok ? '✓' : '✗'} ${one.flow} › ${one.name} (${one.tookMs} ms)${one.failures.map((failure) => `\n    ${failure}`).join('')}`)
  output.result([...lines, '', `${outcomes.length - failed.length} passed, ${failed.length} failed`].join('\n'), { ok: failed.length === 0, passed: outcomes.length - failed.length, failed: failed.length, cases: outcomes })
  return failed.length === 0 ? exitCodes.done : exitCodes.failed
}

/** Runs the cases below a folder, or of one flow's folder. @throws CommandFailed when a flow does not compile */
export async function testFlows(folder: string, only?: string): Promise<CaseOutcome[]> {
  const outcomes: CaseOutcome[] = []
  for (const file of await findFlowFiles(folder)) {
    const casesFile = join(dirname(file), 'cases.json')
    if (!(await stat(casesFile).catch(() => undefined))) continue
    const cases = (await readCases(casesFile)).filter((one) => only === undefined || one.name.includes(only))
    if (cases.length === 0) continue
    const bench = await openFlowBench([file])
    try {
      for (const one of cases) {
        const startedAt = performance.now()
        const failures = await bench.run(one)
        outcomes.push({ flow: relative(folder, dirname(file)) || basename(dirname(file)), name: one.name, ok: failures.length === 0, failures, tookMs: Math.round(performance.now() - startedAt) })
      }
    } finally {
      await bench.close()
    }
  }
  return outcomes
}
