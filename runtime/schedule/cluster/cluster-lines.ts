import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Clock } from '../../core/clock.ts'
import type { Line, Lines, LineSpec } from '../../core/lines.ts'
import type { Log } from '../../core/log.ts'
import type { OperatedLine } from '../line-desk.ts'
import { createMemoryLines } from '../memory-lines.ts'
import { ClusterLine, type ClusterLink, type Grant } from './cluster-line.ts'

export interface ClusterLinesOptions {
  /** `redis://` or `rediss://`. */
  readonly url: string
  /** Certificates of authorities that `rediss://` servers may be signed by, beside the public ones. */
  readonly ca?: readonly string[]
  /** Before every key. */
  readonly prefix: string
  /** Gateways among which slots are shared out while Redis is away. */
  readonly shares: number
  /** How long an answer of Redis is waited for before this gateway goes on by itself; 40. */
  readonly answerMs?: number
  readonly clock: Clock
  readonly log: Log
  readonly metrics: { count(name: string, labels?: Readonly<Record<string, string>>): void }
}

export interface ClusterLines extends Lines {
  readonly healthy: boolean
  find(name: string): (Line & OperatedLine) | undefined
  list(): readonly (Line & OperatedLine)[]
  /** Resolves with the first connection, or false after so long without one. */
  connected(limitMs: number): Promise<boolean>
  close(): Promise<void>
  /** Ends the connections at once, as a crash would. */
  kill(): void
}

/** Pause between looks whether Redis answers again. */
const probeMs = 100

/** Lines that all gateways on one Redis share, and those that each has for itself. */
export function openClusterLines({ url, ca, prefix, shares, answerMs = 40, clock, log, metrics }: ClusterLinesOptions): ClusterLines {
  const gateway = randomBytes(6).toString('hex')
  const connect = () => {
    const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: (tries) => Math.min(50 * tries, 500), enableReadyCheck: true, ...(ca && ca.length > 0 ? { tls: { ca: [...ca] } } : {}) })
    redis.on('error', () => {}) // said by `healthy`
    return redis
  }
  const redis = connect()
  const ears = connect()
  const alone = createMemoryLines(clock)
  const lines = new Map<string, { readonly line: ClusterLine; holders: number }>()
  const closing = new Set<Promise<void>>()
  let suspected = false
  let closed = false
  let cancelProbe: (() => void) | undefined
  const isHealthy = () => !suspected && redis.status === 'ready'

  const channelOf = (name: string) => `${prefix}grants:${name}`
  void ears.subscribe(channelOf(gateway)).catch(() => {})
  ears.on('message', (_channel: string, text: string) => {
    const grant = JSON.parse(text) as Grant
    lines.get(grant.line)?.line.granted(grant)
  })
  redis.on('close', () => suspect())

  function suspect(): void {
    if (suspected || closed) return
    suspected = true
    metrics.count('lines_lost')
    log.warn({}, 'Redis does not answer: lines of the cluster go on with this gateway’s share of the slots.')
    for (const { line } of lines.values()) line.goLocal()
    probe()
  }

  function probe(): void {
    cancelProbe = clock.setTimer(() => {
      if (closed) return
      if (redis.status !== 'ready') return probe()
      let answered = false
      redis.ping().then(() => {
        answered = true
        suspected = false
        log.info({}, 'Redis answers again: lines are shared by all gateways.')
      }, () => {})
      clock.setTimer(() => {
        if (!answered) probe()
      }, probeMs)
    }, probeMs)
  }

  const link: ClusterLink = {
    gateway,
    redis,
    prefix: `${prefix}lines`,
    clock,
    log,
    shares,
    answerMs,
    healthy: isHealthy,
    suspect,
    grant: async (to, grant) => (await redis.publish(channelOf(to), JSON.stringify(grant))) > 0,
    count: (name, labels) => metrics.count(name, labels),
  }

  function openShared(spec: LineSpec) {
    let held = lines.get(spec.name)
    if (held) held.line.setPolicy(spec.policy)
    else lines.set(spec.name, (held = { line: new ClusterLine(spec, link), holders: 0 }))
    held.holders += 1
    const { line } = held
    let given = false
    return {
      line,
      close() {
        if (given) return
        given = true
        if (--held.holders > 0) return
        lines.delete(spec.name)
        const done = line.close().finally(() => closing.delete(done))
        closing.add(done)
      },
    }
  }

  return {
    get healthy() {
      return isHealthy()
    },
    open: (spec) => (spec.scope === 'cluster' ? openShared(spec) : alone.open(spec)),
    find: (name) => lines.get(name)?.line ?? alone.find(name),
    list: () => [...[...lines.values()].map(({ line }) => line), ...alone.list()],
    connected: (limitMs) => redis.status === 'ready' ? Promise.resolve(true) : new Promise((resolve) => {
      const cancel = clock.setTimer(() => resolve(false), limitMs)
      redis.once('ready', () => (cancel(), resolve(true)))
    }),
    kill() {
      closed = true
      cancelProbe?.()
      for (const { line } of lines.values()) line.kill()
      redis.disconnect()
      ears.disconnect()
    },
    async close() {
      if (closed) return
      closed = true
      cancelProbe?.()
      await Promise.allSettled([...[...lines.values()].map(({ line }) => line.close()), ...closing])
      redis.disconnect()
      ears.disconnect()
    },
  }
}
