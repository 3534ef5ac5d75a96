import { definitions } from '../../nodes/index.ts'
import { notYet } from '../../nodes/not-yet.ts'
import { checkFlows } from '../compile/check.ts'
import type { Problem } from '../core/flow.ts'
import { exitCodes, type Output } from './outcome.ts'
import { printProblems } from './print-problems.ts'
import { readFlowFile } from './read-flows.ts'

/** `sluice check`: all files are one estate, as they will be when they are deployed together. */
export async function runCheck(files: readonly string[], output: Output): Promise<number> {
  const nodes = (await Promise.all(files.map(readFlowFile))).flat()
  const problems: readonly Problem[] = checkFlows(nodes, definitions, notYet)
  const errors = problems.filter((problem) => problem.severity === 'error').length
  const summary = errors === 0 ? `${files.length === 1 ? '1 file is' : `${files.length} files are`} fit to deploy${problems.length > 0 ? `; ${problems.length} warnings` : ''}.` : `${errors} ${errors === 1 ? 'error' : 'errors'}.`
  output.result([printProblems(problems, nodes), summary].filter(Boolean).join('\n'), { ok: errors === 0, problems })
  return errors === 0 ? exitCodes.done : exitCodes.failed
}
