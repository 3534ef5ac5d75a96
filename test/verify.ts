import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { run, type RunResult } from './kit/run.ts'
import { root } from './kit/sources.ts'
import { installNeeds } from './verify/needs.ts'
import { closingLine, oneCheck, tallyOfText, tallyOfVitest, type Tally } from './verify/tally.ts'

/**
 * `npm run verify`: installs or names the tools that tests need, then runs everything, and closes with
 * one line `N passed, N failed`. A tool that is missing fails; nothing is left out silently.
 */
const began = Date.now()
const say = (line: string) => console.log(line)
const bin = join(root, 'node_modules', '.bin')
// The Node that runs this is new enough (start.mjs saw to it); everything below uses the same one.
const env = { VERIFY: '1', PATH: [join(process.execPath, '..'), bin, process.env['PATH'] ?? ''].join(delimiter), FORCE_COLOR: '0' }
const reports = mkdtempSync(join(tmpdir(), 'sluice-verify-'))

if (!(await installNeeds(say))) process.exit(1)

const tallies: Tally[] = []
await step('type check', () => run('tsc', ['--noEmit'], { env }), single)
await step('lint', () => run('oxlint', ['--deny-warnings'], { env }), single)
for (const suite of ['unit', 'suites', 'properties', 'house', 'stories', 'floods', 'e2e']) {
  const report = join(reports, `${suite}.json`)
  const args = ['run', '--project', suite, '--reporter=default', '--reporter=json', `--outputFile=${report}`]
  await step(suite, () => run('vitest', args, { env, limitMs: 20 * 60_000 }), (result) => tallyOfReport(report, result))
}
await step('sample flows', () => run(process.execPath, ['start.mjs', 'test', 'flows'], { env }), (result) => tallyOfText(result.output, result.code))
await step('generated docs are current', () => run(process.execPath, ['start.mjs', '--run', 'editor/docs.ts', '--check'], { env }), single)

rmSync(reports, { recursive: true, force: true })
say(`\nTook ${Math.round((Date.now() - began) / 1000)} s.`)
const line = closingLine(tallies)
say(line)
process.exitCode = / 0 failed/.test(line) ? 0 : 1
// The channel to start.mjs would keep this process alive.
if (process.connected) process.disconnect()

/** Runs one suite, says how it went, shows its output when something failed. */
async function step(name: string, act: () => Promise<RunResult>, count: (result: RunResult) => Tally): Promise<void> {
  const start = Date.now()
  const result = await act()
  const tally = count(result)
  tallies.push(tally)
  if (tally.failed > 0) say(`\n----- ${name} -----\n${result.output.trimEnd()}\n-----`)
  say(`${tally.failed > 0 ? 'FAILED' : 'ok    '} ${name}: ${closingLine([tally])} (${((Date.now() - start) / 1000).toFixed(1)} s)`)
}

function single(result: RunResult): Tally {
  return oneCheck(result.code === 0)
}

function tallyOfReport(report: string, result: RunResult): Tally {
  if (!existsSync(report)) return oneCheck(false)
  return tallyOfVitest(JSON.parse(readFileSync(report, 'utf8')) as Parameters<typeof tallyOfVitest>[0], result.code)
}
