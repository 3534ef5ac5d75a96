import { globSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { run } from './kit/run.ts'
import { root } from './kit/sources.ts'

/** `npm run search [-- --rounds N] [PATH …]`: tries the properties on examples nobody has seen; what is found names its seed. */
const { values, positionals } = parseArgs({ allowPositionals: true, options: { rounds: { type: 'string', default: '5' } } })
const files = globSync('**/*.test.ts', { cwd: root, exclude: (name) => name === 'node_modules' || name === 'e2e' || name === 'stories' })
  .filter((file) => readFileSync(`${root}/${file}`, 'utf8').includes("from 'fast-check'"))
  .filter((file) => positionals.length === 0 || positionals.some((part) => file.includes(part)))
let failed = 0
for (let round = 1; round <= Number(values.rounds); round++) {
  const result = await run('vitest', ['run', '--project', 'unit', '--project', 'suites', '--project', 'properties', '--project', 'house', ...files], { env: { SLUICE_SEED: 'random', FORCE_COLOR: '0' }, limitMs: 20 * 60_000 })
  if (result.code !== 0) failed++
  console.log(`round ${round} of ${values.rounds}: ${result.code === 0 ? 'nothing found' : `found something\n${result.output.trimEnd()}`}`)
}
console.log(`${Number(values.rounds) - failed} rounds found nothing, ${failed} found something (${files.length} files)`)
process.exitCode = failed === 0 ? 0 : 1
// The channel to start.mjs would keep this process alive.
if (process.connected) process.disconnect()
