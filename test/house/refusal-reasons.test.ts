import { expect, test } from 'vitest'
import { explainCheck } from '../../runtime/core/access/explain-check.ts'
import { isSource, listFiles, readSource } from '../kit/sources.ts'

/** Every constant reason that `auth` gives: text in the arguments of `refused(…)` behind the code, and after `reason:`. */
const reasons = listFiles()
  .filter((file) => isSource(file) && file.startsWith('nodes/auth/') && !file.endsWith('.test.ts'))
  .flatMap((file) => readSource(file).split('\n'))
  .filter((line) => !line.includes('fault(')) // facts of a fault, which no check shows
  .flatMap((line) => [/\brefused\('[a-z._]+', (.*)$/.exec(line)?.[1]?.split(/, \{ guess|\)$/)[0], /\breason: ('[^']+')/.exec(line)?.[1]])
  .flatMap((text) => [...(text ?? '').matchAll(/'([^']+)'/g)].map((match) => match[1]!))

test('what auth found wrong with a caller is told in the other language too', () => {
  expect(reasons.length).toBeGreaterThan(20)
  const untranslated = reasons.filter((reason) => explainCheck({ check: 'key', passed: false, reason }, 'zh-TW').found === reason)
  expect(untranslated).toEqual([])
})
