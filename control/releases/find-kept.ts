import type { FlowDocument, Problem } from '../../runtime/core/flow.ts'
import type { Revision } from '../../runtime/core/release.ts'
import type { Compile } from './compile.ts'

/** What gateways go on with where it is so already: an error in what somebody changes, a warning elsewhere. */
export interface KeptProblems {
  /** Secrets that were pasted into flows, and shared ones that they send where they like. */
  pasted(revisions: readonly Revision[], changed: ReadonlySet<FlowDocument | undefined>, toRun: readonly Revision[]): Problem[]
  /** Paths that calls of somebody else's could mean, too. */
  overlapping(toRun: readonly Revision[], live: readonly Revision[]): Problem[]
}

const mostTold = 100

export function createKeptProblems(compile: Compile): KeptProblems {
  return {
    pasted(revisions, changed, toRun) {
      const pasted = revisions.flatMap(({ document }) => (compile.pasted?.(document) ?? []).map((problem): Problem => (changed.has(document) ? problem : toWarning(problem))))
      const ids = new Set([...changed].flatMap((document) => (document ? [document.id] : [])))
      // What lies in a subflow is painted on its instance: a tab changes with the subflows that it may use.
      const template = [...changed].some((document) => document?.kind === 'subflow')
      if (template) for (const { document } of toRun) if (document.nodes.some(({ type }) => type.startsWith('subflow:'))) ids.add(document.id)
      const lent = (compile.lent?.(toRun) ?? []).map((problem): Problem => (problem.flow !== undefined && ids.has(problem.flow) ? problem : toWarning(problem)))
      return [...pasted, ...lent]
    },
    overlapping(toRun, live) {
      const found = compile.overlaps?.(toRun) ?? []
      if (found.length === 0) return []
      // Who changes a flow is not to wait for somebody else's, which lay across it before.
      const known = new Set((compile.overlaps?.(live) ?? []).map(({ pair }) => pair))
      const fresh = found.filter(({ pair }) => !known.has(pair))
      return [...fresh.flatMap(({ problems }) => problems), ...found.filter(({ pair }) => known.has(pair)).flatMap(({ problems }) => problems.map(toWarning))].slice(0, mostTold)
    },
  }
}

function toWarning(problem: Problem): Problem {
  return { ...problem, severity: 'warning' }
}
