import { Redis } from 'ioredis'
import type { Clock } from '../core/time/clock.ts'
import type { Log } from '../core/log.ts'
import { createDeadlines, type Deadlines } from './deadlines.ts'
import { redisScripts } from './redis-scripts.ts'

export interface RedisLinkOptions {
  /** `redis://` or `rediss://`, with user, password and database as far as needed. */
  readonly url: string
  /** Certificates of authorities that `rediss://` servers may be signed by, beside the public ones. */
  readonly ca?: readonly string[]
  /** Before every key. */
  readonly prefix: string
  /** How long a charge waits for an answer before that counts as loss. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly log: Log
  /** Lua expression for the server's time, so that tests can hold it. Default: its command `TIME`. */
  readonly time?: string
  /** What lies there, for the log. Default: the state. */
  readonly for?: 'state' | 'cache'
  readonly metrics: { count(name: string, labels?: Readonly<Record<string, string>>): void }
}

type Arg = string | number
type Script = (keyCount: number, ...args: readonly Arg[]) => Promise<unknown>

/** ioredis with our scripts: sent whole once a connection, by their hash after that. */
export type Commands = Redis & Readonly<Record<keyof ReturnType<typeof redisScripts>, Script>>

/** The connection, and the knowledge of whether it answers. */
export interface RedisLink {
  readonly healthy: boolean
  /** Why it does not answer, as words for a person. */
  readonly reason: string
  /** Before every key. */
  readonly prefix: string
  now(): number
  /** Whether a time of the store lies in the last stretch in which it was away. */
  wasLostAt(ms: number): boolean
  /** Takes the store's time from an answer to what was sent at `sentMs` of this machine's clock. */
  heard(storeMs: number, sentMs: number): void
  /**
   * One command. `late` gets an answer that comes after the wait was given up.
   * @throws Lost
   */
  ask<T>(patience: 'charge' | 'record', command: (redis: Commands) => Promise<T>, late?: (answer: T) => void): Promise<T>
  /** Sends what may fail, as long as there is a connection, also to a server that is silent at present: it may wake. */
  tell(command: (redis: Commands) => Promise<unknown>): Promise<void>
  /** Resolves with the first connection, or false after so long without one. */
  connected(limitMs: number): Promise<boolean>
  close(): Promise<void>
}

/** The store did not do what it was asked, or nobody knows. */
export class Lost extends Error {
  override readonly name = 'Lost'
}

/** Records wait longer: nobody counts on them within milliseconds. */
const recordPatienceMs = 1000
/** Pause between looks whether it answers again. */
const probePauseMs = 100
/** A probe without an answer for so long ends the connection, so that a new one is made. */
const probeLimitMs = 2000
/** Answers that say that the server does nothing for anybody at present. */
const refusesAll = /^(OOM|READONLY|LOADING|MISCONF|NOAUTH|NOPERM|WRONGPASS|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|BUSY)\b/

export function openRedisLink({ url, ca, prefix, timeoutMs, clock, log, metrics, time, for: what = 'state' }: RedisLinkOptions): RedisLink {
  const charges = createDeadlines(clock, timeoutMs)
  const records = createDeadlines(clock, Math.max(recordPatienceMs, timeoutMs))
  const probes = createDeadlines(clock, probeLimitMs)
  const waiting = new Set<() => void>()
  let healthy = false
  /** Nothing is said before the first connection has been made or has failed. */
  let announced: 'nothing' | 'there' | 'away' = 'nothing'
  let reason = 'there is no connection yet'
  let offsetMs = 0
  let lostAtMs = clock.now()
  let foundAtMs = Infinity
  let closed = false
  let cancelProbe: (() => void) | undefined
  let probing = false
  /** The connection that holds back what is written until the end of this turn. */
  let gathering: Commands['stream'] | undefined

  const redis = new Redis(url, {
    keyPrefix: prefix,
    protocol: 2,
    disableClientInfo: true,
    // What was sent may have been done: nothing is sent twice, nothing waits for a connection.
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: probeLimitMs,
    keepAlive: 10_000,
    retryStrategy: (times) => Math.min(25 * 2 ** Math.min(times, 6), 1000) * (0.75 + Math.random() / 2),
    ...(ca && url.startsWith('rediss:') ? { tls: { ca: [...ca] } } : {}),
  }) as Commands
  for (const [name, lua] of Object.entries(redisScripts(time))) {
    redis.defineCommand(name, { lua })
  }
  let lastError = ''
  redis.on('error', (error: Error & { code?: string }) => (lastError = error.message || error.code || ''))
  let greeted: (() => void) | undefined
  redis.on('connect', () => (greeted = probes.add(() => redis.disconnect(true))))
  redis.on('close', () => {
    greeted?.()
    lose(lastError === '' ? 'the connection was closed' : lastError)
  })
  redis.on('ready', () => {
    greeted?.()
    lastError = ''
    probe()
  })

  function lose(why: string): void {
    if (closed) return
    reason = why
    if (healthy) {
      lostAtMs = now()
      foundAtMs = Infinity
    }
    healthy = false
    if (announced === 'away') return
    announced = 'away'
    metrics.count(what === 'state' ? 'state_losses' : 'cache_losses')
    if (what === 'state') log.error({ reason: why }, 'The shared state is away: limits are decided by what each node says for this case.')
    else log.error({ reason: why }, 'The shared cache is away: nothing is found in it and nothing is kept.')
  }

  function find(): void {
    healthy = true
    foundAtMs = now()
    for (const wake of waiting) wake()
    if (announced === 'away') log.info({ awayMs: Math.max(0, Math.round(foundAtMs - lostAtMs)) }, `The shared ${what} answers again.`)
    else if (announced === 'nothing') log.info({}, `The shared ${what} is connected.`)
    announced = 'there'
  }

  /** Asks for a write, which says more than a ping: a full or read-only server answers pings. */
  function probe(): void {
    if (closed || probing || healthy || redis.status !== 'ready') return
    probing = true
    const sentMs = clock.now()
    let tooLate = false
    const inTime = charges.add(() => (tooLate = true))
    const done = probes.add(() => redis.disconnect(true))
    const again = () => {
      cancelProbe?.()
      cancelProbe = clock.setTimer(probe, probePauseMs)
    }
    Promise.all([redis.time(), redis.set('probe', '1', 'PX', 1000)]).then(
      ([[seconds, micros]]) => {
        heard(Number(seconds) * 1000 + Math.floor(Number(micros) / 1000), sentMs)
        // An answer that comes too late for a charge is none.
        if (tooLate) again()
        else find()
      },
      (error: Error) => {
        if (redis.status === 'ready') lose(error.message)
        again()
      },
    ).finally(() => {
      probing = false
      inTime()
      done()
    })
  }

  function now(): number {
    return clock.now() + offsetMs
  }

  function heard(storeMs: number, sentMs: number): void {
    offsetMs = storeMs - (sentMs + clock.now()) / 2
  }

  /** What one turn of the event loop asks leaves in one write: on a busy gateway writing costs more than what is written. */
  function gather(): void {
    const { stream } = redis
    if (gathering === stream) return
    gathering = stream
    stream.cork()
    setImmediate(() => {
      stream.uncork()
      if (gathering === stream) gathering = undefined
    })
  }

  function ask<T>(patience: 'charge' | 'record', command: (redis: Commands) => Promise<T>, late?: (answer: T) => void): Promise<T> {
    if (!healthy) return Promise.reject(new Lost(reason))
    const deadlines: Deadlines = patience === 'charge' ? charges : records
    return new Promise<T>((resolve, reject) => {
      let gaveUp = false
      gather()
      const done = deadlines.add(() => {
        gaveUp = true
        lose(`it did not answer within ${patience === 'charge' ? timeoutMs : Math.max(recordPatienceMs, timeoutMs)} ms`)
        reject(new Lost(reason))
        probe()
      })
      command(redis).then(
        (answer) => {
          done()
          if (gaveUp) late?.(answer)
          else resolve(answer)
        },
        (error: Error) => {
          done()
          if (refusesAll.test(error.message)) {
            lose(error.message)
            probe()
          }
          reject(new Lost(error.message, { cause: error }))
        },
      )
    })
  }

  return {
    get healthy() {
      return healthy
    },
    get reason() {
      return reason
    },
    prefix,
    now,
    wasLostAt: (ms) => ms >= lostAtMs && ms <= foundAtMs,
    heard,
    ask,
    async tell(command) {
      if (redis.status !== 'ready') return
      await command(redis).then(() => {}, () => {})
    },
    connected(limitMs) {
      if (healthy) return Promise.resolve(true)
      return new Promise((resolve) => {
        const end = (found: boolean) => {
          waiting.delete(wake)
          cancel()
          resolve(found)
        }
        const wake = () => end(true)
        const cancel = clock.setTimer(() => end(healthy), limitMs)
        waiting.add(wake)
      })
    },
    async close() {
      const last = healthy ? redis.quit().catch(() => undefined) : undefined
      closed = true
      healthy = false
      reason = 'this gateway is closing'
      for (const wake of waiting) wake()
      // What nodes gave back at the end is sent before the connection goes; a silent server does not hold the end up.
      if (last) await Promise.race([last, new Promise<void>((resolve) => clock.setTimer(resolve, timeoutMs))])
      redis.disconnect()
      cancelProbe?.()
      for (const deadlines of [charges, records, probes]) deadlines.clear()
    },
  }
}
