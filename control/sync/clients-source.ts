import { createHash } from 'node:crypto'
import { bucketOf, pagesFor } from '../../runtime/core/access/client-pages.ts'
import type { Application, ClientChange } from '../../runtime/core/access/clients.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import { seal } from '../../runtime/core/secrets/seal.ts'
import {
  signedClients, type ClientsAcknowledgement, type ClientsChangeText, type ClientsManifest, type ClientsPointer, type SealedClientKey, type SignedText, type Standing, type SyncMessage,
} from '../../runtime/core/sync-wire.ts'
import type { Consumers, GatewayInfo } from '../contract.ts'
import type { KnownGateway } from '../gateways/registry.ts'
import type { ReleaseSigner } from '../keys/key-files.ts'

export interface ClientsSourceParts {
  readonly consumers: Pick<Consumers, 'snapshot' | 'onChange' | 'clientKey'>
  readonly signer: ReleaseSigner
  readonly clock: Clock
  readonly log: Log
  /** Says something to all connected gateways. */
  send(message: SyncMessage): void
  /** Told when what is known of a gateway's copy changed. */
  changed(gateway: string): void
}

/** A snapshot cut into pages, and signed. */
interface Built {
  readonly version: number
  readonly signed: SignedText
  readonly hashes: readonly string[]
  readonly texts: ReadonlyMap<string, string>
}

/** A change whose text is longer is fetched in pages, which are taken in one by one. */
const pushedCharacters = 1024 * 1024
const pagesAtATime = 4
/** How long texts of pages stay in memory after a gateway asked for one. */
const keepBuiltMs = 60_000

/** What gateways get of the records of callers: signed, and no more than they lack. */
export function createClientsSource({ consumers, signer, clock, log, send, changed }: ClientsSourceParts) {
  const keyId = createHash('sha256').update('client key id').update(consumers.clientKey).digest('hex').slice(0, 16)
  const acks = new Map<string, ClientsAcknowledgement>()
  let version = consumers.snapshot().version
  let built: Built | undefined
  /** The one before, for gateways that are in the middle of it. */
  let older: Built | undefined
  let building: Promise<void> | undefined
  /** Applications that changed since the last one was built. */
  let touched = new Set<string>()
  let pageCount = 1
  let cancelDrop = () => {}

  const pointer = (): ClientsPointer => ({ version, keyId })
  const sign = (purpose: string, text: string): SignedText => ({ text, signature: signer.sign(purpose + text) })

  const unsubscribe = consumers.onChange((change: ClientChange) => {
    const value: ClientsChangeText = { previous: version, change }
    version = change.version
    for (const id of Object.keys(change.applications ?? {})) touched.add(id)
    const text = JSON.stringify(value)
    const small = text.length <= pushedCharacters
    send({ do: 'clients', clients: pointer(), ...(small ? { change: sign(signedClients.change, text) } : {}) })
  })

  /** Cuts the records into pages, and anew only those that changed since the last time. Gives way to others in between. */
  async function build(): Promise<Built> {
    const snapshot = consumers.snapshot()
    const changedIds = touched
    touched = new Set()
    const before = built?.hashes.length === pagesFor(snapshot.applications.length, pageCount) ? built : undefined
    pageCount = pagesFor(snapshot.applications.length, pageCount)
    const stale = before && new Set([...changedIds].map((id) => bucketOf(id, pageCount)))
    const groups = new Map<number, Application[]>()
    for (let place = 0; place < pageCount; place++) if (!stale || stale.has(place)) groups.set(place, [])
    for (const application of snapshot.applications) groups.get(bucketOf(application.id, pageCount))?.push(application)

    const texts = new Map<string, string>()
    const hashes = [...(before?.hashes ?? [])]
    let done = 0
    for (const [place, applications] of groups) {
      hashes[place] = keep(texts, JSON.stringify({ applications: applications.toSorted(byId) }))
      if (++done % pagesAtATime === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    if (before) for (const hash of hashes) if (!texts.has(hash)) texts.set(hash, before.texts.get(hash) as string)
    const rest = keep(texts, JSON.stringify({ plans: snapshot.plans, apis: snapshot.apis, ...(snapshot.revoked?.length ? { revoked: snapshot.revoked } : {}) }))
    const manifest: ClientsManifest = { version: snapshot.version, keyId, pages: hashes, rest }
    return { version: snapshot.version, signed: sign(signedClients.manifest, JSON.stringify(manifest)), hashes, texts }
  }

  async function rebuild(): Promise<void> {
    try {
      const next = await build()
      older = built
      built = next
    } catch (thrown) {
      built = undefined // the next one is built from nothing
      log.error({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'the snapshot of callers could not be built')
      throw thrown
    } finally {
      building = undefined
    }
  }

  function use(): void {
    cancelDrop()
    cancelDrop = clock.setTimer(() => {
      built = undefined
      older = undefined
    }, keepBuiltMs)
  }

  return {
    pointer,
    /** Says to whoever sent the nonce how far control is. */
    standing: (nonce: string, release: number): SignedText => sign(signedClients.standing, JSON.stringify({ nonce, clients: version, release } satisfies Standing)),
    /** The list of pages of the present state. */
    async manifest(): Promise<SignedText> {
      use()
      const wanted = version
      // One that was begun before may be older than what this gateway knows already.
      for (;;) {
        if (built && built.version >= wanted) return built.signed
        await (building ??= rebuild())
      }
    },
    /** Texts of pages by hash; one that nobody should need any more is left out. */
    pages(hashes: readonly string[]): Record<string, string> {
      use()
      const found: Record<string, string> = {}
      for (const hash of hashes) {
        const text = built?.texts.get(hash) ?? older?.texts.get(hash)
        if (text !== undefined) found[hash] = text
      }
      return found
    },
    keyFor: (gateway: KnownGateway): SealedClientKey => ({ keyId, sealed: seal(gateway.sealKey, consumers.clientKey.toString('base64'), `client key ${keyId}`) }),
    acknowledge(gateway: KnownGateway, ack: ClientsAcknowledgement): void {
      const before = acks.get(gateway.id)
      acks.set(gateway.id, ack)
      if (ack.state === 'refused') log.warn({ gateway: gateway.id, name: gateway.name, code: ack.code, reason: ack.detail, version: ack.version }, 'a gateway refused records of callers')
      if (before?.state !== ack.state || before.code !== ack.code) changed(gateway.id)
    },
    /** How far a gateway's copy is, as it said last; `undefined` before its first word since control started. */
    stateOf(gateway: string): GatewayInfo['clients'] {
      const ack = acks.get(gateway)
      if (!ack) return undefined
      const { staleMs, whenStale } = ack
      if (ack.state === 'refused') return { version: ack.version, state: 'refused', staleMs, whenStale, detail: `${ack.code ?? 'refused'}: ${ack.detail ?? ''}` }
      return { version: ack.version, state: ack.version === version ? 'current' : 'behind', staleMs, whenStale }
    },
    close(): void {
      unsubscribe()
      cancelDrop()
    },
  }
}

export type ClientsSource = ReturnType<typeof createClientsSource>

const byId = (one: Application, other: Application) => (one.id < other.id ? -1 : 1)

function keep(texts: Map<string, string>, text: string): string {
  const hash = createHash('sha256').update(text, 'utf8').digest('hex')
  texts.set(hash, text)
  return hash
}
