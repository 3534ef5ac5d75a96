import { parseArgs } from 'node:util'
import { findTool } from '../kit/tools.ts'
import { describeMachine } from './machine.ts'
import { toTable } from './report.ts'
import { scenarios } from './scenarios.ts'
import type { Row } from './scenario.ts'

/**
 * `npm run bench [-- NAME …] [--seconds N] [--rounds N]`: every row of the table, all contestants in one run
 * on one machine with one load generator; the last line is one JSON object. Exits 1 when a row that counts fails.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '5' }, rounds: { type: 'string', default: '3' }, only: { type: 'string' }, help: { type: 'boolean' } },
})
const names = scenarios.map((scenario) => scenario.name)
const unknown = positionals.filter((name) => !names.includes(name))

if (values.help || unknown.length > 0) {
  console.log(`${unknown.length > 0 ? `No scenario is called ${unknown.join(', ')}.\n` : ''}Usage: npm run bench -- [NAME …] [--seconds N] [--rounds N] [--only ours,hand,nodeRed]\nScenarios: ${names.join(', ')}`)
  process.exit(unknown.length > 0 ? 1 : 0)
}
if (!findTool('wrk')) {
  console.log('The load generator wrk is missing. On Debian: sudo apt-get install -y wrk')
  process.exit(1)
}

const say = (line: string) => console.log(line)
const only = values.only?.split(',')
const rows: Row[] = []
const facts: Record<string, unknown> = {}
say(`${describeMachine()}; server on one core, wrk on the other; ${values.rounds} interleaved rounds of ${values.seconds} s, medians`)
for (const scenario of scenarios) {
  if (positionals.length > 0 ? !positionals.includes(scenario.name) : scenario.whenNamed) continue
  say(scenario.name)
  const outcome = await scenario.run({ seconds: Number(values.seconds), rounds: Number(values.rounds), say, ...(only ? { only } : {}) })
  rows.push(...outcome.rows)
  Object.assign(facts, outcome.facts)
}
say(`\n${toTable(rows)}\n`)
say(JSON.stringify(facts))
process.exitCode = rows.some((row) => row.pass === false && !row.doubt) ? 1 : 0
// The channel to start.mjs would keep this process alive.
if (process.connected) process.disconnect()
