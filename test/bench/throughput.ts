import type { Contestant } from './contestant.ts'
import { measure, type Measured } from './rounds.ts'
import type { BenchOptions, Outcome, Row, Scenario } from './scenario.ts'
import type { Load } from './wrk.ts'

export interface Throughput {
  readonly name: string
  readonly load: Load
  /** Least ratio of ours to each other contestant, by its name; a contestant without one is only reported. */
  readonly atLeast: Readonly<Record<string, number>>
  /** Opens what the contestants need (an upstream) and names them; `close` is called at the end. */
  prepare(): Promise<{ contestants: readonly Contestant[]; close?: () => Promise<void> }>
  /** False when an idle core is the point (few connections). */
  readonly saturate?: boolean
}

const saturation = 0.95

/** A scenario that compares requests per second. */
export function throughput(scenario: Throughput): Scenario {
  return {
    name: scenario.name,
    async run(options) {
      const { contestants, close } = await scenario.prepare()
      try {
        const mostConnections = scenario.saturate === false ? scenario.load.connections : 256
        return toOutcome(scenario, await measure(contestants.filter((one) => options.only?.includes(one.name) ?? true), scenario.load, { ...options, saturation, mostConnections }), options)
      } finally {
        await close?.()
      }
    },
  }
}

function toOutcome(scenario: Throughput, measured: Readonly<Record<string, Measured>>, options: BenchOptions): Outcome {
  for (const [name, one] of Object.entries(measured)) options.say(`  ${scenario.name} ${name.padEnd(8)} ${describe(one)}`)
  const ours = measured['ours']
  const reported = Object.keys(measured).filter((name) => name !== 'ours' && !(name in scenario.atLeast)).map((name): readonly [string, undefined] => [name, undefined])
  const rows: Row[] = [...Object.entries(scenario.atLeast), ...reported].flatMap(([name, least]) => {
    const other = measured[name]
    if (!ours || !other) return []
    const ratio = ours.requestsPerSecond / other.requestsPerSecond
    const doubt = ([['ours', ours], [name, other]] as const).flatMap(([of, one]) => doubts(of, one, scenario.saturate !== false))
    return [{ label: `${scenario.name} ÷ ${name}`, value: `${ratio.toFixed(2)}  (${rate(ours)} ÷ ${rate(other)} req/s)`, target: least === undefined ? '' : `≥ ${least}`, ...(least === undefined ? {} : { pass: ratio >= least }), ...(doubt.length > 0 ? { doubt: doubt.join('; ') } : {}) }]
  })
  const facts = Object.fromEntries(Object.entries(measured).map(([name, one]) => [name, Math.round(one.requestsPerSecond)]))
  return { rows, facts: { [scenario.name]: { ours: null, hand: null, nodeRed: null, ...facts } } }
}

function doubts(name: string, one: Measured, saturate: boolean): string[] {
  const found: string[] = []
  if (saturate && one.busy < saturation) found.push(`${name}: not saturated (core ${(one.busy * 100).toFixed(0)} % busy)`)
  if (one.bad > 0) found.push(`${name}: ${one.bad} bad answers (${one.why})`)
  return found
}

function rate(one: Measured): string {
  return Math.round(one.requestsPerSecond).toLocaleString('en')
}

function describe(one: Measured): string {
  return `${rate(one).padStart(8)} req/s  p50 ${one.p50Ms.toFixed(2)} ms  p99 ${one.p99Ms.toFixed(2)} ms  core ${(one.busy * 100).toFixed(0)} %  ${one.cpuUs.toFixed(1)} µs CPU each  ${one.connections} connections${one.bad > 0 ? `  ${one.bad} BAD: ${one.why}` : ''}`
}
