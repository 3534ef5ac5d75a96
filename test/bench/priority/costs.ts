import { setTimeout as pause } from 'node:timers/promises'
import { createServer } from 'node:http'
import { systemClock } from '../../../runtime/core/time/clock.ts'
import type { EditorNode } from '../../../runtime/core/flow.ts'
import { defaultWeights, type Line, type Lines, type Place } from '../../../runtime/core/lines/lines.ts'
import { silentLog } from '../../../runtime/core/log.ts'
import { openClusterLines } from '../../../runtime/schedule/cluster/cluster-lines.ts'
import { createMemoryLines } from '../../../runtime/schedule/memory-lines.ts'
import { startEstateWith } from '../../kit/estate.ts'
import { flow } from '../../kit/flow-builder.ts'
import { RawConnection } from '../../kit/raw-http.ts'
import { startChild } from '../child.ts'
import type { Contestant } from '../contestant.ts'
import { loadCore, residentMb, serverCore } from '../machine.ts'
import { ours, pin } from '../ours.ts'
import { measure, median } from '../rounds.ts'
import { wrk } from '../wrk.ts'
import { gatewayCount } from './contestants.ts'

const path = '/idle'

/** A queue that nobody ever has to wait in. */
function passing(scope: 'gateway' | 'cluster'): EditorNode[] {
  const nodes = flow('idle').httpIn('GET', path).node('priority queue', { resource: 'wide', priority: '5', priorityType: 'num', maxWaitMs: 10_000, hold: 'done', showWait: false, compat: 'none' }, 2).httpResponse().nodes()
  return [...nodes, { id: 'wide', type: 'resource', name: 'wide', slots: 1000, ratePerSecond: 0, burst: 1, order: 'strict', ageing: 0.05, weights: [], reserve: [], maxDepth: 10_000, scope }]
}

const plain = () => flow('idle').httpIn('GET', path).httpResponse().nodes()

/** Processor time that an idle queue in the memory of one gateway adds to a request, µs. */
export async function idleUs(seconds: number, rounds: number): Promise<number> {
  const rename = (contestant: Contestant, name: string): Contestant => ({ ...contestant, name })
  const measured = await measure([rename(ours(plain()), 'without'), rename(ours(passing('gateway')), 'with')], { paths: [path], connections: 32 }, { seconds, rounds, saturation: 0.95, mostConnections: 128 })
  return measured['with']!.cpuUs - measured['without']!.cpuUs
}

/** What a turn through BullMQ adds to a request when nobody waits, ms; and how many turns a second four gateways give. */
export async function clusterCosts(redisUrl: string, seconds: number): Promise<{ readonly idleMs: number; readonly perSecond: number; readonly bad: number }> {
  const env = { SLUICE_REDIS_URL: redisUrl, SLUICE_GATEWAYS: String(gatewayCount) }
  const without = await startEstateWith(plain(), { env })
  const counting = await startEstateWith(passing('cluster'), { env })
  try {
    for (const estate of [without, counting]) for (const pid of estate.pids.gateways) await pin(pid, serverCore)
    const differences: number[] = []
    for (let round = 0; round < 9; round += 1) differences.push((await latencyMs(counting.gatewayPort)) - (await latencyMs(without.gatewayPort)))
    await wrk(counting.gatewayPort, { paths: [path], connections: 64 }, 2)
    const { requestsPerSecond, bad } = await wrk(counting.gatewayPort, { paths: [path], connections: 64 }, seconds)
    return { idleMs: median(differences), perSecond: requestsPerSecond, bad }
  } finally {
    await without.stop()
    await counting.stop()
  }
}

/** Median of one request after the other. */
async function latencyMs(port: number): Promise<number> {
  const connection = new RawConnection('127.0.0.1', port)
  const times: number[] = []
  for (let i = 0; i < 300; i += 1) {
    const began = performance.now()
    await connection.exchange(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    times.push(performance.now() - began)
  }
  connection.close()
  return median(times)
}

/** How long an urgent one waits behind so many unimportant ones, beyond the service time of the one under way, ms. */
export async function urgentMs(scope: 'gateway' | 'cluster', redisUrl: string, waiting = 100_000): Promise<number> {
  const cluster = scope === 'cluster' ? openClusterLines({ url: redisUrl, prefix: 'urgent:', shares: 1, answerMs: 60_000, clock: systemClock, log: silentLog, metrics: { count: () => {} } }) : undefined
  const lines: Lines = cluster ?? createMemoryLines(systemClock)
  await cluster?.connected(5000)
  const { line } = lines.open({ name: 'urgent', scope, policy: { order: 'strict', slots: 1, ageingShare: 0.05, weights: defaultWeights, maxDepth: 1_000_000 } })
  try {
    const first = await admitted(line, 9).admitted
    for (let i = 0; i < waiting; i += 1) {
      line.enter(9, Infinity, (place) => line.leave(place))
      if (i % 500 === 499) await new Promise((resolve) => setImmediate(resolve))
    }
    if (cluster) await pause(1000)
    const urgent = admitted(line, 0)
    if (cluster) await pause(200)
    const began = performance.now()
    line.leave(first)
    const place = await urgent.admitted
    const tookMs = performance.now() - began
    line.leave(place)
    return tookMs
  } finally {
    await cluster?.close()
  }
}

function admitted(line: Line, priority: 0 | 9): { readonly admitted: Promise<Place> } {
  return { admitted: new Promise((resolve, reject) => {
    const settle = (place: Place) => (place.state === 'admitted' ? resolve(place) : reject(new Error(`no turn: ${place.reason}`)))
    const place = line.enter(priority, Infinity, settle)
    if (place.state !== 'waiting') settle(place)
  }) }
}

/** Memory that waiting requests take in a gateway beyond what bare `node:http` takes to hold as many open, MB. */
export async function waitingMb(count = 10_000): Promise<number> {
  const holding = startChild(process.execPath, ['-e', 'const s = require("node:http").createServer(() => {}); s.listen(0, "127.0.0.1", () => console.log("port " + s.address().port)); s.requestTimeout = 0'], { core: serverCore })
  const sink = createServer(() => {}).listen(0, '127.0.0.1')
  await new Promise((resolve) => sink.once('listening', resolve))
  const backend = (sink.address() as { port: number }).port
  const nodes = flow('hold').httpIn('GET', path).node('priority queue', { resource: 'narrow', priority: '5', priorityType: 'num', maxWaitMs: 600_000, hold: 'done', showWait: false, compat: 'none' }, 2).node('service callout', { method: 'GET', url: `http://127.0.0.1:${backend}/`, timeoutMs: 600_000 }, 2).node('respond', {}, 0).nodes()
  const estate = await startEstateWith([...nodes, { id: 'narrow', type: 'resource', name: 'narrow', slots: 1, ratePerSecond: 0, burst: 1, order: 'strict', ageing: 0.05, weights: [], reserve: [], maxDepth: 100_000, scope: 'gateway' }], { env: { SLUICE_DEADLINE_MS: '600000', SLUICE_EGRESS_ALLOW: `127.0.0.1:${backend}` } })
  try {
    const port = await holding.line((line) => (line.startsWith('port ') ? Number(line.slice(5)) : undefined))
    const [gateway = 0] = estate.pids.gateways
    const bare = await growthMb(holding.pid, port, count)
    const own = await growthMb(gateway, estate.gatewayPort, count)
    return own - bare
  } finally {
    await estate.stop()
    await holding.stop()
    sink.closeAllConnections()
    sink.close()
  }
}

async function growthMb(pid: number, port: number, count: number): Promise<number> {
  const connections: RawConnection[] = []
  const hold = (many: number) => {
    for (let i = 0; i < many; i += 1) {
      const connection = new RawConnection('127.0.0.1', port)
      connections.push(connection)
      connection.exchange(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 600_000).catch(() => {})
    }
  }
  hold(100)
  await pause(1000)
  const before = residentMb(pid)
  for (let held = 0; held < count; held += 500) {
    hold(Math.min(500, count - held))
    await pause(60)
  }
  await pause(3000)
  const after = residentMb(pid)
  for (const connection of connections) connection.close()
  return after - before
}

export const backendCore = loadCore
