import type { ClientCopy } from '../core/access/clients.ts'
import type { Clock } from '../core/time/clock.ts'
import type { DecisionQueue } from '../core/access/decision.ts'
import type { Deployer, GatewayEvent } from '../core/deployer.ts'
import type { LedgerAnswer, LedgerQueue } from '../core/state/ledger.ts'
import type { Log } from '../core/log.ts'
import type { PollReply, SyncMessage } from '../core/sync-wire.ts'
import { openClientsDisk } from './clients-disk.ts'
import { createClientsSync } from './clients-sync.ts'
import { ControlError, createControlClient } from './control-client.ts'
import { createDecisionLine } from './decision-line.ts'
import { openDisk } from './disk.ts'
import { createMembership } from './membership.ts'
import { createOutbox } from './outbox.ts'
import { createRecordLine } from './record-line.ts'
import { createReleasesSync } from './releases-sync.ts'

export interface SyncOptions {
  /** `http(s)://host:port` of the control plane. */
  readonly controlUrl: string
  /** One-time token; needed once, and again after the key was revoked. */
  readonly token?: string | undefined
  /** Folder of this gateway alone. */
  readonly folder: string
  readonly name: string
  /** Where this gateway serves, for people to see. */
  readonly url?: string | undefined
  readonly version: string
  /** Certificate authority of control, PEM. */
  readonly ca?: string | undefined
  /** The certificate control shows, PEM, where it is known beforehand. */
  readonly pinned?: (() => string) | undefined
  readonly deployer: Deployer
  /** Who may call, to be kept in step with control. */
  readonly clients?: ClientCopy | undefined
  /** Why calls were refused, to be told to control. */
  readonly decisions?: DecisionQueue | undefined
  /** Records for ledgers, to be handed over. */
  readonly records?: LedgerQueue | undefined
  readonly log: Log
  readonly clock: Clock
  readonly limits?: Partial<SyncClientLimits> | undefined
}

export interface SyncClientLimits {
  readonly timeoutMs: number
  readonly firstRetryMs: number
  readonly longestRetryMs: number
  /** How long polls are used after streams did not get through. */
  readonly pollForMs: number
  /** A stream without any sign of life for so long is broken. */
  readonly silenceMs: number
  /** How long after a release could not be loaded it is tried again. */
  readonly settleAgainMs: number
  /** How long `close` waits for what is being prepared. */
  readonly closeMs: number
}

const defaultLimits: SyncClientLimits = { timeoutMs: 30_000, firstRetryMs: 200, longestRetryMs: 10_000, pollForMs: 60_000, silenceMs: 7000, settleAgainMs: 15_000, closeMs: 2000 }
/** What a gateway that ends gets to tell of the calls it refused last. */
const lastWordMs = 500

export interface SyncState {
  readonly connection: 'stream' | 'poll' | 'away'
  readonly gatewayId?: string
  /** What this gateway runs. */
  readonly release?: number
  readonly hash?: string
  readonly lastError?: string
}

/** The gateway's line to control. Control may be away for as long as it likes: what was loaded goes on serving. */
export interface Sync {
  /** Loads the last good release from disk, then connects and catches up in the background. */
  start(): Promise<void>
  /** Puts the release that lies on disk live; false when there is none that can be trusted and run. */
  loadLastGood(): Promise<boolean>
  /** Bounded and never in the way: what cannot be sent in time is dropped and counted. */
  publish(event: GatewayEvent): void
  state(): SyncState
  close(): Promise<void>
}

/** Wires what follows control; nothing is read or asked before `start()`. */
export function openSync(options: SyncOptions): Sync {
  const { deployer, log, clock, folder } = options
  const limits = { ...defaultLimits, ...options.limits }
  const disk = openDisk(folder)
  const client = createControlClient({
    controlUrl: options.controlUrl,
    ca: options.ca,
    pinned: options.pinned,
    clock,
    timeoutMs: limits.timeoutMs,
    headers: { 'x-sluice-version': options.version, ...(options.url === undefined ? {} : { 'x-sluice-url': options.url }) },
  })
  const outbox = createOutbox({
    clock,
    async post(body) {
      if (connection === 'away') throw new Error('control is away')
      await call('POST', 'events', body)
    },
  })

  let connection: SyncState['connection'] = 'away'
  let lastError: string | undefined
  let heartbeatMs = 0
  let closed = false
  let wake = () => {}
  let running: Promise<void> = Promise.resolve()

  const call = (method: 'GET' | 'POST', path: string, body?: unknown, withinMs?: number) => client.call(method, `/sync/${path}`, membership.identity?.key, body, withinMs)
  const publicKeys = () => membership.identity?.publicKeys ?? []

  const membership = createMembership({
    disk,
    client,
    log,
    token: options.token,
    name: options.name,
    url: options.url,
    version: options.version,
    joined(standing) {
      releases.joined(standing?.release)
      callers?.joined(standing?.clients)
    },
  })

  const callers = options.clients && createClientsSync({
    clients: options.clients,
    disk: openClientsDisk(options.folder),
    log,
    clock,
    retryMs: limits.settleAgainMs,
    connected: () => connection !== 'away',
    publicKeys,
    sealKey: membership.sealKey,
    folderKey: () => disk.sealKey(),
    call,
  })

  const releases = createReleasesSync({
    deployer, disk, log, clock, call, noteError, publicKeys,
    name: options.name,
    version: options.version,
    settleAgainMs: limits.settleAgainMs,
    sealKey: membership.sealKey,
    callersKnown: () => callers?.first,
  })

  const decisions = options.decisions && createDecisionLine({
    queue: options.decisions,
    clock,
    connected: () => connection !== 'away',
    async post(batch) {
      await call('POST', 'decisions', batch)
    },
  })

  const records = options.records && createRecordLine({
    queue: options.records,
    clock,
    log,
    connected: () => connection !== 'away',
    post: async (batch) => (await call('POST', 'records', batch)) as { answers: LedgerAnswer[] },
  })

  // --- connection ------------------------------------------------------------------------------

  async function run(): Promise<void> {
    let failures = 0
    while (!closed) {
      const helloBefore = hellos
      try {
        const { key } = await membership.join()
        // Streams that did not get through twice: a proxy may hold them back, which polls survive.
        await follow(failures > 0 && failures % 3 === 2 ? 'poll' : 'stream', key)
      } catch (thrown) {
        noteError(thrown)
        if (thrown instanceof ControlError && thrown.status === 401) membership.rejected()
      }
      connection = 'away'
      failures = hellos > helloBefore ? 0 : failures + 1
      await pause(failures)
    }
  }

  let hellos = 0

  async function follow(mode: 'stream' | 'poll', key: string): Promise<void> {
    const receive = (message: SyncMessage) => {
      if (message.do === 'hello') {
        hellos++
        connection = mode
        heartbeatMs = message.heartbeatMs
        lastError = undefined
        log.info({ mode }, 'connected to the control plane')
        decisions?.connected()
        records?.connected()
      }
      handle(message)
    }
    if (mode === 'stream') {
      const silenceMs = () => Math.max(heartbeatMs * 3, limits.silenceMs)
      return await client.stream('/sync/events', key, (text) => receive(JSON.parse(text) as SyncMessage), silenceMs, () => callers?.alive())
    }
    const until = clock.elapsed() + limits.pollForMs
    let after: number | undefined
    while (!closed && clock.elapsed() < until) {
      const reply = (await call('GET', after === undefined ? 'state' : `state?after=${after}`)) as PollReply
      after = reply.after
      reply.messages.forEach(receive)
      callers?.alive()
    }
  }

  /** Longer after every failure, and never all gateways at the same moment. */
  async function pause(failures: number): Promise<void> {
    if (closed) return
    const longest = Math.min(limits.firstRetryMs * 2 ** Math.min(failures, 16), limits.longestRetryMs)
    await new Promise<void>((resolve) => {
      const cancel = clock.setTimer(resolve, longest * (0.5 + Math.random() / 2))
      wake = () => {
        cancel()
        resolve()
      }
    })
  }

  function noteError(thrown: unknown): void {
    const text = thrown instanceof Error ? thrown.message || (thrown as NodeJS.ErrnoException).code || 'unknown' : 'unknown'
    if (!closed && text !== lastError) log.warn({ reason: text }, 'no connection to the control plane; what is loaded goes on serving')
    lastError = text
  }

  // --- messages --------------------------------------------------------------------------------

  function handle(message: SyncMessage): void {
    if (message.do === 'command') {
      void answerCommand(message)
      return
    }
    // Callers do not wait for a release that is being prepared.
    callers?.hear(message)
    if (message.do !== 'clients') releases.hear(message)
  }

  async function answerCommand({ call: id, command }: SyncMessage & { do: 'command' }): Promise<void> {
    const reply = await deployer.command(command).then(
      (result) => ({ call: id, result }),
      (thrown: unknown) => ({ call: id, error: thrown instanceof Error ? thrown.message : 'the command failed' }),
    )
    await call('POST', 'replies', reply).catch(noteError)
  }

  async function loadLastGood(): Promise<boolean> {
    if (!(await membership.load())) return false
    await callers?.load()
    return await releases.load()
  }

  return {
    loadLastGood,
    async start() {
      if (!releases.live) await loadLastGood()
      options.clients?.follow()
      running = run()
    },
    publish: (event) => outbox.publish(event),
    state() {
      const { identity } = membership
      const { live } = releases
      return {
        connection,
        ...(identity ? { gatewayId: identity.gatewayId } : {}),
        ...(live ? { release: live.id, hash: live.hash } : {}),
        ...(lastError === undefined ? {} : { lastError }),
      }
    },
    async close() {
      closed = true
      wake()
      releases.stopTrying()
      const told = callers?.close()
      await Promise.race([Promise.all([decisions?.flush(), records?.flush()]), new Promise<void>((resolve) => void clock.setTimer(resolve, lastWordMs))])
      decisions?.close()
      records?.close()
      client.close()
      // A prepare that hangs may not keep the process from ending.
      await Promise.race([running.then(() => Promise.all([releases.idle(), told])), new Promise<void>((resolve) => void clock.setTimer(resolve, limits.closeMs))])
      await releases.close()
    },
  }
}
