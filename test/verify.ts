import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import { run, type RunResult } from './kit/run.ts'
import { root } from './kit/sources.ts'
import { installNeeds } from './verify/needs.ts'
import { closingLine, failedFiles, oneCheck, tallyOfText, tallyOfTwo, tallyOfVitest, type Tally, type VitestReport } from './verify/tally.ts'

/**
 * `npm run verify`: installs or names the tools that tests need, then runs everything, and closes with
 * one line `N passed, N failed`. A tool that is missing fails; nothing is left out silently. What minds the time of real processes
 * and fails in a file or two is run once more by itself: failing twice it fails, else it is named as unsteady.
 */
const began = Date.now()
const say = (line: string) => console.log(line)
const bin = join(root, 'node_modules', '.bin')
// The Node that runs this is new enough (start.mjs saw to it); everything below uses the same one.
const env = { VERIFY: '1', PATH: [join(process.execPath, '..'), bin, process.env['PATH'] ?? ''].join(delimiter), FORCE_COLOR: '0' }
const reports = mkdtempSync(join(tmpdir(), 'sluice-verify-'))

if (!(await installNeeds(say))) process.exit(1)

/** Suites with tests whose processes, servers and browsers are real, and may starve on a busy machine. */
const mindsTime = ['unit', 'suites', 'stories', 'floods', 'soak', 'e2e']
/** More files than these are no bad luck. */
const mostAgain = 2

const tallies: Tally[] = []
const unsteady: string[] = []
const suite = (name: string) => step(name, () => vitest(name, name), (result) => tallyOfReport(name, result), mindsTime.includes(name) ? (result) => again(name, result) : undefined)
const command = (name: string, args: readonly string[], count: (result: RunResult) => Tally) => step(name, () => run(process.execPath, ['start.mjs', ...args], { env }), count)

await Promise.all([step('type check', () => run('tsc', ['--noEmit'], { env }), single), step('lint', () => run('oxlint', ['--deny-warnings'], { env }), single)])
await suite('unit')
// Suites wait for Redis and PostgreSQL, one file at a time; what only computes, one after the other, takes the core that they leave.
await Promise.all([suite('suites'), computing()])
// The soak has the machine for itself: a script that keeps something is cut when others take its processor, and no answer may be lost.
for (const name of ['stories', 'floods', 'soak', 'e2e']) await suite(name)

rmSync(reports, { recursive: true, force: true })
if (unsteady.length > 0) say(`\nUnsteady, passed when run again by themselves: ${unsteady.join(', ')}`)
say(`\nTook ${Math.round((Date.now() - began) / 1000)} s.`)
const line = closingLine(tallies)
say(line)
process.exitCode = / 0 failed/.test(line) ? 0 : 1
// The channel to start.mjs would keep this process alive.
if (process.connected) process.disconnect()

async function computing(): Promise<void> {
  for (const name of ['properties', 'house']) await suite(name)
  await command('sample flows', ['test', 'flows'], (result) => tallyOfText(result.output, result.code))
  await command('generated docs are current', ['--run', 'editor/docs.ts', '--check'], single)
}

/** Runs one suite, says how it went, shows its output when something failed. `again`: asked before a failure is final. */
async function step(name: string, act: () => Promise<RunResult>, count: (result: RunResult) => Tally, again?: (result: RunResult) => Promise<Tally | undefined>): Promise<void> {
  const start = Date.now()
  const result = await act()
  let tally = count(result)
  if (tally.failed > 0) {
    say(`\n----- ${name} -----\n${result.output.trimEnd()}\n-----`)
    tally = (await again?.(result)) ?? tally
  }
  tallies.push(tally)
  say(`${tally.failed > 0 ? 'FAILED' : 'ok    '} ${name}: ${closingLine([tally])} (${((Date.now() - start) / 1000).toFixed(1)} s)`)
}

async function again(suite: string, result: RunResult): Promise<Tally | undefined> {
  const first = reportOf(suite)
  const files = first ? failedFiles(first).map((file) => relative(root, file)) : []
  if (!first || files.length === 0 || files.length > mostAgain || tallyOfVitest(first, result.code).failed > first.numFailedTests) return undefined
  say(`Once more: ${files.join(', ')}`)
  const second = await vitest(suite, `${suite}-again`, files)
  const tally = tallyOfReport(`${suite}-again`, second)
  if (tally.failed > 0) say(`\n----- ${suite}, once more -----\n${second.output.trimEnd()}\n-----`)
  else unsteady.push(...files)
  return tallyOfTwo(first, tally)
}

function vitest(suite: string, report: string, files: readonly string[] = []): Promise<RunResult> {
  return run('vitest', ['run', '--project', suite, '--reporter=default', '--reporter=json', `--outputFile=${join(reports, `${report}.json`)}`, ...files], { env, limitMs: 20 * 60_000 })
}

function single(result: RunResult): Tally {
  return oneCheck(result.code === 0)
}

function tallyOfReport(name: string, result: RunResult): Tally {
  const report = reportOf(name)
  return report ? tallyOfVitest(report, result.code) : oneCheck(false)
}

function reportOf(name: string): VitestReport | undefined {
  const file = join(reports, `${name}.json`)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as VitestReport) : undefined
}
