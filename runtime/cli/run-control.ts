import { readFileSync } from 'node:fs'
import { openControl, type OpenControl } from '../../control/open-control.ts'
import { createVaultClient } from '../../control/vault/vault-client.ts'
import type { VaultDesk } from '../../vault/contract.ts'
import { createControlServer } from '../../editor/server.ts'
import { definitions } from '../../nodes/index.ts'
import { notYet } from '../../nodes/not-yet.ts'
import type { SignInElsewhere } from '../../portal/sign-in-elsewhere.ts'
import { systemClock } from '../core/time/clock.ts'
import type { Log } from '../core/log.ts'
import { clientAddress, createTrust } from '../http/client-address.ts'
import { loadTls, watchTls } from '../http/tls-files.ts'
import type { Settings } from '../settings.ts'
import { createRelyingParty } from '../openid/relying-party.ts'
import { openLog } from '../telemetry/log.ts'
import { vaultTrust, watchVaultTrust } from '../vault-trust.ts'
import { exitCodes } from './outcome.ts'
import { createPartnerFetch } from './partner-fetch.ts'
import { pagesOrigins } from './pages-origins.ts'
import { loadSamples, sampleApis } from './samples.ts'
import { failToStart, openChildChannel, type ChildChannel } from './start/child-channel.ts'
import { createAskForVault } from './start/ask-for-vault.ts'
import { formatOf } from './start/log-format.ts'
import { upstreamName } from './upstream-provider.ts'
import { watchProcess } from './watch-process.ts'

export interface RunControl {
  /** Put the sample flows live when nothing was ever deployed. */
  readonly samples: boolean
  readonly supervised?: boolean
}

/** The control process: opens the store, serves editor, pages, admin API and the gateways until it is asked to stop. */
export async function runControl(settings: Settings, { samples, supervised = false }: RunControl): Promise<number> {
  const channel = openChildChannel(settings.drainLimitMs, supervised)
  const log = openLog({ level: settings.logLevel, format: formatOf(settings), base: { role: 'control' } })
  watchProcess(log)
  try {
    const running = await openRunning(settings, samples, channel, log)
    await channel.stopAsked
    await running.close()
    log.flush()
    process.exit(exitCodes.done)
  } catch (thrown) {
    log.flush()
    return failToStart(channel, thrown)
  }
}

async function openRunning(settings: Settings, samples: boolean, channel: ChildChannel, log: Log): Promise<{ close(): Promise<void> }> {
  const extraCa = settings.extraCaFiles.map((file) => readFileSync(file, 'utf8'))
  const partners = createPartnerFetch({ egressAllow: settings.egressAllow, extraCa, clock: systemClock, log })
  const control = await openControl({
    ...createVaultDesks(settings, channel, log),
    partnerFetch: partners.fetch,
    dataDir: settings.dataDir,
    databaseUrl: settings.databaseUrl,
    definitions,
    notYet,
    log,
    clock: systemClock,
    adminPassword: settings.adminPassword,
    credentialsKey: settings.credentialKey,
    tokenIssuer: settings.authIssuer,
    decisionLimits: { days: settings.decisionsDays },
    ledgerAnchors: settings.ledgerAnchors,
    ledgerLimits: { periodMs: settings.ledgerPeriodMs, periodEntries: settings.ledgerPeriodEntries },
    witnessPost: partners.post,
    tokenTtlMs: settings.authTokenTtlMs,
    publicRoutes: settings.publicRoutes,
  })
  if (samples) await deploySamples(control, log)
  const urls = await followGatewayUrls(control)
  const { controlTlsCertFile: certFile, controlTlsKeyFile: keyFile, tlsMinVersion: minVersion } = settings
  const tlsFiles = certFile && keyFile ? { certFile, keyFile, minVersion } : undefined
  const tls = tlsFiles && loadTls(tlsFiles)
  const trusts = createTrust(settings.trustedProxies)
  const server = createControlServer({
    control,
    definitions,
    notYet,
    options: {
      host: settings.host,
      port: settings.controlPort,
      dataDir: settings.dataDir,
      ...(settings.controlPublicUrl ? { publicUrl: settings.controlPublicUrl } : {}),
      gatewayUrls: () => urls.list(),
      samples: samples ? sampleApis : [],
      sessionMs: settings.sessionTtlMs,
      elsewhere: createSignInElsewhere(settings, control),
      ...(settings.upstreamOidcIssuer === undefined ? {} : { upstream: { issuer: settings.upstreamOidcIssuer, name: upstreamName(settings) } }),
      clientOf: ({ socket, headers }) => clientAddress(socket.remoteAddress ?? '', headers['x-forwarded-for']?.toString(), trusts),
      ...(tls ? { tls: { cert: tls.cert, key: tls.key, minVersion } } : {}),
    },
    handlers: {
      '/sync/': (request, response) => {
        control.syncHandler(request, response).catch((thrown: unknown) => {
          log.error({ reason: (thrown as Error).message }, 'a gateway could not be answered')
          response.destroy()
        })
      },
    },
    log: (level, text, cause) => log[level](cause instanceof Error ? { reason: cause.message } : {}, text),
  })
  channel.hear((message) => {
    if (message.say !== 'joinToken') return
    control.gateways.createJoinToken('start', 600_000).then(
      ({ token }) => channel.tell({ say: 'joinToken', forGateway: message.forGateway, token }),
      (thrown: unknown) => log.error({ reason: (thrown as Error).message }, 'no join token could be made'),
    )
  })
  const { url } = await server.listen()
  const unwatch = tlsFiles && watchTls(tlsFiles, (renewed) => server.renewTls({ cert: renewed.cert, key: renewed.key, minVersion }), log)
  const password = await control.firstPassword()
  log.info({ url }, 'control is ready')
  channel.tell({ say: 'ready', facts: { url: url.replace(/\/$/, ''), ...(password ? { password } : {}) } })
  return {
    async close() {
      unwatch?.()
      urls.close()
      // Streams to gateways would keep the server open: they end first, and gateways serve on without control.
      await control.close()
      await partners.close()
      await server.close()
    },
  }
}

const quietMs = 1_500

/** The vault, where there is one: for those who want something of it, and for pages that only show a part of it. */
function createVaultDesks(settings: Settings, channel: ChildChannel, log: Log): { readonly vault?: VaultDesk; readonly quietVault?: VaultDesk; readonly vaultAwake?: () => boolean } {
  if (settings.vaultUrl.length === 0) return {}
  let trust = vaultTrust(settings, 'control')
  watchVaultTrust(settings, 'control', (renewed) => (trust = renewed), log)
  const reach = { trust: () => trust, urls: settings.vaultUrl }
  const wake = createAskForVault(channel)
  return { vault: createVaultClient({ ...reach, wake }), quietVault: createVaultClient({ ...reach, timeoutMs: quietMs }), vaultAwake: wake.isAwake }
}

/** The pages as a client of the authorization server, where there is one. */
function createSignInElsewhere(settings: Settings, { pagesClient }: OpenControl): SignInElsewhere | undefined {
  const { authIssuer: issuer, signIn } = settings
  const origins = pagesOrigins(settings)
  if (issuer === undefined || origins.length === 0) return undefined
  const party = createRelyingParty({ issuer, clientId: pagesClient.id, clientSecret: pagesClient.secret, scope: 'openid', clock: systemClock, insecure: issuer.startsWith('http:') })
  return { ...party, passwords: signIn === 'password', origins }
}

async function deploySamples(control: OpenControl, log: Log): Promise<void> {
  const releases = await control.releases.list({ limit: 1 })
  if (releases.length > 0) return
  const nodes = await loadSamples()
  try {
    const { release } = await control.flows.deploy({ nodes, user: 'start', comment: 'Sample flows' })
    log.info({ release }, 'the sample flows were deployed')
  } catch (thrown) {
    log.error({ reason: (thrown as Error).message, problems: (thrown as { problems?: unknown }).problems }, 'the sample flows were not deployed') // the editor is there all the same
  }
}

/** Where the gateways serve, as they said themselves. */
async function followGatewayUrls(control: OpenControl): Promise<{ list(): readonly string[]; close(): void }> {
  const urls = new Map<string, string>()
  const note = (gateway: { id: string; url?: string }) => void (gateway.url && urls.set(gateway.id, gateway.url))
  const close = control.on((event) => {
    if (event.kind === 'gateway' && typeof event.gateway !== 'string') note(event.gateway)
  })
  for (const gateway of await control.gateways.list()) note(gateway)
  return { list: () => [...new Set(urls.values())], close }
}
