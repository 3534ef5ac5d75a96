import { randomBytes } from 'node:crypto'
import type { ClientCopy } from '../core/clients.ts'
import type { Clock } from '../core/clock.ts'
import type { DecisionQueue } from '../core/decision.ts'
import type { Deployer, GatewayEvent, Prepared } from '../core/deployer.ts'
import type { Problem } from '../core/flow.ts'
import type { LedgerAnswer, LedgerQueue } from '../core/ledger.ts'
import type { Log } from '../core/log.ts'
import type { Credentials, Release, ReleaseManifest, Revision } from '../core/release.ts'
import type { Acknowledgement, JoinReply, PollReply, ReleasePointer, RevisionText, SealedCredentials, SignedManifest, Standing, SyncMessage } from '../core/sync-wire.ts'
import { openClientsDisk } from './clients-disk.ts'
import { createClientsSync } from './clients-sync.ts'
import { ControlError, createControlClient } from './control-client.ts'
import { createDecisionLine } from './decision-line.ts'
import { openDisk, type Identity } from './disk.ts'
import { createOutbox } from './outbox.ts'
import { createRecordLine } from './record-line.ts'
import { deriveSealKey, seal, unseal } from '../core/seal.ts'
import { Untrusted, verifyManifest, verifyRevision, verifyStanding } from './verify.ts'

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
const beatMs = 2000
const hashesAtOnce = 100
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

/** A release that is whole and verified. */
interface Whole {
  readonly signed: SignedManifest
  readonly manifest: ReleaseManifest
  readonly revisions: readonly Revision[]
  /** Texts that are not on disk yet. */
  readonly texts: readonly RevisionText[]
  readonly credentials: Credentials
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

  let identity: Identity | undefined
  let live: Whole | undefined
  let staged: { readonly whole: Whole; readonly prepared: Prepared } | undefined
  let connection: SyncState['connection'] = 'away'
  let lastError: string | undefined
  let tokenSpent = false
  /** Control does not know the identity on disk any more. */
  let refused = false
  /** Releases up to this one were seen: an older one is a replay. Joining anew starts over. */
  let newestSeen = 0
  let heartbeatMs = 0
  let closed = false
  let wake = () => {}
  let cancelRetry = () => {}
  let running: Promise<void> = Promise.resolve()
  /** Messages are worked off one after the other; commands are not kept waiting. */
  let line: Promise<void> = Promise.resolve()

  const call = (method: 'GET' | 'POST', path: string, body?: unknown, withinMs?: number) => client.call(method, `/sync/${path}`, identity?.key, body, withinMs)

  const callers = options.clients && createClientsSync({
    clients: options.clients,
    disk: openClientsDisk(options.folder),
    log,
    clock,
    retryMs: limits.settleAgainMs,
    connected: () => connection !== 'away',
    publicKeys: () => identity?.publicKeys ?? [],
    sealKey: () => sealKeyOf(identity as Identity),
    folderKey: () => disk.sealKey(),
    call,
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

  // --- joining ---------------------------------------------------------------------------------

  async function ensureJoined(): Promise<Identity> {
    if (!refused) identity ??= await disk.loadIdentity()
    if (identity) return identity
    if (options.token === undefined || tokenSpent) {
      throw new Error('this gateway has no key of the control plane: give it a new join token with SLUICE_GATEWAY_TOKEN')
    }
    const { token, name, url, version } = options
    const nonce = randomBytes(16).toString('base64url')
    const reply = (await client.call('POST', '/sync/join', undefined, { token, name, url, version, nonce }).catch((thrown: unknown) => {
      // Control has answered: this token will not become good any more.
      if (thrown instanceof ControlError && thrown.status === 401) tokenSpent = true
      throw thrown
    })) as JoinReply
    tokenSpent = true
    const before = (await disk.loadIdentity())?.publicKeys[0]
    identity = { gatewayId: reply.gatewayId, key: reply.key, publicKeys: before && before !== reply.publicKey ? [reply.publicKey, before] : [reply.publicKey] }
    const standing = standingOf(reply, nonce, before)
    newestSeen = Math.min(newestSeen, standing?.release ?? newestSeen)
    refused = false
    callers?.joined(standing?.clients)
    await disk.saveIdentity(identity)
    log.info({ gateway: identity.gatewayId }, 'joined the control plane')
    return identity
  }

  /** How far back control may go: another control plane begins anew; the one that was known has to prove where it stands. */
  function standingOf({ publicKey, standing }: JoinReply, nonce: string, before: string | undefined): Pick<Standing, 'clients' | 'release'> | undefined {
    if (before === undefined || before !== publicKey) return { clients: 0, release: 0 }
    try {
      return verifyStanding(standing, nonce, [publicKey])
    } catch (thrown) {
      log.warn({ reason: (thrown as Error).message }, 'joined anew, but nothing older than what is known here is taken')
      return undefined
    }
  }

  /** Control does not take the key. With a fresh token the gateway joins anew; else it goes on serving and says so. */
  function rejected(): void {
    if (options.token === undefined || tokenSpent) {
      if (!refused) log.error({ gateway: identity?.gatewayId }, 'the control plane refuses the key of this gateway; it goes on serving what it has. Give it a new join token to connect it again')
      refused = true
      return
    }
    identity = undefined
    refused = true
  }

  // --- connection ------------------------------------------------------------------------------

  async function run(): Promise<void> {
    let failures = 0
    while (!closed) {
      const helloBefore = hellos
      try {
        await ensureJoined()
        // Streams that did not get through twice: a proxy may hold them back, which polls survive.
        if (failures > 0 && failures % 3 === 2) await follow('poll')
        else await follow('stream')
      } catch (thrown) {
        noteError(thrown)
        if (thrown instanceof ControlError && thrown.status === 401) rejected()
      }
      connection = 'away'
      failures = hellos > helloBefore ? 0 : failures + 1
      await pause(failures)
    }
  }

  let hellos = 0

  async function follow(mode: 'stream' | 'poll'): Promise<void> {
    const { key } = identity as Identity
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
    if (message.do === 'clients') return
    line = line.then(() => work(message)).catch(noteError)
  }

  async function work(message: SyncMessage): Promise<void> {
    switch (message.do) {
      case 'hello':
        // No flow goes live that would turn away callers only because nobody is known yet.
        if (message.clients && !live) await callers?.first
        return message.current ? await settle(message.current) : undefined
      case 'prepare':
        return await prepare(message)
      case 'commit':
        return await settle(message)
      case 'abort':
        return staged?.whole.manifest.id === message.id ? await dropStaged() : undefined
      case 'command':
      case 'clients':
        return
    }
  }

  async function answerCommand({ call: id, command }: SyncMessage & { do: 'command' }): Promise<void> {
    const reply = await deployer.command(command).then(
      (result) => ({ call: id, result }),
      (thrown: unknown) => ({ call: id, error: thrown instanceof Error ? thrown.message : 'the command failed' }),
    )
    await call('POST', 'replies', reply).catch(noteError)
  }

  /** First phase: everything that can fail. Whatever happens, what is live stays as it is. */
  async function prepare(message: SyncMessage & { do: 'prepare' }): Promise<void> {
    await dropStaged()
    const beat = keepTelling({ release: message.id, hash: '', state: 'preparing' })
    try {
      const whole = await gather(message, message.revisions, message.credentials)
      const problems = await stage(whole)
      if (problems.refused) await acknowledge({ release: message.id, hash: whole.manifest.hash, state: 'refused', problems: problems.list })
      else await acknowledge({ release: message.id, hash: whole.manifest.hash, state: 'ready', problems: problems.list })
    } catch (thrown) {
      await refuse(message.id, thrown)
    } finally {
      beat()
    }
  }

  /** Second phase, and catching up: sees to it that the release named is what runs here. */
  async function settle(pointer: ReleasePointer): Promise<void> {
    if (staged?.whole.manifest.id === pointer.id && staged.whole.manifest.hash === pointer.hash) return await goLive()
    cancelRetry()
    await dropStaged()
    const running = live?.manifest
    if (running?.id === pointer.id && running.hash === pointer.hash && running.credentialsHash === pointer.credentialsHash) return await tellLive()
    try {
      const signed = (await call('GET', `releases/${pointer.id}`)) as SignedManifest
      const whole = await gather(signed, [], undefined)
      // Others took it: flows whose secrets cannot be had at the moment do not keep the rest from being served.
      const problems = await stage(whole, live === undefined)
      if (!problems.refused) return await goLive()
      tryAgain(pointer)
      await acknowledge({ release: pointer.id, hash: whole.manifest.hash, state: 'refused', problems: problems.list })
    } catch (thrown) {
      tryAgain(pointer)
      await refuse(pointer.id, thrown)
    }
  }

  /** A full disk or a lost answer may be over by then; the same release is asked for until there is a newer one. */
  function tryAgain(pointer: ReleasePointer): void {
    cancelRetry()
    cancelRetry = clock.setTimer(() => handle({ do: 'commit', ...pointer }), limits.settleAgainMs)
  }

  async function refuse(release: number, thrown: unknown): Promise<void> {
    // Whoever cannot be reached is not told either; the next connection tries again.
    if (thrown instanceof ControlError) throw thrown
    const message = thrown instanceof Error ? thrown.message : 'unknown'
    const code = thrown instanceof Untrusted ? thrown.code : 'gateway.failed'
    log.error({ release, code, reason: message }, 'a release was refused; what is live stays')
    const problem: Problem = { severity: 'error', code, message: `Gateway ${options.name}: ${message}`, remedy: remedyOf(thrown) }
    await acknowledge({ release, hash: '', state: 'refused', problems: [problem] })
  }

  /** Everything a release consists of, verified: from what runs, from the message, from disk, from control. */
  async function gather(signed: SignedManifest, sent: readonly RevisionText[], sealed: SealedCredentials | undefined): Promise<Whole> {
    const manifest = verifyManifest(signed, identity?.publicKeys ?? [])
    if (manifest.id < newestSeen) throw new Untrusted('release.older', `Release ${manifest.id} is older than release ${newestSeen}, which ran here.`)
    const known = new Map(live?.revisions.map((revision) => [revision.hash, revision]))
    const texts: RevisionText[] = []
    const learn = (text: RevisionText, fresh: boolean) => {
      known.set(text.hash, verifyRevision(text))
      if (fresh) texts.push(text)
    }
    const wanted = new Set(manifest.flows.map(({ revision }) => revision))
    for (const text of sent) if (wanted.has(text.hash) && !known.has(text.hash)) learn(text, true)
    for (const hash of wanted) {
      if (known.has(hash)) continue
      const text = disk.loadRevision(hash)
      if (!text) continue
      try {
        learn(text, false)
      } catch {
        disk.distrust(hash) // damaged: control has a good one
      }
    }
    const missing = [...wanted].filter((hash) => !known.has(hash))
    for (let start = 0; start < missing.length; start += hashesAtOnce) {
      const { revisions } = (await call('POST', 'revisions', { hashes: missing.slice(start, start + hashesAtOnce) })) as { revisions: RevisionText[] }
      for (const text of revisions) if (wanted.has(text.hash)) learn(text, true)
    }
    const revisions = manifest.flows.map(({ id, revision }) => {
      const found = known.get(revision)
      if (!found || found.document.id !== id) throw new Untrusted('release.hash', `The document ${revision} of the release is missing.`)
      return found
    })
    return { signed, manifest, revisions, texts, credentials: await openCredentials(manifest, sealed) }
  }

  async function openCredentials(manifest: ReleaseManifest, sent: SealedCredentials | undefined): Promise<Credentials> {
    if (live?.manifest.credentialsHash === manifest.credentialsHash) return live.credentials
    const sealed = sent ?? ((await call('GET', `credentials?release=${manifest.id}`)) as SealedCredentials)
    if (sealed.credentialsHash !== manifest.credentialsHash) throw new Untrusted('release.credentials', 'The credentials sent are not those of the release.')
    try {
      return JSON.parse(unseal(sealKeyOf(identity as Identity), sealed.sealed, manifest.credentialsHash)) as Credentials
    } catch {
      throw new Untrusted('release.credentials', 'The credentials of the release cannot be opened with the key of this gateway.')
    }
  }

  /** Compiles and writes at the same time; both have to work before a release may go live. */
  async function stage(whole: Whole, patient = false): Promise<{ refused: boolean; list: readonly Problem[] }> {
    const release: Release = { manifest: whole.manifest, revisions: whole.revisions, credentials: whole.credentials }
    const [prepared, written] = await Promise.all([
      deployer.prepare(release, false, patient).catch((thrown: unknown) => toProblems(thrown)),
      save(whole).then(
        () => undefined,
        (thrown: unknown) => thrown,
      ),
    ])
    if (!prepared.ok) return { refused: true, list: prepared.problems }
    if (written !== undefined) {
      await deployer.discard(prepared.prepared)
      return { refused: true, list: [diskProblem(options.name, written)] }
    }
    staged = { whole, prepared: prepared.prepared }
    return { refused: false, list: prepared.prepared.warnings }
  }

  async function save({ signed, texts, credentials, manifest }: Whole): Promise<void> {
    const key = await disk.sealKey()
    await disk.stage({ ...pick(signed), credentials: seal(key, JSON.stringify(credentials), manifest.credentialsHash), version: options.version }, texts)
  }

  async function goLive(): Promise<void> {
    if (!staged) return
    const { whole, prepared } = staged
    staged = undefined
    deployer.commit(prepared)
    const before = live
    live = { ...whole, texts: [] }
    newestSeen = Math.max(newestSeen, whole.manifest.id)
    try {
      disk.keepStaged()
    } catch (thrown) {
      log.error({ release: whole.manifest.id, reason: (thrown as Error).message }, 'the release is live but could not be kept on disk')
    }
    await tellLive()
    // The release before stays on disk as well: its documents save a transfer when it is brought back.
    const needed = new Set([...whole.revisions, ...(before?.revisions ?? [])].map(({ hash }) => hash))
    await disk.tidy(needed).catch(() => {})
  }

  async function dropStaged(): Promise<void> {
    if (!staged) return
    const { prepared } = staged
    staged = undefined
    await deployer.discard(prepared)
    await disk.dropStaged().catch(() => {})
  }

  /** What really runs, in the deployer's own words. */
  async function tellLive(): Promise<void> {
    if (!live) return
    const { id, hash } = deployer.live() ?? live.manifest
    await acknowledge({ release: id, hash, state: 'live' })
  }

  async function acknowledge(ack: Acknowledgement): Promise<void> {
    await call('POST', 'ack', ack)
  }

  function keepTelling(ack: Acknowledgement): () => void {
    let stopped = false
    let cancel = () => {}
    const next = () => {
      cancel = clock.setTimer(() => {
        if (stopped) return
        acknowledge(ack).catch(noteError)
        next()
      }, beatMs)
    }
    next()
    return () => {
      stopped = true
      cancel()
    }
  }

  // --- disk ------------------------------------------------------------------------------------

  async function loadLastGood(): Promise<boolean> {
    identity ??= await disk.loadIdentity()
    if (identity) await callers?.load()
    const stored = await disk.loadRelease()
    if (!identity || !stored) return false
    try {
      const manifest = verifyManifest(stored, identity.publicKeys)
      const revisions: Revision[] = []
      for (const { revision } of manifest.flows) {
        const text = disk.loadRevision(revision)
        if (!text) throw new Error(`the document ${revision} is missing`)
        revisions.push(verifyRevision(text))
      }
      const credentials = JSON.parse(unseal(await disk.sealKey(), stored.credentials, manifest.credentialsHash)) as Credentials
      const result = await deployer.prepare({ manifest, revisions, credentials }, stored.version === options.version, true)
      if (!result.ok) throw new Error(result.problems[0]?.message ?? 'it cannot be prepared')
      deployer.commit(result.prepared)
      live = { signed: pick(stored), manifest, revisions, texts: [], credentials }
      newestSeen = Math.max(newestSeen, manifest.id)
      log.info({ release: manifest.id, hash: manifest.hash }, 'the last good release was loaded from disk')
      return true
    } catch (thrown) {
      log.warn({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'the release on disk cannot be used; waiting for the control plane')
      return false
    }
  }

  return {
    loadLastGood,
    async start() {
      if (!live) await loadLastGood()
      options.clients?.follow()
      running = run()
    },
    publish: (event) => outbox.publish(event),
    state: () => ({
      connection,
      ...(identity ? { gatewayId: identity.gatewayId } : {}),
      ...(live ? { release: live.manifest.id, hash: live.manifest.hash } : {}),
      ...(lastError === undefined ? {} : { lastError }),
    }),
    async close() {
      closed = true
      wake()
      cancelRetry()
      const told = callers?.close()
      await Promise.race([Promise.all([decisions?.flush(), records?.flush()]), new Promise<void>((resolve) => void clock.setTimer(resolve, lastWordMs))])
      decisions?.close()
      records?.close()
      client.close()
      // A prepare that hangs may not keep the process from ending.
      await Promise.race([running.then(() => Promise.all([line, told])), new Promise<void>((resolve) => void clock.setTimer(resolve, limits.closeMs))])
      await dropStaged()
    },
  }
}

const pick = ({ manifest, signature }: SignedManifest): SignedManifest => ({ manifest, signature })

function toProblems(thrown: unknown): { ok: false; problems: readonly Problem[] } {
  const message = thrown instanceof Error ? thrown.message : 'unknown'
  return { ok: false, problems: [{ severity: 'error', code: 'gateway.failed', message: `The release could not be prepared: ${message}`, remedy: 'Look at the log of the gateway.' }] }
}

function diskProblem(name: string, thrown: unknown): Problem {
  const code = (thrown as NodeJS.ErrnoException).code
  const reason = code === 'ENOSPC' ? 'its disk is full' : `its data folder cannot be written to (${code ?? 'unknown'})`
  return { severity: 'error', code: 'gateway.disk', message: `Gateway ${name} cannot keep the release: ${reason}.`, remedy: 'Free some space or mend the permissions of the folder, and deploy again.' }
}

function remedyOf(thrown: unknown): string {
  if (thrown instanceof Untrusted) return 'If the control plane was restored or replaced, let the gateway join it again with a new token.'
  return 'Look at the log of the gateway.'
}

/** The key control seals this gateway's credentials under: both sides derive it from the gateway's `id.secret`. */
function sealKeyOf(identity: Identity): Buffer {
  const dot = identity.key.indexOf('.')
  return deriveSealKey(identity.key.slice(0, dot), identity.key.slice(dot + 1))
}
