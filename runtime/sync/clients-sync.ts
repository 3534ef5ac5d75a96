import type { Api, Application, ClientCopy, Plan, TokenRevocation } from '../core/access/clients.ts'
import { bucketOf } from '../core/access/client-pages.ts'
import type { Clock } from '../core/time/clock.ts'
import type { Log } from '../core/log.ts'
import { seal, unseal } from '../core/secrets/seal.ts'
import type { ClientsAcknowledgement, ClientsManifest, ClientsPointer, SealedClientKey, SignedText, SyncMessage } from '../core/sync-wire.ts'
import type { ClientsDisk } from './clients-disk.ts'
import { ControlError } from './control-client.ts'
import { Untrusted, verifyClientsChange, verifyClientsManifest, verifyClientsPage } from './verify.ts'

export interface ClientsSyncParts {
  readonly clients: ClientCopy
  readonly disk: ClientsDisk
  readonly log: Log
  readonly clock: Clock
  /** After a failure the records are asked for again. */
  readonly retryMs: number
  connected(): boolean
  /** Keys that may have signed what comes. */
  publicKeys(): readonly string[]
  /** The key under which control seals for this gateway. */
  sealKey(): Buffer
  /** The key under which this folder keeps secrets. */
  folderKey(): Promise<Buffer>
  call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown>
}

interface Page {
  readonly applications: readonly Application[]
}

interface Rest {
  readonly plans: readonly Plan[]
  readonly apis: readonly Api[]
  readonly revoked?: readonly TokenRevocation[]
}

const pagesAtOnce = 8
const writesAtOnce = 16
const attempts = 3
const firstRetryMs = 200
const smallestJournalBytes = 1024 * 1024
const journalShare = 1 / 16

/**
 * Keeps a gateway's copy of the callers' records in step with control: signed changes one after the other, and the
 * pages that differ when something was missed. What comes is worked in first and written then, because a revocation
 * must not wait for a disk; what cannot be proved to be control's is refused, and the copy stays as it was.
 */
export function createClientsSync(parts: ClientsSyncParts) {
  const { clients, disk, log, clock } = parts
  /** What control says is current. */
  let announced: ClientsPointer | undefined
  /** The snapshot that the copy was built on, as it lies on disk. */
  let base: ClientsManifest | undefined
  let baseBytes = 0
  /** Pages that are not (any more) as `base` says: changed since, or damaged on disk. */
  const dirty = new Set<number>()
  let keyId = ''
  let pending: SignedText[] = []
  let mustFetch = false
  /** What is in use could not be written: later changes would lie on disk without those before them. */
  let apart = false
  /** Older records than these are a replay, also where what lies on disk could not be read to its end. */
  let floor = 0
  let busy = false
  let closed = false
  let owesWord = false
  let speaking = false
  let failures = 0
  let loaded = false
  const words: ClientsAcknowledgement[] = []
  let refusal: { readonly code: string; readonly detail: string } | undefined
  let cancelRetry = () => {}
  let working: Promise<void> = Promise.resolve()
  let firstDone = () => {}
  const first = new Promise<void>((resolve) => void (firstDone = resolve))

  const inStep = () => announced !== undefined && !busy && !mustFetch && pending.length === 0 && clients.version === announced.version && keyId === announced.keyId

  // --- what comes ------------------------------------------------------------------------------

  function kick(): void {
    if (busy || closed) return
    busy = true
    working = work()
      .catch((thrown: unknown) => log.error({ reason: reasonOf(thrown) }, 'the records of callers could not be worked on'))
      .finally(() => {
        busy = false
        firstDone()
        if (inStep()) clients.heard()
        speak()
      })
  }

  async function work(): Promise<void> {
    while (!closed) {
      const changing = pending.length > 0 && !mustFetch
      if (!changing && !needsFetch()) break
      try {
        if (changing) await takeChanges()
        else await fetchSnapshot()
      } catch (thrown) {
        await fail(thrown)
        // A change that cannot be trusted may have been a revocation: the whole is asked for at once.
        if (!changing) break
      }
    }
  }

  function needsFetch(): boolean {
    if (!announced) return false
    return mustFetch || clients.version !== announced.version || keyId !== announced.keyId || (!apart && disk.journalBytes > Math.max(smallestJournalBytes, baseBytes * journalShare))
  }

  async function takeChanges(): Promise<void> {
    const lines: string[] = []
    const taken = pending
    pending = []
    try {
      for (const signed of taken) {
        const known = clients.version
        if (!applySigned(signed)) break
        if (clients.version !== known) lines.push(JSON.stringify(signed))
      }
    } finally {
      // Those before a change that was refused are kept all the same.
      if (lines.length > 0 && !apart) await disk.append(lines).catch(unsaved)
    }
  }

  /** False when a change before this one is missing. @throws Untrusted */
  function applySigned(signed: SignedText): boolean {
    const { previous, change } = verifyClientsChange(signed, parts.publicKeys())
    if (change.version <= clients.version) return true // part of the snapshot already
    if (previous !== clients.version) {
      mustFetch = true
      return false
    }
    clients.apply(change)
    floor = Math.max(floor, change.version)
    if (base) for (const id of Object.keys(change.applications ?? {})) dirty.add(bucketOf(id, base.pages.length))
    return true
  }

  async function fail(thrown: unknown): Promise<void> {
    mustFetch = true
    pending = []
    tryAgain()
    if (closed) return
    // Whoever cannot be reached is not told either; connecting anew tries again.
    if (thrown instanceof ControlError) return log.warn({ reason: thrown.message }, 'the records of callers could not be fetched; the last good ones serve on')
    const code = thrown instanceof Untrusted ? thrown.code : 'clients.failed'
    const detail = reasonOf(thrown)
    owesWord = false
    log.error({ code, reason: detail, version: clients.version }, 'records of callers were refused; the last good ones serve on')
    refusal = { code, detail }
    words.push(wordNow())
    speak()
  }

  /** Soon at first, then more and more seldom. */
  function tryAgain(): void {
    cancelRetry()
    const afterMs = Math.min(firstRetryMs * 2 ** Math.min(failures++, 16), parts.retryMs)
    cancelRetry = clock.setTimer(() => {
      mustFetch = true
      if (parts.connected()) kick() // else the next connection does
    }, afterMs)
  }

  function unsaved(thrown: unknown): void {
    apart = true
    log.error({ reason: (thrown as NodeJS.ErrnoException).code ?? reasonOf(thrown) }, 'the records of callers are in use but could not be kept on disk')
    tryAgain()
  }

  function wordNow(): ClientsAcknowledgement {
    const { version, staleMs, whenStale } = clients
    return refusal ? { version, state: 'refused', ...refusal, staleMs, whenStale } : { version, state: 'current', staleMs, whenStale }
  }

  /** Tells control one thing after the other, and nothing waits for it. */
  function speak(): void {
    if (speaking || closed) return
    if (owesWord && !busy) {
      owesWord = false
      words.push(wordNow())
    }
    const word = words.shift()
    if (!word) return
    speaking = true
    void parts
      .call('POST', 'clients/ack', word)
      .catch(() => {}) // the next connection says it again
      .finally(() => {
        speaking = false
        speak()
      })
  }

  // --- snapshots -------------------------------------------------------------------------------

  async function fetchSnapshot(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const signed = (await parts.call('GET', 'clients')) as SignedText
      const manifest = verifyClientsManifest(signed, parts.publicKeys())
      if (manifest.version < floor) throw new Untrusted('clients.older', `Version ${manifest.version} of the records of callers is older than version ${floor}, which is known here.`)
      if (manifest.keyId !== keyId) await fetchKey(manifest.keyId)
      if (await takeSnapshot(signed, manifest)) return
      // Control has gone on meanwhile and does not have these pages any more.
      if (attempt === attempts) throw new Error('control changed the records of callers faster than they could be fetched')
    }
  }

  /** False when control does not have a page any more. */
  async function takeSnapshot(signed: SignedText, manifest: ClientsManifest): Promise<boolean> {
    const known = base?.pages.length === manifest.pages.length ? base : undefined
    const wanted = manifest.pages.map((_, place) => place).filter((place) => known === undefined || known.pages[place] !== manifest.pages[place] || dirty.has(place))
    let kept = true
    const save = (hash: string, text: string) => disk.savePage(hash, text).catch((thrown: unknown) => {
      if (kept) unsaved(thrown)
      kept = false
    })
    const rest = await gather<Rest>([manifest.rest], save)
    if (!rest?.[0]) return false

    // Few pages go into the copy at one stroke; many are built beside it, so that requests are served meanwhile.
    let bytes = 0
    const staged = wanted.length > manifest.pages.length / 2 ? clients.stage() : undefined
    const places = staged ? manifest.pages.map((_, place) => place) : wanted
    const changed = Object.create(null) as Record<string, Application | null>
    if (!staged) {
      const replaced = new Set(wanted)
      if (replaced.size > 0) for (const id of clients.ids().applications) if (replaced.has(bucketOf(id, manifest.pages.length))) changed[id] = null
    }
    for (let start = 0; start < places.length; start += pagesAtOnce) {
      const pages = await gather<Page>(places.slice(start, start + pagesAtOnce).map((place) => manifest.pages[place] as string), save, (text) => (bytes += text.length))
      if (!pages) return false
      for (const { applications } of pages) {
        if (staged) staged.add(applications)
        else for (const application of applications) changed[application.id] = application
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { plans, apis, revoked = [] } = rest[0]
    if (staged) staged.commit({ version: manifest.version, plans, apis, revoked })
    else clients.apply({ version: manifest.version, applications: changed, plans: difference(clients.ids().plans, plans), apis: difference(clients.ids().apis, apis), revoked })
    mustFetch = false
    floor = manifest.version
    // Control may have gone on before it could say so.
    announced = { version: Math.max(announced?.version ?? 0, manifest.version), keyId: manifest.keyId }
    refusal = undefined
    failures = 0
    owesWord = true
    cancelRetry()
    try {
      if (!kept) throw new Error('pages are missing')
      await disk.keep(signed, new Set([...manifest.pages, manifest.rest]))
      base = manifest
      apart = false
      dirty.clear()
      if (staged) baseBytes = bytes
    } catch (thrown) {
      if (kept) unsaved(thrown)
      else tryAgain()
      // What is in use is not what lies on disk: the next attempt has to write all that differs.
      for (const place of wanted) dirty.add(place)
    }
    return true
  }

  /** Pages from disk or from control, verified, in the order asked for; `undefined` when control does not have one. */
  async function gather<T>(hashes: readonly string[], save: (hash: string, text: string) => Promise<void>, count?: (text: string) => void): Promise<T[] | undefined> {
    const found = new Map<string, T>()
    const missing: string[] = []
    for (const hash of hashes) {
      const text = disk.hasPage(hash) ? await disk.loadPage(hash) : undefined
      try {
        if (text === undefined) throw new Error('not there')
        found.set(hash, verifyClientsPage<T>(text, hash))
        count?.(text)
      } catch {
        disk.distrust(hash)
        missing.push(hash)
      }
    }
    if (missing.length > 0) {
      const { pages } = (await parts.call('POST', 'clients/pages', { hashes: missing })) as { pages: Record<string, string> }
      const writes: Promise<void>[] = []
      for (const hash of missing) {
        const text = pages[hash]
        if (text === undefined) return undefined
        found.set(hash, verifyClientsPage<T>(text, hash))
        count?.(text)
        writes.push(save(hash, text))
        if (writes.length >= writesAtOnce) await Promise.all(writes.splice(0))
      }
      await Promise.all(writes)
    }
    return hashes.map((hash) => found.get(hash) as T)
  }

  // --- the key of signing secrets --------------------------------------------------------------

  async function fetchKey(wanted: string): Promise<void> {
    const sent = (await parts.call('GET', 'clients/key')) as SealedClientKey
    if (sent.keyId !== wanted) throw new Untrusted('clients.key', 'The key of signing secrets that was sent is not the one of the records.')
    const key = openKey(sent, parts.sealKey())
    clients.setKey(key)
    keyId = sent.keyId
    await disk.saveKey({ keyId, sealed: seal(await parts.folderKey(), key.toString('base64'), `client key ${keyId}`) }).catch(unsaved)
  }

  function openKey({ keyId: id, sealed }: SealedClientKey, with_: Buffer): Buffer {
    try {
      return Buffer.from(unseal(with_, sealed, `client key ${id}`), 'base64')
    } catch {
      throw new Untrusted('clients.key', 'The key of signing secrets cannot be opened with the key of this gateway.')
    }
  }

  // --- disk ------------------------------------------------------------------------------------

  async function loadKey(): Promise<void> {
    const stored = await disk.loadKey()
    if (!stored) return
    try {
      clients.setKey(openKey(stored, await parts.folderKey()))
      keyId = stored.keyId
    } catch (thrown) {
      log.error({ file: 'clients/key.json', code: 'clients.key', reason: reasonOf(thrown) }, 'the key of signing secrets on disk was refused')
    }
  }

  async function loadSnapshot(): Promise<void> {
    const signed = await disk.loadManifest()
    if (!signed) return
    const manifest = verifyClientsManifest(signed, parts.publicKeys())
    floor = Math.max(floor, manifest.version)
    const staged = clients.stage()
    const load = async <T>(hash: string): Promise<T | undefined> => {
      try {
        const text = await disk.loadPage(hash)
        if (text === undefined) throw new Untrusted('clients.hash', 'It is missing.')
        baseBytes += text.length
        return verifyClientsPage<T>(text, hash)
      } catch (thrown) {
        disk.distrust(hash)
        mustFetch = true
        log.error({ file: `clients/${hash}.page`, code: 'clients.hash', reason: reasonOf(thrown) }, 'a page of the records of callers on disk was refused')
        return undefined
      }
    }
    for (const [place, hash] of manifest.pages.entries()) {
      const page = await load<Page>(hash)
      if (page) staged.add(page.applications)
      else dirty.add(place)
    }
    const rest = await load<Rest>(manifest.rest)
    staged.commit({ version: manifest.version, plans: rest?.plans ?? [], apis: rest?.apis ?? [], revoked: rest?.revoked ?? [] })
    base = manifest
  }

  function versionOf(line: string): number {
    try {
      return verifyClientsChange(JSON.parse(line) as SignedText, parts.publicKeys()).change.version
    } catch {
      return 0
    }
  }

  async function loadJournal(): Promise<void> {
    let line = 0
    const lines = await disk.loadJournal()
    // Those behind a line that is damaged cannot be used, but say how far this gateway was.
    for (const text of lines) floor = Math.max(floor, versionOf(text))
    try {
      for (const text of lines) {
        line++
        if (!applySigned(JSON.parse(text) as SignedText)) throw new Untrusted('clients.hash', 'A change before it is missing.')
      }
    } catch (thrown) {
      mustFetch = true
      const code = thrown instanceof Untrusted ? thrown.code : 'clients.hash'
      log.error({ file: 'clients/changes.jsonl', line, code, reason: reasonOf(thrown) }, 'a change of the records of callers on disk was refused, and those after it were left out')
    }
  }

  return {
    /** The last good records, while nobody is served yet. */
    async load(): Promise<void> {
      if (loaded) return
      loaded = true
      await loadKey()
      try {
        await loadSnapshot()
        await loadJournal()
      } catch (thrown) {
        mustFetch = true
        const code = thrown instanceof Untrusted ? thrown.code : 'clients.failed'
        log.error({ file: 'clients/snapshot.json', code, reason: reasonOf(thrown) }, 'the records of callers on disk were refused')
      }
      if (clients.version > 0) log.info({ version: clients.version, applications: clients.applications }, 'the records of callers were loaded from disk')
    },
    hear(message: SyncMessage): void {
      if (message.do !== 'hello' && message.do !== 'clients') return
      if (!message.clients) return
      announced = message.clients
      owesWord = true
      if (message.do === 'hello') pending = []
      else if (message.change) pending.push(message.change)
      else mustFetch = true
      kick()
    },
    /** Control gave a sign of life. */
    alive(): void {
      if (inStep()) clients.heard()
    },
    /** Resolves when control's first word has been worked on, well or not. */
    first,
    /** This gateway joined anew: `version` is what control proved to have, 0 for another control plane; `undefined`: no proof, no way back. */
    joined(version: number | undefined): void {
      if (version !== undefined) floor = Math.min(floor, version)
      mustFetch = true
    },
    /** Resolves when nothing is being fetched or written any more. */
    async close(): Promise<void> {
      closed = true
      cancelRetry()
      firstDone()
      await working
    },
  }
}

function difference<T extends { readonly id: string }>(before: Iterable<string>, now: readonly T[]): Record<string, T | null> {
  return Object.fromEntries([...[...before].map((id) => [id, null] as const), ...now.map((one) => [one.id, one] as const)])
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : 'unknown'
}
