import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { NotYet } from '../runtime/compile/catalogue.ts'
import { toDocumentText } from '../runtime/compile/document-text.ts'
import type { Clock } from '../runtime/core/time/clock.ts'
import type { Log } from '../runtime/core/log.ts'
import type { NodeDefinition } from '../runtime/core/node.ts'
import type { RevisionText } from '../runtime/core/sync-wire.ts'
import { createAudit, type Audit } from './audit.ts'
import { createAuditAnchor } from './audit-anchor.ts'
import { bodyOf, toRecord } from './consumers/kind.ts'
import { openConsumers } from './consumers/open-consumers.ts'
import type { Control, ControlEvent, ManagedApi, PartnerFetch } from './contract.ts'
import { createAcceptedWork } from './jobs/open-accepted-work.ts'
import { createCaches } from './caches/open-caches.ts'
import { createQueues } from './queues/open-queues.ts'
import { openDecisions, type DecisionLimits, type OpenDecisions } from './decisions/open-decisions.ts'
import { toAnchor } from './ledgers/anchors.ts'
import { openLedgers, type LedgerLimits, type OpenLedgers } from './ledgers/open-ledgers.ts'
import type { WitnessPost } from './ledger-contract.ts'
import { openKeptCredentials } from './credentials/kept-credentials.ts'
import { openRegistry } from './gateways/registry.ts'
import { loadCredentialsKey, loadReleaseSigner } from './keys/key-files.ts'
import { createAccessTokens } from './oauth/access-tokens.ts'
import { createOauthClients } from './oauth/clients.ts'
import { pagesClientId, toPagesSecret } from './oauth/pages-client.ts'
import { createSealer, deriveKey } from './oauth/sealer.ts'
import { createSigningKeyStore } from './oauth/signing-key-store.ts'
import { tlsProfileOf } from './partners/tls-profile-of.ts'
import { createDescriptions } from './describe/create-descriptions.ts'
import { createPublishing } from './publish/create-publishing.ts'
import { createCompile, type Compile } from './releases/compile.ts'
import { createDataFlows } from './releases/data-flows.ts'
import { createNamedInVault } from './releases/find-missing.ts'
import { openReleases } from './releases/releases.ts'
import type { VaultDesk } from '../vault/contract.ts'
import { createDataProtection } from './vault/create-data-protection.ts'
import { openStore, protectFiles } from './store/store.ts'
import { exportStore } from './store/transfer.ts'
import { createSyncHandler } from './sync/handler.ts'
import { createClientsSource, type ClientsSourceParts } from './sync/clients-source.ts'
import { createHub, syncLimits, type SyncLimits } from './sync/hub.ts'
import { toUnavailable } from './store/unavailable.ts'
import { createFirstPassword, ensureAdmin } from './users/first-password.ts'
import { defaultCost, type PasswordCost } from './users/password.ts'
import { createUsers } from './users/users.ts'
import { createCasesGate, type CasesGate } from './watch/gate.ts'
import { createWatching } from './watch/open-watching.ts'

export interface ControlOptions {
  /** Holds the store, the keys and the lock; made with mode 0700. */
  readonly dataDir: string
  /** PostgreSQL instead of the embedded SQLite. */
  readonly databaseUrl?: string | undefined
  readonly definitions: readonly NodeDefinition[]
  readonly notYet?: readonly NotYet[] | undefined
  readonly log: Log
  readonly clock: Clock
  /** Password of `admin`; wins at every start. Absent: generated on the first start. */
  readonly adminPassword?: string | undefined
  /** Seals node credentials instead of the generated `credentials.key`. */
  readonly credentialsKey?: string | undefined
  /** `forbid`: refuses deploys of routes that ask nobody who calls. */
  readonly publicRoutes?: 'allow' | 'forbid' | undefined
  /** Instead of the compiler made from `definitions`. */
  readonly compile?: Compile | undefined
  readonly limits?: Partial<SyncLimits> | undefined
  /** How long, and how many, decisions that refused calls are kept. */
  readonly decisionLimits?: Partial<DecisionLimits> | undefined
  /** Where the records of callers come from instead of the store: tests of their way to gateways. */
  readonly callers?: ClientsSourceParts['consumers'] | undefined
  readonly passwordCost?: PasswordCost | undefined
  /** Issuer of our own authorization server, whose tokens name applications by their Basic credentials. */
  readonly tokenIssuer?: string | undefined
  /** How long an access token of that server lasts at most. */
  readonly tokenTtlMs?: number | undefined
  /** How partner services are asked; absent: connectors fetch nothing. */
  readonly partnerFetch?: PartnerFetch | undefined
  /** The vault; absent: this installation has none. */
  readonly vault?: VaultDesk | undefined
  /** The same for pages that only show a part of it: it starts no vault and waits for none long. Absent: `vault`. */
  readonly quietVault?: VaultDesk | undefined
  /** Whether a vault was needed by this process, where one is started on demand. Absent: it runs. */
  readonly vaultAwake?: (() => boolean) | undefined
  /** Witnesses of ledgers besides the file in the data folder: `file:<path>`, `timestamp:<url>`, or a URL. */
  readonly ledgerAnchors?: readonly string[] | undefined
  readonly ledgerLimits?: Partial<LedgerLimits> | undefined
  /** How they are called; absent: only files are written. */
  readonly witnessPost?: WitnessPost | undefined
  /** SQLite only: how long a write waits for a lock, and how large the file may become. */
  readonly busyTimeoutMs?: number | undefined
  readonly storeLimitBytes?: number | undefined
}

/** How long a gateway may look through what it keeps. */
const sweepMs = 20_000
/** How long a deploy waits for the vault to say what it has; meanwhile gateways get ready anyway. */
const vaultLookMs = 3_000

/** The control plane, running. `close` ends the gateways' streams and gives the data folder free. */
export interface OpenControl extends Control {
  /** For the HTTP server of the control process; false when the path is not below `/sync/`. */
  readonly syncHandler: (request: IncomingMessage, response: ServerResponse) => Promise<boolean>
  readonly audit: Audit
  readonly decisions: OpenDecisions
  readonly ledgers: OpenLedgers
  /** The pages as a client of the authorization server. */
  readonly pagesClient: { readonly id: string; readonly secret: string }
  /** The generated password of `admin`, until somebody signed in with it. */
  firstPassword(): Promise<string | undefined>
  /** The store as JSON lines. */
  exportStore(): AsyncIterable<string>
  close(): Promise<void>
}

/**
 * Opens the control plane on a data folder.
 * @throws Refused `store.locked` when another process has the folder, `store.unavailable` when it cannot be used
 */
export async function openControl(options: ControlOptions): Promise<OpenControl> {
  const { dataDir, definitions, log, clock, passwordCost = defaultCost } = options
  const limits = { ...syncLimits, ...options.limits }
  const store = await openStore({ dataDir, databaseUrl: options.databaseUrl, busyTimeoutMs: options.busyTimeoutMs, limitBytes: options.storeLimitBytes })
  try {
    const { keys, signer } = loadKeys(dataDir, options.credentialsKey)
    protectFiles(dataDir)
    const first = createFirstPassword(store, keys.current)
    const anchor = createAuditAnchor({ dataDir, store, signer, clock, log })
    const chain = createAudit(store, clock, { keys, anchor })
    const audit: Audit = {
      ...chain,
      async verify(from) {
        const verdict = await chain.verify(from)
        if (!verdict.ok || from) return verdict
        const { flaw } = await ledgers.verifyAuditPeriods()
        return flaw ? { ok: false, number: flaw.number, code: flaw.code, facts: flaw.facts, reason: flaw.reason, entries: verdict.entries } : verdict
      },
    }
    anchor.follow() // what another process wrote meanwhile, or a store that had no anchor yet
    await ensureAdmin(store, keys.current, clock, options.adminPassword, passwordCost, audit)
    const kept = await openKeptCredentials(store, keys, log)
    const { desk, ...consumers } = await openConsumers({ store, audit, flowOf: (id) => releases.flowOf(id), publicRouteOf: (flow) => releases.publicRouteOf(flow), clock, log, keys, cost: options.passwordCost, tokenIssuer: options.tokenIssuer, partnerFetch: options.partnerFetch, tlsOf: (id) => tlsProfileOf(id, releases.flows, kept) })

    const listeners = new Set<(event: ControlEvent) => void>()
    const emit = (event: ControlEvent) => {
      for (const listener of listeners) {
        try {
          listener(event)
        } catch (thrown) {
          log.error({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'a listener of the control plane failed')
        }
      }
    }

    const byType = new Map(definitions.map((definition) => [definition.type, definition.credentials ?? null]))
    const hub = createHub({
      clock,
      log,
      limits,
      current: () => releases.current(),
      credentials: () => kept.live,
      changed: (id) => registry.tell(id),
      clients: () => clients.pointer(),
    })
    /** Set as soon as there is somebody to ask. */
    const casesGate: { gate?: CasesGate } = {}
    const documents: Control['documents'] = {
      async get(key) {
        const row = await store.documents.get(key)
        return row && (JSON.parse(row.value) as unknown)
      },
      async set(key, value) {
        if (value === undefined) await store.documents.remove(key)
        else await store.documents.set(key, JSON.stringify(value), new Date(clock.now()).toISOString())
      },
      list: (prefix) => store.documents.list(prefix),
    }
    const releases = await openReleases({
      store,
      kept,
      compile: options.compile ?? createCompile(definitions, options.notYet, options.publicRoutes ? { publicRoutes: options.publicRoutes } : {}),
      signer,
      rollout: hub.rollout,
      audit,
      clock,
      log,
      kindsOf: (type) => byType.get(type),
      accessOf: (by) => desk.access(by),
      async organisationsOf(ids) {
        const rows = await store.consumers.byIds('organisations', ids)
        return new Set(rows.filter((row) => row.retired_at === null).map((row) => row.id))
      },
      async claimsOf(flows) {
        const rows = await Promise.all(flows.map((flow) => store.consumers.byLookup('apis', flow)))
        return rows.flatMap((row) => (row ? [{ flow: row.lookup as string, api: row.id, organisation: row.organisation as string }] : []))
      },
      async visibilityOf(flows) {
        const rows = await Promise.all(flows.map((flow) => store.consumers.byLookup('apis', flow)))
        return rows.flatMap((row) => (row ? [{ flow: row.lookup as string, api: row.id, visibility: String(bodyOf(row).visibility) }] : []))
      },
      namedInVault: { deploying: createNamedInVault(options.vault, clock, vaultLookMs), looking: createNamedInVault(options.quietVault ?? options.vault, clock, vaultLookMs) },
      casesGate: (...asked) => casesGate.gate?.(...asked) ?? Promise.resolve([]),
      announce(release, user) {
        emit({ kind: 'release', release: release.manifest.id, rev: release.rev, user })
        // What is behind now did not say anything: its state changed because the release did.
        for (const gateway of registry.list()) if (gateway.state !== 'live') emit({ kind: 'gateway', gateway })
      },
    })
    const { watching, ...cases } = createWatching({ audit, clock, rights: (by) => releases.flows.rights(by), command: (command, asked) => hub.command(command, asked), documents, withPins: releases.nodesWithPins })
    casesGate.gate = createCasesGate(cases)
    const registry = await openRegistry({
      store,
      audit,
      clock,
      log,
      publicKey: signer.publicKey,
      current: () => releases.current()?.manifest,
      isConnected: (id) => hub.isConnected(id),
      clientsOf: (id) => clients.stateOf(id),
      changed: (gateway) => emit({ kind: 'gateway', gateway }),
    })

    const clients = createClientsSource({
      consumers: options.callers ?? consumers,
      signer,
      clock,
      log,
      send: (message) => hub.broadcast(message),
      changed: (id) => registry.tell(id),
    })

    const decisions = openDecisions({ store, clock, log, access: desk.access, ask: (command) => hub.ask(command), flowOf: releases.flowOf, limits: options.decisionLimits })

    const witnesses = { post: options.witnessPost, publicKey: signer.publicKey, now: () => clock.now() }
    const ledgers = openLedgers({
      store, audit: chain, signer, keys: [keys.current, ...keys.older], clock, log, access: desk.access, limits: options.ledgerLimits,
      anchors: [...new Set([`file:${join(dataDir, 'ledger-anchors.jsonl')}`, ...(options.ledgerAnchors ?? [])])].map((text) => toAnchor(text, witnesses)),
    })

    const revisions = async (hashes: readonly string[]): Promise<RevisionText[]> => {
      const known = new Map((hub.release('current')?.release.revisions ?? []).map((revision) => [revision.hash, revision.document]))
      const inMemory = hashes.flatMap((hash) => {
        const document = known.get(hash)
        return document ? [{ hash, text: toDocumentText(document) }] : []
      })
      const stored = await store.revisions.list(hashes.filter((hash) => !known.has(hash)))
      return [...inMemory, ...stored.map(({ hash, document }) => ({ hash, text: document }))]
    }

    const users = createUsers({ store, audit, clock, log, first, cost: passwordCost, tokenTtlMs: options.tokenTtlMs, sessionsEnded(user) {
      emit({ kind: 'sessions', user })
      consumers.lookForRevoked().catch(() => {}) // it looks again by itself
    } })

    return {
      users,
      ...(options.tokenIssuer === undefined ? {} : {
        accessTokens: createAccessTokens({ keys: createSigningKeyStore(store, createSealer(keys), log), issuer: options.tokenIssuer, users, clients: createOauthClients(store, clock), isRevoked: (token) => consumers.isRevoked(token), clock, log }),
      }),
      flows: releases.flows,
      releases: releases.releases,
      gateways: {
        list: async () => registry.list(),
        createJoinToken: (by, ttlMs) => registry.createJoinToken(by, ttlMs),
        async revoke(id, by) {
          await registry.revoke(id, by)
          hub.session(id)?.close()
        },
        command: (command) => hub.command(command),
      },
      consumers,
      decisions,
      ledgers,
      accepted: createAcceptedWork({ audit, access: desk.access, command: (command) => hub.command(command) }),
      dataProtection: createDataProtection({ store, audit, clock, log, access: desk.access, desk: options.vault, quiet: options.quietVault, awake: options.vaultAwake, markKey: deriveKey(keys.current, 'sluice marks of data subjects') }),
      caches: createCaches({ audit, access: desk.access, command: (command) => hub.command(command, { withinMs: sweepMs }), now: () => clock.now(), gateways: () => registry.list() }),
      dataFlows: createDataFlows({ definitions, notYet: options.notYet, current: () => releases.current(), rights: (by) => releases.flows.rights(by) }),
      queues: createQueues({ audit, access: desk.access, command: (command) => hub.command(command) }),
      watching,
      descriptions: createDescriptions({
        definitions,
        notYet: options.notYet,
        apis: consumers.apis,
        async apiOf(id) {
          const [row] = await store.consumers.byIds('apis', [id])
          return row && row.retired_at === null ? toRecord<ManagedApi>(row) : undefined
        },
        current: () => releases.current(),
      }),
      publishing: createPublishing({ flows: releases.flows, consumers, desk, log }),
      documents,
      on(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
      audit,
      pagesClient: { id: pagesClientId, secret: toPagesSecret(keys.current) },
      firstPassword: () => first.get(),
      exportStore: () => exportStore(store),
      syncHandler: createSyncHandler({ registry, hub, clients, clock, log, limits, revisions, decisions: (gateway, given) => decisions.take(gateway, given), records: (gateway, given) => ledgers.take(gateway, given), event: (gateway, event) => emit({ ...event, gateway }) }),
      async close() {
        clients.close()
        decisions.close()
        await ledgers.close()
        consumers.close()
        hub.close()
        await anchor.close()
        await store.close()
      },
    }
  } catch (thrown) {
    await store.close()
    throw thrown
  }
}

function loadKeys(dataDir: string, setting: string | undefined) {
  try {
    return { keys: loadCredentialsKey(dataDir, setting), signer: loadReleaseSigner(dataDir) }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code) throw toUnavailable(thrown)
    throw thrown
  }
}
