import { defaultWeights } from '../../runtime/core/lines/lines.ts'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { toChart } from '../bench/priority/chart.ts'
import { root } from '../kit/sources.ts'
import { type Simulation, simulate } from './simulate.ts'

/** `npm run simulate [-- --gateways N] [--requests N] [--out FOLDER]`: the product's own scheduler on a virtual clock; the last line is one JSON object. */
const { values } = parseArgs({ options: { gateways: { type: 'string', default: '100' }, requests: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' }, out: { type: 'string' } } })
const gateways = Number(values.gateways)
const slots = gateways * 20
const perSecond = gateways * 800
const base: Simulation = {
  gateways, scope: 'cluster', perSecond, seconds: Number(values.requests) / perSecond, maxWaitMs: 2000, seed: Number(values.seed), service: { ms: 50, fixed: false }, grantMs: 1,
  policy: { order: 'strict', slots, ageingShare: 0.05, weights: defaultWeights, maxDepth: gateways * 10_000 },
  classes: [{ priority: 0, percent: 10 }, { priority: 5, percent: 30 }, { priority: 9, percent: 60 }],
}
const cases: readonly (readonly [string, string, Simulation])[] = [
  ['cluster', `strict, one line for ${gateways} gateways`, base],
  ['gateway', `strict, each of ${gateways} gateways for itself`, { ...base, scope: 'gateway' }],
  ['weighted', `weighted, one line for ${gateways} gateways`, { ...base, policy: { ...base.policy, order: 'weighted' } }],
  ['deadline', `deadline, one line for ${gateways} gateways`, { ...base, policy: { ...base.policy, order: 'deadline' } }],
]
const summary: Record<string, unknown> = {}
for (const [name, label, input] of cases) {
  const began = performance.now()
  const { requests, capacityUsed, classes } = simulate(input)
  console.log(`${label}: ${requests.toLocaleString('en')} requests in ${((performance.now() - began) / 1000).toFixed(1)} s; slots busy ${(capacityUsed * 100).toFixed(1)} %`)
  for (const { priority, sent, served, refused, p50Ms, p99Ms, longestMs } of classes) {
    console.log(`  priority ${priority}: ${sent} sent, ${served} served, ${refused} refused; waits p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, longest ${longestMs.toFixed(0)} ms`)
  }
  summary[name] = { capacityUsed: Number(capacityUsed.toFixed(4)), classes: classes.map(({ series: _series, ...rest }) => rest) }
  if (values.out === undefined) continue
  const folder = join(root, values.out)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `simulated-${name}.svg`), toChart(`Wait, p99: ${label}`, classes.map(({ priority, series }) => ({ label: `priority ${priority}`, values: series.map((value) => (value === undefined ? undefined : Math.max(0.1, value))) })), 'ms'))
}
console.log(JSON.stringify(summary))
// The channel to start.mjs would keep this process alive.
if (process.connected) process.disconnect()
