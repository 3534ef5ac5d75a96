import type { Clock } from '../core/time/clock.ts'
import type { Deployer, Prepared } from '../core/deployer.ts'
import type { Problem } from '../core/flow.ts'
import type { Log } from '../core/log.ts'
import type { Credentials, Release, ReleaseManifest, Revision } from '../core/release.ts'
import { seal, unseal } from '../core/secrets/seal.ts'
import type { Acknowledgement, ReleasePointer, RevisionText, SealedCredentials, SignedManifest, SyncMessage } from '../core/sync-wire.ts'
import { ControlError } from './control-client.ts'
import type { Disk } from './disk.ts'
import { Untrusted, verifyManifest, verifyRevision } from './verify.ts'

const beatMs = 2000
const hashesAtOnce = 100

/** Messages of control about releases. */
export type ReleaseMessage = Extract<SyncMessage, { readonly do: 'hello' | 'prepare' | 'commit' | 'abort' }>

/** Follows the releases of control: prepares, puts live, catches up. What is live stays whatever happens to another. */
export interface ReleasesSync {
  /** What runs here. */
  readonly live: ReleaseManifest | undefined
  /** Messages are worked off one after the other. */
  hear(message: ReleaseMessage): void
  /** Puts the release that lies on disk live; false when there is none that can be trusted and run. */
  load(): Promise<boolean>
  /** Control proved where it stands, or begins anew: releases after `release` may come again. Absent: nothing older is taken. */
  joined(release: number | undefined): void
  /** What could not be loaded is not tried again by itself. */
  stopTrying(): void
  /** Resolves when what was heard is worked off. */
  idle(): Promise<void>
  /** Lets go of what was prepared and did not go live. */
  close(): Promise<void>
}

export interface ReleasesSyncParts {
  readonly deployer: Deployer
  readonly disk: Disk
  readonly log: Log
  readonly clock: Clock
  /** Of this gateway, for people. */
  readonly name: string
  readonly version: string
  /** How long after a release could not be loaded it is tried again. */
  readonly settleAgainMs: number
  /** Resolves when it is known who may call. */
  callersKnown(): Promise<unknown> | undefined
  publicKeys(): readonly string[]
  /** Under which control seals credentials for this gateway. */
  sealKey(): Buffer
  call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown>
  noteError(thrown: unknown): void
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

export function createReleasesSync({ deployer, disk, log, clock, name, version, settleAgainMs, callersKnown, publicKeys, sealKey, call, noteError }: ReleasesSyncParts): ReleasesSync {
  let live: Whole | undefined
  let staged: { readonly whole: Whole; readonly prepared: Prepared } | undefined
  /** Releases up to this one were seen: an older one is a replay. Joining anew starts over. */
  let newestSeen = 0
  let line: Promise<void> = Promise.resolve()
  let cancelRetry = () => {}

  function hear(message: ReleaseMessage): void {
    line = line.then(() => work(message)).catch(noteError)
  }

  async function work(message: ReleaseMessage): Promise<void> {
    switch (message.do) {
      case 'hello':
        // No flow goes live that would turn away callers only because nobody is known yet.
        if (message.clients && !live) await callersKnown()
        return message.current ? await settle(message.current) : undefined
      case 'prepare':
        return await prepare(message)
      case 'commit':
        return await settle(message)
      case 'abort':
        return staged?.whole.manifest.id === message.id ? await dropStaged() : undefined
    }
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
    cancelRetry = clock.setTimer(() => hear({ do: 'commit', ...pointer }), settleAgainMs)
  }

  async function refuse(release: number, thrown: unknown): Promise<void> {
    // Whoever cannot be reached is not told either; the next connection tries again.
    if (thrown instanceof ControlError) throw thrown
    const message = thrown instanceof Error ? thrown.message : 'unknown'
    const code = thrown instanceof Untrusted ? thrown.code : 'gateway.failed'
    log.error({ release, code, reason: message }, 'a release was refused; what is live stays')
    const problem: Problem = { severity: 'error', code, message: `Gateway ${name}: ${message}`, remedy: remedyOf(thrown) }
    await acknowledge({ release, hash: '', state: 'refused', problems: [problem] })
  }

  /** Everything a release consists of, verified: from what runs, from the message, from disk, from control. */
  async function gather(signed: SignedManifest, sent: readonly RevisionText[], sealed: SealedCredentials | undefined): Promise<Whole> {
    const manifest = verifyManifest(signed, publicKeys())
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
      return JSON.parse(unseal(sealKey(), sealed.sealed, manifest.credentialsHash)) as Credentials
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
      return { refused: true, list: [diskProblem(name, written)] }
    }
    staged = { whole, prepared: prepared.prepared }
    return { refused: false, list: prepared.prepared.warnings }
  }

  async function save({ signed, texts, credentials, manifest }: Whole): Promise<void> {
    const key = await disk.sealKey()
    await disk.stage({ ...pick(signed), credentials: seal(key, JSON.stringify(credentials), manifest.credentialsHash), version: version }, texts)
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

  async function load(): Promise<boolean> {
    const stored = await disk.loadRelease()
    if (!stored) return false
    try {
      const manifest = verifyManifest(stored, publicKeys())
      const revisions: Revision[] = []
      for (const { revision } of manifest.flows) {
        const text = disk.loadRevision(revision)
        if (!text) throw new Error(`the document ${revision} is missing`)
        revisions.push(verifyRevision(text))
      }
      const credentials = JSON.parse(unseal(await disk.sealKey(), stored.credentials, manifest.credentialsHash)) as Credentials
      const result = await deployer.prepare({ manifest, revisions, credentials }, stored.version === version, true)
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
    get live() {
      return live?.manifest
    },
    hear,
    load,
    joined(release) {
      newestSeen = Math.min(newestSeen, release ?? newestSeen)
    },
    stopTrying: () => cancelRetry(),
    idle: () => line,
    close: dropStaged,
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
