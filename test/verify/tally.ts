/** How many checks of a suite passed, failed, or were left out. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** A check that is one thing: it passes or it fails. */
export function oneCheck(ok: boolean): Tally {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }
}

/** The last line of verify. */
export function closingLine(tallies: readonly Tally[]): string {
  const sum = (of: (tally: Tally) => number) => tallies.reduce((total, tally) => total + of(tally), 0)
  const skipped = sum((tally) => tally.skipped)
  return `${sum((tally) => tally.passed)} passed, ${sum((tally) => tally.failed)} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** What is read of a JSON report of vitest. */
export interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly { readonly name: string; readonly status: string; readonly assertionResults: readonly { readonly status: string }[] }[]
}

/** Counts a JSON report of vitest. A file that could not even be loaded counts as one failure; so does an error outside any test. */
export function tallyOfVitest(report: VitestReport, code: number): Tally {
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length
  const failed = report.numFailedTests + broken
  return { passed: report.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed, skipped: report.numPendingTests + report.numTodoTests }
}

/** The files of which something failed. */
export function failedFiles(report: VitestReport): readonly string[] {
  return report.testResults.filter((file) => file.status === 'failed').map((file) => file.name)
}

/** Counts a first run, with a second one of its failed files alone in place of what they said first. */
export function tallyOfTwo(first: VitestReport, second: Tally): Tally {
  const good = first.testResults.filter((file) => file.status !== 'failed').flatMap((file) => file.assertionResults)
  const passed = good.filter(({ status }) => status === 'passed').length
  return { passed: passed + second.passed, failed: second.failed, skipped: good.length - passed + second.skipped }
}

/** Counts what a command said in its closing line `N passed, N failed`; without one it is a single check. */
export function tallyOfText(output: string, code: number): Tally {
  const match = [...output.matchAll(/(\d+) passed, (\d+) failed(?:, (\d+) skipped)?/g)].at(-1)
  if (!match) return oneCheck(code === 0)
  const failed = Number(match[2])
  return { passed: Number(match[1]), failed: failed === 0 && code !== 0 ? 1 : failed, skipped: Number(match[3] ?? 0) }
}
