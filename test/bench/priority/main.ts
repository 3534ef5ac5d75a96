import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startRedis } from '../../kit/redis.ts'
import { root } from '../../kit/sources.ts'
import { startChild } from '../child.ts'
import { describeMachine, loadCore } from '../machine.ts'
import { pin } from '../ours.ts'
import { toTable } from '../report.ts'
import { median } from '../rounds.ts'
import type { Row } from '../scenario.ts'
import { toChart } from './chart.ts'
import { contestants, maxWaitMs, path, serviceMs, slots, type QueueContestant } from './contestants.ts'
import { clusterCosts, idleUs, urgentMs, waitingMb } from './costs.ts'
import { judge, type BackendStats, type Verdict } from './judge.ts'
import { type Counts, startCounting } from './counts.ts'
import { openLoad } from './open-load.ts'
import { toTextChart } from './text-chart.ts'

/**
 * `npm run bench:priority [-- NAME …] [--seconds N] [--seeds N] [--out FOLDER]`: twice what a backend can do arrives, in three
 * classes, at everybody in turn. Prints a table and charts, writes JSON and drawings to the folder; the last line is one JSON object.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, seeds: { type: 'string', default: '5' }, out: { type: 'string', default: join('test', 'artifacts', 'priority') }, costs: { type: 'boolean', default: true }, 'no-costs': { type: 'boolean' } },
})
const seconds = Number(values.seconds)
const warmSeconds = Math.min(5, Math.max(3, seconds / 4))
const classes = [{ priority: 0, percent: 10 }, { priority: 5, percent: 30 }, { priority: 9, percent: 60 }]
const perSecond = 800
const say = (line: string) => console.log(line)

const redis = await startRedis({ durable: false })
// Load, backend and Redis share one core; whoever is measured has the other.
for (const pid of [process.pid, redis.pid]) await pin(pid, loadCore)
const verdicts = new Map<string, Verdict[]>()
try {
  say(`${describeMachine()}; backend with ${slots} slots of ${serviceMs} ms, offered ${perSecond} requests/s for ${seconds} s after ${warmSeconds} s`)
  for (const contestant of contestants(redis.url)) {
    if (positionals.length > 0 && !positionals.includes(contestant.name)) continue
    const seeds = contestant.name === 'gateway' || contestant.name === 'cluster' ? Number(values.seeds) : 1
    const list: Verdict[] = []
    for (let seed = 1; seed <= seeds; seed += 1) list.push(await runOnce(contestant, seed))
    verdicts.set(contestant.name, list)
    say(`${contestant.label}\n${describe(worst(list))}\n  p99 by second\n${toTextChart((list.at(-1) as Verdict).series.map(({ priority, p99Ms }) => ({ label: `  priority ${priority}`, values: p99Ms })), 'ms')}`)
  }
  const costs = values['no-costs'] ? undefined : await measureCosts()
  const gateway = verdicts.get('gateway')
  const cluster = verdicts.get('cluster')
  const rows: Row[] = [...(gateway ? toRows('gateway', worst(gateway)) : []), ...(cluster ? toRows('cluster', worst(cluster)) : []), ...(costs ? costs.rows : [])]
  say(`\n${toTable(rows)}\n`)
  writeOut(values.out)
  const summary = (list: Verdict[] | undefined) => {
    if (!list) return undefined
    const { capacityUsed, vipP99Ratio, vipRefused, lowShare, refusalLateMs } = worst(list)
    return { capacityUsed: round(capacityUsed, 3), vipP99Ratio: round(vipP99Ratio, 2), vipRefused, lowShare: round(lowShare, 3), refusalLateMs: Math.round(refusalLateMs) }
  }
  say(JSON.stringify({ gateway: { ...summary(gateway), ...costs?.gateway }, cluster: { ...summary(cluster), ...costs?.cluster } }))
  process.exitCode = rows.some(({ pass }) => pass === false) ? 1 : 0
} finally {
  await redis.stop()
}
// The channel to start.mjs would keep this process alive.
if (process.connected) process.disconnect()

async function runOnce(contestant: QueueContestant, seed: number): Promise<Verdict> {
  const backend = startChild(process.execPath, [join(import.meta.dirname, 'backend.mjs'), String(slots), String(serviceMs)], { core: loadCore })
  try {
    const port = await backend.line((line) => (line.startsWith('port ') ? Number(line.slice(5)) : undefined))
    const running = await contestant.start(port)
    try {
      const counted = countBetween(port, running.pids)
      const samples = await openLoad({ port: running.port, path: (priority) => `${path}?p=${priority}`, perSecond, seconds: warmSeconds + seconds, classes, seed })
      const { stats, counts } = await counted
      return judge(samples, stats, counts, warmSeconds * 1000, (warmSeconds + seconds) * 1000)
    } finally {
      await running.stop()
    }
  } finally {
    await backend.stop()
  }
}

/** What the backend, the processors and Redis count from the end of the warm-up to the end of the load. */
async function countBetween(port: number, pids: readonly number[]): Promise<{ readonly stats: BackendStats; readonly counts: Counts }> {
  await pause(warmSeconds * 1000)
  await fetch(`http://127.0.0.1:${port}/reset`)
  const count = await startCounting(pids, redis)
  await pause(seconds * 1000)
  const reply = await fetch(`http://127.0.0.1:${port}/stats`)
  return { stats: (await reply.json()) as BackendStats, counts: await count() }
}

async function measureCosts() {
  say('costs')
  const us = await idleUs(Math.min(3, seconds), 3)
  const { idleMs, perSecond: turns, bad } = await clusterCosts(redis.url, Math.min(5, seconds))
  const urgentGateway = await urgentMs('gateway', redis.url)
  const urgentCluster = await urgentMs('cluster', redis.url)
  const mb = await waitingMb()
  return {
    gateway: { idleUs: round(us, 1) },
    cluster: { perSecond: Math.round(turns), idleMs: round(idleMs, 2) },
    rows: [
      { label: 'idle cost, gateway', value: `${us.toFixed(1)} µs`, target: '≤ 20 µs', pass: us <= 20 },
      { label: 'idle cost, cluster', value: `${idleMs.toFixed(2)} ms`, target: '≤ 1.5 ms', pass: idleMs <= 1.5 },
      { label: 'turns through BullMQ', value: `${Math.round(turns)} /s`, target: '≥ 2,500 /s', pass: turns >= 2500, ...(bad > 0 ? { doubt: `${bad} bad answers` } : {}) },
      { label: 'urgent behind 100,000, gateway', value: `${urgentGateway.toFixed(1)} ms after the slot`, target: '≤ 50 ms', pass: urgentGateway <= 50 },
      { label: 'urgent behind 100,000, cluster', value: `${urgentCluster.toFixed(1)} ms after the slot`, target: '≤ 50 ms', pass: urgentCluster <= 50 },
      { label: '10,000 waiting beyond node:http', value: `${mb.toFixed(1)} MB`, target: '≤ 60 MB', pass: mb <= 60 },
    ] satisfies Row[],
  }
}

/** Of several seeds what each figure was at its worst; classes and series are the last seed's. */
function worst(list: readonly Verdict[]): Verdict {
  const most = (pick: (one: Verdict) => number) => Math.max(...list.map(pick))
  const least = (pick: (one: Verdict) => number) => Math.min(...list.map(pick))
  return {
    ...(list.at(-1) as Verdict),
    capacityUsed: least((one) => one.capacityUsed), vipP99Ratio: most((one) => one.vipP99Ratio), vipRefused: most((one) => one.vipRefused), lowShare: least((one) => one.lowShare),
    refusalLateMs: most((one) => one.refusalLateMs), retryAfterRatio: median(list.map((one) => one.retryAfterRatio)), disorderedSeconds: most((one) => one.disorderedSeconds), lowLongestMs: most((one) => one.lowLongestMs),
  }
}

function describe(verdict: Verdict): string {
  const classesText = verdict.classes.map(({ priority, sent, served, refused, broken, p50Ms, p99Ms }) => `  priority ${priority}: ${sent} sent, ${served} served, ${refused} refused${broken > 0 ? `, ${broken} BROKEN` : ''}; p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`)
  return [...classesText, `  backend busy ${(verdict.capacityUsed * 100).toFixed(1)} %; disordered in ${verdict.disorderedSeconds} of ${verdict.seconds} s; longest of 9: ${(verdict.lowLongestMs / 1000).toFixed(2)} s; Retry-After ÷ truth ${verdict.retryAfterRatio.toFixed(2)}`, `  ${describeCounts(verdict)}`].join('\n')
}

function describeCounts({ counts, turns, asked, idlePerTurnMs, serviceMs: served }: Verdict): string {
  const each = (count: number, of: number) => (count / Math.max(1, of)).toFixed(2)
  return `a request takes ${each(counts.serversCpuMs, asked)} ms of processor in gateways and ${each(counts.redisCpuMs, asked)} ms in Redis, ${each(counts.commands, asked)} commands, ${each(counts.scripts, asked)} of them scripts; a turn ${each(counts.messages, turns)} messages between gateways; a slot is empty ${idlePerTurnMs.toFixed(1)} ms between turns of ${served.toFixed(1)} ms`
}

function toRows(name: string, verdict: Verdict): Row[] {
  const truth = verdict.retryAfterRatio
  return [
    { label: `${name}: backend busy`, value: `${(verdict.capacityUsed * 100).toFixed(1)} %`, target: '≥ 97 %', pass: verdict.capacityUsed >= 0.97 },
    { label: `${name}: priority 0 p99 ÷ service`, value: verdict.vipP99Ratio.toFixed(2), target: '≤ 1.8', pass: verdict.vipP99Ratio <= 1.8 },
    { label: `${name}: priority 0 refused`, value: String(verdict.vipRefused), target: '0', pass: verdict.vipRefused === 0 },
    { label: `${name}: seconds out of order`, value: String(verdict.disorderedSeconds), target: '0', pass: verdict.disorderedSeconds === 0 },
    { label: `${name}: priority 9 of capacity`, value: `${(verdict.lowShare * 100).toFixed(1)} %`, target: '≥ 5 %', pass: verdict.lowShare >= 0.05 },
    { label: `${name}: longest of priority 9`, value: `${(verdict.lowLongestMs / 1000).toFixed(2)} s`, target: `≤ ${((maxWaitMs + 4 * serviceMs) / 1000).toFixed(1)} s`, pass: verdict.lowLongestMs <= maxWaitMs + 4 * serviceMs },
    { label: `${name}: refused late by`, value: `${verdict.refusalLateMs.toFixed(0)} ms`, target: '≤ 50 ms', pass: verdict.refusalLateMs <= 50 },
    { label: `${name}: Retry-After ÷ truth`, value: truth.toFixed(2), target: '0.7 – 1.3', pass: truth >= 0.7 && truth <= 1.3 },
  ]
}

function writeOut(folder: string): void {
  const target = join(root, folder)
  mkdirSync(target, { recursive: true })
  writeFileSync(join(target, 'priority.json'), `${JSON.stringify(Object.fromEntries(verdicts), null, 1)}\n`)
  for (const [name, list] of verdicts) {
    const { series } = list.at(-1) as Verdict
    const label = contestants('').find((one) => one.name === name)?.label ?? name
    writeFileSync(join(target, `priority-${name}.svg`), toChart(`p99 by second: ${label}`, series.map(({ priority, p99Ms }) => ({ label: `priority ${priority}`, values: p99Ms })), 'ms'))
  }
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
