import type { Contestant, Running } from './contestant.ts'
import { cpuMs } from './machine.ts'
import { wrk, type Load, type WrkResult } from './wrk.ts'

/** What one contestant did over all rounds. */
export interface Measured {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Share of its core that the server was busy, 0–1. */
  readonly busy: number
  /** Processor time per request, µs: what a busy machine disturbs least. */
  readonly cpuUs: number
  /** Connections of the load generator. */
  readonly connections: number
  readonly bad: number
  /** What the bad answers were, as far as anybody knows. */
  readonly why?: string
}

interface Round extends WrkResult {
  readonly busy: number
  readonly cpuUs: number
}

export interface RoundOptions {
  readonly seconds: number
  readonly rounds: number
  /** A row counts only when the server's core was this busy. */
  readonly saturation: number
  /** More connections are tried until the core is that busy. */
  readonly mostConnections: number
}

/**
 * Loads the contestants in turn (A B C, A B C, …), so that what the machine does beside it hits all
 * alike, and gives each one's median round.
 */
export async function measure(contestants: readonly Contestant[], load: Load, options: RoundOptions): Promise<Record<string, Measured>> {
  const running: { name: string; server: Running; load: Load; rounds: Round[] }[] = []
  try {
    for (const contestant of contestants) {
      const server = await contestant.start()
      running.push({ name: contestant.name, server, load: { ...load, paths: contestant.paths ?? load.paths, ...server.load }, rounds: [] })
    }
    for (const one of running) one.load = { ...one.load, connections: await warmUp(one.server, one.load, options) }
    for (let round = 0; round < options.rounds; round++) {
      for (const one of running) one.rounds.push(await loadOnce(one.server, one.load, options.seconds))
    }
    return Object.fromEntries(running.map((one) => [one.name, { ...medianRound(one.rounds), connections: one.load.connections, ...whyBad(one.rounds, one.server) }]))
  } finally {
    for (const one of running) await one.server.stop()
  }
}

/** A contestant that gets less than this much cheaper per request from one second to the next is warm. */
const warmAt = 0.95
const mostWarmUps = 10

/** Loads until the compiler has seen the hot paths, and finds the connections it takes to keep the core busy. */
export async function warmUp(server: Running, load: Load, options: RoundOptions): Promise<number> {
  let connections = load.connections
  let cheapest = Number.POSITIVE_INFINITY
  for (let same = 0, round = 0; same < 2 && round < mostWarmUps; round++) {
    const { cpuUs } = await loadOnce(server, load, 1)
    same = cpuUs > cheapest * warmAt ? same + 1 : 0
    cheapest = Math.min(cheapest, cpuUs)
  }
  for (;;) {
    const { busy } = await loadOnce(server, { ...load, connections }, 1)
    if (busy >= options.saturation || connections * 2 > options.mostConnections) return connections
    connections *= 2
  }
}

export async function loadOnce(server: Running, load: Load, seconds: number): Promise<Round> {
  const before = cpuMs(server.pid)
  const start = performance.now()
  const result = await wrk(server.port, load, seconds)
  // wrk starts and ends with a few idle milliseconds, which are not the server's.
  const tookMs = Math.max(seconds * 1000, performance.now() - start - 60)
  const usedMs = cpuMs(server.pid) - before
  return { ...result, busy: Math.min(1, usedMs / tookMs), cpuUs: (usedMs * 1000) / Math.max(1, result.requestsPerSecond * seconds) }
}

function medianRound(rounds: readonly Round[]): Round {
  const sorted = rounds.toSorted((a, b) => a.requestsPerSecond - b.requestsPerSecond)
  const middle = sorted[Math.floor((sorted.length - 1) / 2)] as Round
  const bad = rounds.reduce((sum, round) => sum + round.bad, 0)
  return { ...middle, busy: median(rounds.map((round) => round.busy)), cpuUs: median(rounds.map((round) => round.cpuUs)), p50Ms: median(rounds.map((round) => round.p50Ms)), p99Ms: median(rounds.map((round) => round.p99Ms)), bad }
}

/** Statuses or sockets, and the faults that the server itself has written down since it started. */
function whyBad(rounds: readonly Round[], server: Running): { readonly why?: string } {
  const bad = rounds.reduce((sum, round) => sum + round.bad, 0)
  if (bad === 0) return {}
  const sockets = rounds.reduce((sum, round) => sum + round.sockets, 0)
  return { why: [`${bad - sockets} with a status`, `${sockets} at the socket or too late`, ...(server.faults?.() ?? [])].join(', ') }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}

/** Nearest-rank percentile. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN
}
