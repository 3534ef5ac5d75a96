import type { EditorNode } from '../../../runtime/core/flow.ts'
import { startEstateWith } from '../../kit/estate.ts'
import { flow, type FlowBuilder } from '../../kit/flow-builder.ts'
import { serverCore } from '../machine.ts'
import { nodeRed } from '../node-red.ts'
import { pin } from '../ours.ts'

export const path = '/work'
export const slots = 20
export const serviceMs = 50
export const maxWaitMs = 2000
export const gatewayCount = 4

export interface RunningQueue {
  readonly port: number
  /** Processes that serve. */
  readonly pids: readonly number[]
  stop(): Promise<void>
}

export interface QueueContestant {
  readonly name: string
  /** What people read in the table and the chart. */
  readonly label: string
  start(backend: number): Promise<RunningQueue>
}

interface QueueOptions {
  readonly resource?: Readonly<Record<string, unknown>>
  readonly queue?: Readonly<Record<string, unknown>>
}

/** `http in → priority queue → service callout → respond`; the priority is what the caller says. */
export function queued(backend: number, { resource = {}, queue = {} }: QueueOptions): EditorNode[] {
  const built: FlowBuilder = flow('work')
    .httpIn('GET', path)
    .node('priority queue', { resource: 'host', priority: 'payload.p', priorityType: 'msg', maxWaitMs, hold: 'done', showWait: true, compat: 'none', ...queue }, 2)
    .node('service callout', { method: 'GET', url: `http://127.0.0.1:${backend}/work`, timeoutMs: 20_000 }, 2)
    .node('respond', {}, 0)
  return [...built.nodes(), { id: 'host', type: 'resource', name: 'host', slots, ratePerSecond: 0, burst: 1, order: 'strict', ageing: 0.05, weights: [], reserve: [], maxDepth: 10_000, scope: 'gateway', ...resource }]
}

function ours(name: string, label: string, options: QueueOptions, redisUrl?: string): QueueContestant {
  return {
    name,
    label,
    async start(backend) {
      const estate = await startEstateWith(queued(backend, options), { env: { SLUICE_EGRESS_ALLOW: `127.0.0.1:${backend}`, ...(redisUrl === undefined ? {} : { SLUICE_REDIS_URL: redisUrl, SLUICE_GATEWAYS: String(gatewayCount) }) } })
      for (const pid of estate.pids.gateways) await pin(pid, serverCore)
      return { port: estate.gatewayPort, pids: estate.pids.gateways, stop: async () => void (await estate.stop()) }
    },
  }
}

/** Node-RED's way to spare a backend: a delay node that lets so many through a second, first come, first served. */
function stock(): QueueContestant {
  return {
    name: 'nodeRed',
    label: 'Node-RED, delay node',
    async start(backend) {
      const nodes = flow('work')
        .httpIn('GET', path)
        .node('delay', { pauseType: 'rate', timeout: '5', timeoutUnits: 'seconds', rate: String((slots * 1000) / serviceMs), nbRateUnits: '1', rateUnits: 'second', randomFirst: '1', randomLast: '5', randomUnits: 'seconds', drop: false, allowrate: false, outputs: 1 })
        .node('http request', { method: 'GET', ret: 'txt', paytoqs: 'ignore', url: `http://127.0.0.1:${backend}/work`, tls: '', persist: true, proxy: '', insecureHTTPParser: false, authType: '', senderr: false, headers: [] })
        .httpResponse()
        .nodes()
      const { port, pid, stop } = await nodeRed(nodes).start()
      return { port, pids: [pid], stop }
    },
  }
}

/** Everybody who takes part. FIFO is our queue with one priority for all. */
export function contestants(redisUrl: string): readonly QueueContestant[] {
  return [
    ours('gateway', 'strict, one gateway', {}),
    ours('weighted', 'weighted, one gateway', { resource: { order: 'weighted' } }),
    ours('cluster', `strict, ${gatewayCount} gateways on BullMQ`, { resource: { scope: 'cluster' } }, redisUrl),
    ours('clusterWeighted', `weighted, ${gatewayCount} gateways on BullMQ`, { resource: { scope: 'cluster', order: 'weighted', name: 'host w' } }, redisUrl),
    ours('fifo', 'FIFO, no priority', { queue: { priority: '5', priorityType: 'num' } }),
    ours('tsmp', 'TSMP’s formula', { queue: { compat: 'tsmp' } }),
    stock(),
  ]
}
