import type { Problem } from '../../runtime/core/flow.ts'

/** Each problem once: control and every gateway find the same ones in the same flows. */
export function unlikeProblems(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>()
  return problems.filter(({ code, node, message }) => {
    const key = JSON.stringify([code, node ?? '', message])
    return !seen.has(key) && seen.add(key)
  })
}
