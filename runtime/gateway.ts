import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { createClients } from './clients/clients.ts'
import { createIdentities } from './clients/identities.ts'
import { createStandingOf } from './clients/standing-of.ts'
import { createAssembler } from './compile/assemble.ts'
import { createCatalogue, type Nodes, type NotYet } from './compile/catalogue.ts'
import type { ClientCopy } from './core/access/clients.ts'
import { systemClock, type Clock } from './core/time/clock.ts'
import type { GatewayEvent } from './core/deployer.ts'
import type { CaseRunner } from './core/cases.ts'
import type { Log } from './core/log.ts'
import type { Message } from './core/message.ts'
import type { State } from './core/state/state.ts'
import type { Upstream } from './core/upstream/upstream.ts'
import type { Secrets, Vault } from './core/secrets/vault.ts'
import { createDeployer, type GatewayDeployer } from './deploy/create-deployer.ts'
import { createFront, type Front } from './http/front.ts'
import { createOps, type Ops } from './http/ops.ts'
import { buildRoutes } from './http/route-table.ts'
import { loadTls, watchTls, type TlsFiles } from './http/tls-files.ts'
import { createVersionChoice } from './http/version-choice.ts'
import { createReuse } from './reuse/create-reuse.ts'
import { createSandbox } from './sandbox/sandbox.ts'
import { AdaptiveLimit } from './schedule/adaptive-limit.ts'
import { createGatewayAdmission } from './schedule/gateway-admission.ts'
import { createHoldingMarks, type HoldingMarks } from './schedule/holding-marks.ts'
import { createClusterTimers } from './schedule/cluster-timers.ts'
import { createSchedules } from './schedule/create-schedules.ts'
import { createJournalJobs } from './schedule/jobs/journal-jobs.ts'
import { createLineDesk } from './schedule/line-desk.ts'
import { createMemoryLines } from './schedule/memory-lines.ts'
import { observeLines } from './schedule/observe-lines.ts'
import { createTimers } from './schedule/timers.ts'
import type { Settings } from './settings.ts'
import type { SharedParts, SharedPartsOptions } from './shared-parts.ts'
import { createRunContext, openContextStore } from './state/context-store.ts'
import { createLedger, createTrialLedger, type GatewayLedger } from './ledger/create-ledger.ts'
import { createMemoryState } from './state/memory-state.ts'
import { createPressureAlarm } from './state/pressure-alarm.ts'
import { openTotals } from './state/totals.ts'
import type { OpenLog } from './telemetry/log.ts'
import { createDecisionLog, type DecisionLog } from './telemetry/decision-log.ts'
import { createMetrics, type Metrics } from './telemetry/metrics.ts'
import { recordTo } from './telemetry/recorder.ts'
import { createTracing, type RunTracing } from './telemetry/trace/create-tracing.ts'
import { openSpanExport } from './telemetry/trace/span-export.ts'
import { createTraceDesk } from './telemetry/trace/trace-desk.ts'
import { parseEgressAllow } from './upstream/egress-policy.ts'
import { createUpstream } from './upstream/upstream.ts'
import { vaultTrust, watchVaultTrust } from './vault-trust.ts'
import { createGatewaySecrets } from './vault/secrets.ts'
import { createVaultClient, type VaultClient } from './vault/vault-client.ts'

/** What a gateway is composed of besides its settings. */
export interface GatewayParts {
  readonly definitions: Nodes
  readonly notYet?: readonly NotYet[]
  readonly log: OpenLog
  /** Folder that only this gateway writes: the last good release, context, totals. */
  readonly folder: string
  /** Several processes share the port (Linux). */
  readonly reusePort?: boolean
  /** Told what the editor may want to see: statuses and debug lines. Must not block. */
  readonly publish?: (event: GatewayEvent) => void
  /** Answers callouts in place of the network: tests of flows do. */
  readonly upstream?: Upstream
  /** Stands in for the vault of the settings: tests of flows do. */
  readonly vault?: Vault
  /** Stands in for the secrets of the vault: cases prove nothing to anybody. */
  readonly secrets?: Secrets
  /** Gets a vault started, where one is started when it is needed; resolves when it may be asked. */
  readonly wakeVault?: () => Promise<void>
  /** Time, when it is not the machine's: tests hold it. */
  readonly clock?: Clock
  /** Deep-freeze every message: tests do. */
  readonly freeze?: (message: Message) => void
  /** Runs cases and replays against flows that are not live. Absent: the editor is told that this gateway cannot. */
  readonly cases?: CaseRunner
  /** What collectors know this gateway's spans by besides its name. */
  readonly version?: string
  /** It lives inside another gateway's process, for a while: no metrics of the process. */
  readonly inner?: boolean
}

/** One gateway process's worth of data plane. */
export interface Gateway {
  readonly deployer: GatewayDeployer
  /** Who may call; kept up to date by whoever talks to control. */
  readonly clients: ClientCopy
  /** Why calls were refused, lately. */
  readonly decisions: DecisionLog
  /** Records for ledgers, on their way to control. */
  readonly ledger: GatewayLedger
  readonly front: Front
  readonly metrics: Metrics
  /** Runs that were written down. */
  readonly tracing: RunTracing
  readonly log: Log
  /** Opens the ports; resolves when both listen. Serves 503 until a release is live. */
  start(): Promise<{ url: string; opsUrl: string }>
  /** Readiness off, no new connection, what is in flight may finish within the limit. */
  drain(limitMs: number): Promise<{ cut: number }>
  /** Closes everything at once. Call after `drain` for a graceful end. */
  close(): Promise<void>
}

/** Bodies of all requests that wait at the limit, together. */
const bodiesLimitBytes = 128 * 1024 * 1024

/** Where gateways that share a store keep what their marks are made with. */
const holdingKey = 'holding key'
const tenYearsMs = 10 * 365 * 86_400_000

/** How long a start waits for the shared state before it goes on without. */
const stateWaitMs = 1000

/** Wires the rooms of the data plane together: the only place where they meet. */
export async function createGateway(settings: Settings, parts: GatewayParts): Promise<Gateway> {
  const clock = parts.clock ?? systemClock
  const { log } = parts
  const metrics = createMetrics({ process: parts.inner !== true })
  const recorder = recordTo(log.runs, metrics.runs)
  const decisions = createDecisionLog({ clock })
  const ledger = createLedger({ folder: parts.folder, clock, log, limitBytes: settings.ledgerJournalMb * 1024 * 1024 })
  const contexts = openContextStore({ folder: parts.folder, clock, log })
  const clients = createClients({
    clock,
    log,
    staleMs: settings.clientsStaleMs,
    whenStale: settings.clientsWhenStale,
    onStale: () => metrics.count('clients_out_of_touch'),
  })
  const extraCa = settings.extraCaFiles.map((file) => readFileSync(file, 'utf8'))
  const cacheKey = settings.cacheKey === undefined ? undefined : toKey(settings.cacheKey)
  const jobKey = settings.jobKey === undefined ? undefined : toKey(settings.jobKey)
  const shared = await openShared(settings, { ...(extraCa.length > 0 ? { ca: [...rootCertificates, ...extraCa] } : {}), cacheKey, jobKey, clock, log, metrics })
  const state = shared.state ?? createMemoryState({
    clock,
    cacheLimitBytes: settings.cacheMb * 1024 * 1024,
    ...(shared.cache ? { cache: shared.cache.cache } : {}),
    totals: openTotals({ folder: parts.folder, clock, log }),
    onPressure: createPressureAlarm({ clock, log, metrics }),
  })
  const jobs = shared.jobs ?? createJournalJobs({ folder: parts.folder, key: jobKey, clock, log, metrics })
  const lines = shared.lines ?? createMemoryLines(clock)
  const holding = createHoldingMarks(clock)
  const identities = settings.admission === 'off' ? undefined : createIdentities()
  const admission = identities && createGatewayAdmission(
    {
      limit: settings.admissionLimit,
      ...(settings.admission === 'adaptive' ? { adaptive: new AdaptiveLimit({ initial: settings.admissionLimit, min: settings.admissionLimitMin, max: settings.admissionLimitMax }) } : {}),
      reservedShare: settings.admissionReservePercent / 100,
      maxWaitMs: settings.admissionMaxWaitMs,
      maxDepth: settings.admissionMaxDepth,
      bodiesLimitBytes,
    },
    { clock, standingOf: createStandingOf({ clients, identities, clock }), observer: metrics.queues },
  )
  const allLines = () => [...(admission ? [admission.line] : []), ...lines.list()]
  metrics.queues.watch(allLines)
  const upstream = createUpstream({
    egress: parseEgressAllow(settings.egressAllow),
    extraCa,
    clock,
    log,
    holding,
    observer: metrics.upstreams,
  })
  metrics.upstreams.watch(() => upstream.services())
  const sandbox = createSandbox({
    log,
    clock,
    isolatesPerOwner: settings.scriptIsolates,
    heapMb: settings.scriptHeapMb,
    timeoutMs: settings.scriptTimeoutMs,
    inputLimitBytes: settings.scriptInputLimitBytes,
    onQuarantine: () => metrics.count('scripts_quarantined'),
  })
  let vaultClient: VaultClient | undefined
  let unwatchVaultTrust: (() => void) | undefined
  const openVault = () => {
    unwatchVaultTrust ??= watchVaultTrust(settings, 'gateway', (trust) => vaultClient?.renew(trust), log)
    return (vaultClient ??= createVaultClient({ urls: settings.vaultUrl, timeoutMs: settings.vaultTimeoutMs, ...vaultTrust(settings, 'gateway'), clock, log, ...(parts.wakeVault ? { started: parts.wakeVault() } : {}) }))
  }
  const ownSecrets = parts.secrets || settings.vaultUrl.length === 0 ? undefined : createGatewaySecrets({ ask: (request) => openVault().secrets(request), clock, log })
  const secrets = parts.secrets ?? ownSecrets
  const vault = parts.vault ? () => parts.vault as Vault : settings.vaultUrl.length > 0 ? openVault : undefined
  const reuse = settings.reuse ? createReuse({ limitBytes: settings.reuseMb * 1024 * 1024 }) : undefined
  const catalogue = createCatalogue(parts.definitions, parts.notYet)
  const spans = settings.otlpUrl === undefined ? undefined : openSpanExport({
    url: settings.otlpUrl,
    headers: Object.fromEntries(settings.otlpHeaders.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)])),
    service: settings.gatewayName ?? 'sluice',
    ...(parts.version === undefined ? {} : { version: parts.version }),
  })
  const tracing = createTracing({
    clock,
    sampleShare: Number(settings.traceSample) / 100,
    payloads: settings.tracePayloads,
    protects: (type) => catalogue.get(type)?.protects === true,
    ended: [metrics.traced, ...(spans ? [spans.ended] : [])],
  })
  const traceDesk = createTraceDesk({ tracing, cases: parts.cases, env: settings.flowEnvironment, local: settings.tracePayloads === 'local' })
  const deployer = createDeployer(
    {
      deadlineMs: settings.deadlineMs,
      trustRequestDeadline: settings.trustRequestDeadline,
      hopLimit: settings.hopLimit,
      stepLimit: 1_000_000,
      publicRoutes: settings.publicRoutes,
      ...(parts.freeze ? { freeze: parts.freeze } : {}),
    },
    {
      catalogue,
      assemble: createAssembler(catalogue, settings.flowEnvironment, { lent: 'pass' }),
      buildRoutes,
      startTimer: shared.jobs ? createClusterTimers(clock, shared.jobs, log) : createTimers(clock),
      contexts,
      services: {
        clock,
        log,
        sandbox,
        upstream: parts.upstream ?? upstream,
        ...(vault ? { vault } : {}),
        ...(secrets ? { secrets } : {}),
        clients,
        ...(reuse ? { reuse } : {}),
        state,
        desk: createLineDesk(allLines),
        lines: observeLines(lines, metrics.queues),
        jobs,
        schedules: createSchedules({ jobs, clock, log }),
        holding,
        ...(identities ? { identities } : {}),
        decisions,
        ledger: parts.inner === true ? createTrialLedger() : ledger,
        env: settings.flowEnvironment,
        recorder,
        tracing,
        traceDesk,
        contextsOf: (flow, node, organisation) => contexts.contexts(flow, node, organisation),
        createRunContext,
        publish: (event) => parts.publish?.(event),
      },
    },
  )
  metrics.gauge('release', 'Release that is live; 0 before the first.', () => deployer.live()?.id ?? 0)
  metrics.gauge('runs_in_flight', 'Runs that have not ended.', () => deployer.inFlight)
  metrics.gauge('clients_version', 'Version of the records of callers that this gateway knows.', () => clients.version)
  metrics.gauge('clients_applications', 'Applications that this gateway knows.', () => clients.applications)
  metrics.gauge('clients_stale', '1 while control was not heard for longer than the records of callers may be old.', () => (clients.stale ? 1 : 0))
  metrics.gauge('clients_silent_seconds', 'Time since control was last in step with this gateway; -1 before the first time.', () => (clients.silentMs ?? -1000) / 1000)
  metrics.totals('refusals', 'Calls that were refused, by code: all of them, whatever the log and control are told one by one.', 'code', () => decisions.byCode)
  metrics.gauge('decisions_waiting', 'Refused calls that control is not told of yet.', () => decisions.waiting)
  metrics.gauge('decisions_left_out', 'Refused calls since the start that control is not told of one by one.', () => decisions.leftOut)
  metrics.gauge('ledger_waiting', 'Records for ledgers that control does not have yet.', () => ledger.waiting)
  metrics.gauge('ledger_refused', 'Records since the start that control did not take into their ledger.', () => ledger.refused)
  metrics.gauge('state_available', '1 while what gateways count together answers; 0: limits are decided without it.', () => (state.healthy ? 1 : 0))
  metrics.gauge('vault_available', '1 while a vault answers, or none was needed yet.', () => (vaultClient?.available === false ? 0 : 1))
  metrics.gauge('flows_waiting', 'Flows whose secrets cannot be had: their routes answer 503.', () => deployer.waiting.length)
  metrics.gauge('vault_asks', 'What was asked of the vault since the start: values, tokens, signatures.', () => vaultClient?.counts.asks ?? 0)
  metrics.gauge('vault_requests', 'Requests in which that travelled.', () => vaultClient?.counts.requests ?? 0)
  metrics.gauge('vault_failures', 'Requests of those that no vault answered.', () => vaultClient?.counts.failed ?? 0)
  metrics.gauge('reuse_bytes', 'What is held to be used again, as far as known.', () => reuse?.bytes ?? 0)
  metrics.gauge('jobs_pending', 'Accepted jobs that wait for their turn or for their next attempt.', () => jobs.counts().pending)
  metrics.gauge('jobs_running', 'Accepted jobs of which an attempt is under way.', () => jobs.counts().running)
  metrics.gauge('jobs_dead', 'Dead letters: jobs that failed for good.', () => jobs.counts().dead)
  metrics.gauge('jobs_paused', 'Flows whose accepted work is paused.', () => jobs.counts().paused)
  metrics.gauge('jobs_unsafe', '1 while Redis is not set up to keep accepted work.', () => (shared.jobs?.unsafe === undefined ? 0 : 1))
  let draining = false
  const tls = toTlsFiles(settings)
  const front: Front = createFront(
    {
      host: settings.host,
      port: settings.gatewayPort,
      reusePort: parts.reusePort === true,
      bodyLimitBytes: settings.bodyLimitBytes,
      headerLimitBytes: settings.headerLimitBytes,
      headersTimeoutMs: settings.headersTimeoutMs,
      requestTimeoutMs: settings.requestTimeoutMs,
      keepAliveTimeoutMs: settings.idleTimeoutMs,
      trustedProxies: settings.trustedProxies,
      showWait: settings.queueWaitHeader,
      ...(tls ? { tls: loadTls(tls) } : {}),
    },
    { live: () => deployer.current(), log: deployer.log, recorder, metrics, versions: createVersionChoice({ header: settings.apiVersionHeader, clients, clock }), ...(admission ? { admission, holding, refuser: { clients, decisions, clock } } : {}) },
  )
  const unwatch = tls ? watchTls(tls, (options) => front.setTls(options), log) : undefined
  const ops: Ops = createOps({ host: settings.host, port: settings.opsPort }, {
    metrics,
    ready: () => {
      const live = deployer.live()
      return { ready: live !== undefined && !draining, detail: { release: live?.id, hash: live?.hash, draining, waiting: deployer.waiting, clients: { version: clients.version, stale: clients.stale, fresh: clients.fresh } } }
    },
  })

  return {
    deployer,
    clients,
    decisions,
    ledger,
    front,
    metrics,
    tracing,
    log,
    async start() {
      // Else the first requests would be decided as if it were away.
      await Promise.all([shared.state?.connected(stateWaitMs), shared.cache?.connected(stateWaitMs), shared.lines?.connected(stateWaitMs), shared.jobs?.connected(stateWaitMs)])
      await shareKey(state, holding)
      await ledger.open()
      const [served, watched] = await Promise.all([front.listen(), ops.listen()])
      return { url: served.url, opsUrl: watched.url }
    },
    async drain(limitMs) {
      draining = true
      jobs.drain()
      const [requests, runs] = await Promise.all([front.drain(limitMs), deployer.drain(limitMs)])
      return { cut: Math.max(requests.cut, runs.cut) }
    },
    async close() {
      draining = true
      unwatch?.()
      clients.close()
      await front.close()
      jobs.drain()
      await deployer.close()
      ownSecrets?.close()
      unwatchVaultTrust?.()
      vaultClient?.close()
      tracing.close()
      await spans?.close()
      await jobs.close()
      await ledger.close()
      await Promise.all([ops.close(), upstream.close(), sandbox.close(), contexts.close(), state.close(), shared.cache?.close(), shared.lines?.close()])
      log.flush()
    },
  }
}

/** What gateways share, where the settings name a Redis. */
async function openShared(settings: Settings, options: SharedPartsOptions): Promise<SharedParts> {
  if (settings.redisUrl === undefined && settings.cacheRedisUrl === undefined) return {}
  const { openSharedParts } = await import('./shared-parts.ts')
  return openSharedParts(settings, options)
}

/** Gateways that count together know each other's marks. Without the store each knows its own. */
async function shareKey({ records }: State, holding: HoldingMarks): Promise<void> {
  const own = randomBytes(32).toString('base64')
  try {
    holding.useKey(Buffer.from((await records.setIfAbsent(holdingKey, own, tenYearsMs)) ?? own, 'base64'))
  } catch {
    // The shared store is away, as the log says.
  }
}

function toTlsFiles(settings: Settings): TlsFiles | undefined {
  const { tlsCertFile, tlsKeyFile } = settings
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined
  const own = {
    certFile: tlsCertFile,
    keyFile: tlsKeyFile,
    ...asks(settings.tlsClientCertificate),
    ...(settings.tlsClientCaFile === undefined ? {} : { clientCaFile: settings.tlsClientCaFile }),
  }
  const hosts = Object.entries(settings.tlsHosts).map(([name, host]) => {
    const { clientCertificate, ...files } = host
    return [name, { ...own, ...files, ...(clientCertificate === undefined ? {} : asks(clientCertificate)) }] as const
  })
  return { ...own, minVersion: settings.tlsMinVersion, hosts: Object.fromEntries(hosts) }
}

/** As the setting gives it: 64 digits of hex, or base64. */
function toKey(text: string): Buffer {
  return Buffer.from(text, text.length === 64 ? 'hex' : 'base64')
}

function asks(rule: 'off' | 'request' | 'require'): { clientCertificate?: 'optional' | 'required' } {
  if (rule === 'off') return {}
  return { clientCertificate: rule === 'require' ? 'required' : 'optional' }
}

/** Where a gateway keeps what is its own, below the data folder. */
export function gatewayFolder(dataDir: string): string {
  return join(dataDir, 'gateway')
}
