import { expect, test } from 'vitest'
import { closingLine, failedFiles, oneCheck, tallyOfText, tallyOfTwo, tallyOfVitest } from './tally.ts'

test('the closing line sums all suites and names skips only when there are any', () => {
  expect(closingLine([{ passed: 3, failed: 0, skipped: 0 }, oneCheck(true)])).toBe('4 passed, 0 failed')
  expect(closingLine([{ passed: 3, failed: 1, skipped: 2 }, oneCheck(false)])).toBe('3 passed, 2 failed, 2 skipped')
})

test('a command that exits with an error is never counted as all passed', () => {
  expect(tallyOfText('5 passed, 0 failed', 1)).toEqual({ passed: 5, failed: 1, skipped: 0 })
  expect(tallyOfText('nothing', 1)).toEqual({ passed: 0, failed: 1, skipped: 0 })
})

test('a test file that could not be loaded counts as a failure', () => {
  const report = { numPassedTests: 2, numFailedTests: 0, numPendingTests: 1, numTodoTests: 0, testResults: [{ name: 'a.test.ts', status: 'failed', assertionResults: [] }] }
  expect(tallyOfVitest(report, 1)).toEqual({ passed: 2, failed: 1, skipped: 1 })
  expect(tallyOfVitest({ ...report, testResults: [] }, 1)).toEqual({ passed: 2, failed: 1, skipped: 1 })
})

test('what failed and is run again counts as it ended then, once, and everything else as it ended first', () => {
  const file = (name: string, ...states: string[]) => ({ name, status: states.includes('failed') ? 'failed' : 'passed', assertionResults: states.map((status) => ({ status })) })
  const report = { numPassedTests: 3, numFailedTests: 1, numPendingTests: 1, numTodoTests: 0, testResults: [file('a', 'passed', 'pending'), file('b', 'passed', 'failed'), file('c', 'passed')] }
  expect(failedFiles(report)).toEqual(['b'])
  expect(tallyOfTwo(report, { passed: 2, failed: 0, skipped: 0 })).toEqual({ passed: 4, failed: 0, skipped: 1 })
  expect(tallyOfTwo(report, { passed: 1, failed: 1, skipped: 0 })).toEqual({ passed: 3, failed: 1, skipped: 1 })
})
