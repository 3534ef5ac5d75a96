import type { EditorNode, FlowDocument, Problem } from '../../runtime/core/flow.ts'
import { tabProperties, tabProperty } from '../../runtime/core/tab-properties.ts'
import type { CasesReport, FlowCase } from '../contract.ts'
import { Refused } from '../contract.ts'

export interface CasesGateParts {
  stored(flow: string): Promise<readonly FlowCase[]>
  runOn(nodes: readonly EditorNode[], flow: string, cases: readonly FlowCase[]): Promise<CasesReport>
}

/** What cases have to say to a deploy: errors of flows that ask for it (`SLUICE_CASES=gate`). */
export type CasesGate = (documents: readonly FlowDocument[], touched: readonly FlowDocument[], nodes: readonly EditorNode[]) => Promise<readonly Problem[]>

/** Runs the cases of flows that ask for it and that a deploy touches, by themselves or by what they share. */
export function createCasesGate({ stored, runOn }: CasesGateParts): CasesGate {
  return async function gate(documents, touched, nodes) {
    // A subflow or a global config node may be part of any of them.
    const all = touched.some(({ kind }) => kind !== 'tab')
    const ids = new Set(touched.map(({ id }) => id))
    const asking = documents.filter((document) => asks(document) && (all || ids.has(document.id)))
    const problems: Problem[] = documents.filter((document) => ids.has(document.id) && isUnreadable(document)).map(({ id, label }) => ({
      severity: 'warning', code: 'cases.value', flow: id, message: `The variable ${tabProperties.cases} of the tab “${label}” has a value that means nothing.`, remedy: 'Write “gate”, or leave it out.',
    }))
    for (const { id, label } of asking) {
      const cases = await stored(id)
      if (cases.length === 0) {
        problems.push({ severity: 'warning', code: 'cases.none', flow: id, message: `The flow “${label}” asks that its cases pass, and has none.`, remedy: 'Watch a request and save it as a case.' })
        continue
      }
      problems.push(...(await failures(id, label, cases, nodes)))
    }
    return problems
  }

  async function failures(id: string, label: string, cases: readonly FlowCase[], nodes: readonly EditorNode[]): Promise<Problem[]> {
    let report: CasesReport
    try {
      report = await runOn(nodes, id, cases)
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown
      return [{ severity: 'error', code: 'cases.not_run', flow: id, message: `The cases of the flow “${label}” could not be run: ${thrown.message}`, remedy: 'Connect a gateway, or take SLUICE_CASES out of the environment of the tab.' }]
    }
    if (report.problems.length > 0) return report.problems.map((problem) => ({ ...problem, severity: 'error' as const, remedy: problem.remedy ?? '' }))
    const failed = report.results.filter(({ ok }) => !ok).map(({ name, failures: reasons }): Problem => ({
      severity: 'error', code: 'cases.failed', flow: id, message: `The case “${name}” of the flow “${label}” fails: ${reasons[0] ?? 'no reason was given'}.`.replace(/\.\.$/, '.'),
      remedy: 'Mend the flow; if the answer is meant to be different now, change the case in the sidebar of tests.',
    }))
    if (report.leftOut > 0) failed.push({ severity: 'error', code: 'cases.not_run', flow: id, message: `There was no time for ${report.leftOut} cases of the flow “${label}”.`, remedy: 'Have fewer cases, or faster ones.' })
    return failed
  }
}

function isUnreadable({ kind, nodes: [tab] }: FlowDocument): boolean {
  const value = kind === 'tab' && tab !== undefined ? tabProperty(tab, tabProperties.cases) : undefined
  return value !== undefined && value !== 'gate'
}

function asks({ kind, nodes: [tab] }: FlowDocument): boolean {
  return kind === 'tab' && tab !== undefined && tab['disabled'] !== true && tabProperty(tab, tabProperties.cases) === 'gate'
}
