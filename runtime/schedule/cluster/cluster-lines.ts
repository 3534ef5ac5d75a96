import { randomBytes } from 'node:crypto'
import { BoundedMap } from '../../core/bounded-map.ts'
import type { Clock } from '../../core/time/clock.ts'
import type { Line, Lines } from '../../core/lines/lines.ts'
import type { Log } from '../../core/log.ts'
import type { OperatedLine } from '../line-desk.ts'
import { createHeldLines } from '../held-lines.ts'
import { createMemoryLines } from '../memory-lines.ts'
import { connectEars, connectRedis, type RedisAddress, whenReady } from '../redis-connection.ts'
import { ClusterLine } from './cluster-line.ts'
import type { ClusterLink } from './cluster-link.ts'
import type { LineMessage } from './messages.ts'
import { SharedTickets } from './shared-tickets.ts'
import { SilenceWatch } from './silence-watch.ts'

export interface ClusterLinesOptions extends RedisAddress {
  /** Before every key. */
  readonly prefix: string
  /** Gateways among which slots are shared out while Redis is away. */
  readonly shares: number
  /** How long Redis may be silent to what it was asked before this gateway goes on by itself; 40. */
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
export function openClusterLines({ prefix, shares, answerMs = 40, clock, log, metrics, ...address }: ClusterLinesOptions): ClusterLines {
  const gateway = randomBytes(6).toString('hex')
  const redis = connectRedis(address)
  const ears = connectEars(address, redis)
  const alone = createMemoryLines(clock)
  const closing = new Set<Promise<void>>()
  const shared = createHeldLines((spec) => new ClusterLine(spec, link), (line) => {
    const done = line.close().finally(() => closing.delete(done))
    closing.add(done)
  })
  let suspected = false
  let closed = false
  let cancelProbe: (() => void) | undefined
  const isHealthy = () => !suspected && redis.status === 'ready'

  const channelOf = (name: string) => `${prefix}grants:${name}`
  let sent = 0
  /** Number of the last message of each gateway: when a connection is made anew, one may come a second time. */
  const heard = new BoundedMap<number>(1000)
  void ears.subscribe(channelOf(gateway)).catch(() => {})
  ears.on('message', (_channel: string, text: string) => {
    const [from, number, message] = JSON.parse(text) as [string, number, LineMessage]
    if (number <= (heard.get(from) ?? 0)) return
    heard.set(from, number)
    shared.find(message.line)?.hear(message, from)
  })
  redis.on('close', () => suspect())
  const watch = new SilenceWatch({ clock, limitMs: answerMs, heard: () => redis.stream?.bytesRead, silent: suspect })

  function suspect(): void {
    if (suspected || closed) return
    suspected = true
    metrics.count('lines_lost')
    log.warn({}, 'Redis does not answer: lines of the cluster go on with this gateway’s share of the slots.')
    for (const line of shared.list()) line.goLocal()
    probe()
  }

  function probe(): void {
    cancelProbe = clock.setTimer(() => {
      if (closed) return
      if (redis.status !== 'ready') return probe()
      // Turns come by the other connection: one that leads nowhere would lose them.
      Promise.all([redis.ping(), ears.ping()]).then(() => {
        suspected = false
        log.info({}, 'Redis answers again: lines are shared by all gateways.')
      }, probe)
    }, probeMs)
  }

  const link: ClusterLink = {
    gateway,
    clock,
    log,
    shares,
    openTickets: (line, noteFailure) => new SharedTickets(line, { redis, prefix: `${prefix}lines`, noteFailure }),
    healthy: isHealthy,
    answered: (answer) => watch.answered(answer),
    tell: async (to, message) => (await redis.publish(channelOf(to), JSON.stringify([gateway, ++sent, message]))) > 0,
    count: (name, labels) => metrics.count(name, labels),
  }

  return {
    get healthy() {
      return isHealthy()
    },
    open: (spec) => (spec.scope === 'cluster' ? shared.open(spec) : alone.open(spec)),
    find: (name) => shared.find(name) ?? alone.find(name),
    list: () => [...shared.list(), ...alone.list()],
    connected: (limitMs) => whenReady(redis, clock, limitMs),
    kill() {
      closed = true
      cancelProbe?.()
      watch.stop()
      for (const line of shared.list()) line.kill()
      redis.disconnect()
      ears.disconnect()
    },
    async close() {
      if (closed) return
      closed = true
      cancelProbe?.()
      watch.stop()
      await Promise.allSettled([...shared.list().map((line) => line.close()), ...closing])
      redis.disconnect()
      ears.disconnect()
    },
  }
}
