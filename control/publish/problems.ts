import type { Problem } from '../../runtime/core/flow.ts'
import { Refused } from '../contract.ts'

/** More say nothing new. */
const problemsAtMost = 50

/** Something in a document that cannot become a flow, at its place. */
export function openapiProblem(pointer: string, message: string, remedy: string): Problem {
  return { severity: 'error', code: 'openapi.invalid', pointer, message, remedy }
}

/** @throws Refused 422 when there is a problem */
export function refuseProblems(problems: readonly Problem[]): void {
  const [first] = problems
  if (!first) return
  const rest = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  throw new Refused(first.code, 422, `${first.message}${rest}`, problems.slice(0, problemsAtMost))
}

/** Puts the place in what was sent before the pointers of a refusal. */
export async function at<T>(base: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    if (base === '' || !(thrown instanceof Refused) || thrown.status >= 500) throw thrown
    const problems = thrown.problems.length > 0 ? thrown.problems : [{ severity: 'error' as const, code: thrown.code, message: thrown.message, remedy: 'Mend this entry and try again.' }]
    throw new Refused(thrown.code, thrown.status, `${base}: ${thrown.message}`, problems.map((one) => ({ ...one, pointer: `${base}${one.pointer ?? ''}` })))
  }
}
