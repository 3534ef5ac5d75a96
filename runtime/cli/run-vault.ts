import { join } from 'node:path'
import { openVault, type VaultOptions } from '../../vault/open-vault.ts'
import { createVaultServer } from '../../vault/server.ts'
import type { OpenVault } from '../../vault/parts.ts'
import { systemClock } from '../core/time/clock.ts'
import { createOps } from '../http/ops.ts'
import { loadTls, watchTls } from '../http/tls-files.ts'
import type { TlsOptions } from '../http/tls.ts'
import { variableOf, type Settings } from '../settings.ts'
import { openLog } from '../telemetry/log.ts'
import { createVaultMetrics } from '../telemetry/vault-metrics.ts'
import { vaultTokens } from '../vault-trust.ts'
import { forbidDumps } from './forbid-dumps.ts'
import { CommandFailed, exitCodes } from './outcome.ts'
import { failToStart, openChildChannel } from './start/child-channel.ts'
import { formatOf } from './start/log-format.ts'
import { vaultDir } from './start/plan.ts'
import { isLoopback } from './start/port.ts'
import { watchProcess } from './watch-process.ts'

/** The process of the vault: opens its database and its master key, and answers gateways and control until it is asked to stop. */
export async function runVault(settings: Settings, { supervised = false } = {}): Promise<number> {
  const channel = openChildChannel(settings.drainLimitMs, supervised)
  const log = openLog({ level: settings.logLevel, format: formatOf(settings), base: { role: 'vault' } })
  watchProcess(log)
  try {
    forbidDumps(log)
    let closing = false
    const tokens = { gateway: vaultTokens(settings, 'gateway'), control: vaultTokens(settings, 'control') }
    checkDoor(settings, tokens)
    const { vaultTlsCertFile: certFile, vaultTlsKeyFile: keyFile, vaultTlsClientCaFile: clientCaFile, tlsMinVersion } = settings
    const files = certFile && keyFile ? { certFile, keyFile, ...(clientCaFile === undefined ? {} : { clientCaFile }) } : undefined
    const toTls = ({ cert, key, clientCa }: TlsOptions) => ({ cert: cert as Buffer, key: key as Buffer, minVersion: tlsMinVersion, ...(clientCa === undefined ? {} : { clientCa: clientCa as Buffer }) })
    const tls = files && toTls(loadTls(files))
    const vault = await openVault({
      folder: vaultDir(settings),
      databaseUrl: settings.vaultDatabaseUrl,
      masterKey: masterKeyOf(settings),
      clock: systemClock,
      log,
    })
    const server = createVaultServer({
      vault,
      host: settings.host,
      port: settings.vaultPort ?? 1882,
      tokens,
      ...(tls ? { tls } : {}),
      log,
    })
    const { url } = await server.listen()
    const unwatch = files && watchTls(files, (renewed) => server.renewTls(toTls(renewed)), log)
    const ops = await openOps(settings, vault, () => closing)
    if (ops) log.info({ url: ops.url }, 'health and metrics of the vault are ready')
    log.info({ url }, 'the vault is ready')
    channel.tell({ say: 'ready', facts: { url } })
    const limitMs = await channel.stopAsked
    closing = true
    unwatch?.()
    await server.close(limitMs)
    await ops?.close()
    await vault.close()
    log.flush()
    process.exit(exitCodes.done)
  } catch (thrown) {
    log.flush()
    return failToStart(channel, thrown)
  }
}

/** The port of operators, where one is named. @throws PortBusy */
async function openOps({ host, vaultOpsPort: port }: Settings, { desk }: OpenVault, closing: () => boolean): Promise<{ readonly url: string; close(): Promise<void> } | undefined> {
  if (port === undefined) return undefined
  const metrics = createVaultMetrics({
    async read() {
      const [status, certificates] = await Promise.all([desk.status(), desk.certificates.list()])
      return { ...status, dataKeys: status.dataKeys ?? { replaced: 0, fullest: 0 }, certificates }
    },
  })
  const ops = createOps({ host, port }, { ready: () => ({ ready: !closing(), detail: {} }), metrics })
  const { url } = await ops.listen()
  return { url, close: ops.close }
}

function masterKeyOf(settings: Settings): VaultOptions['masterKey'] {
  const { vaultPkcs11Module: module, vaultPkcs11Token: tokenLabel, vaultPkcs11PinFile: pinFile } = settings
  const unset = settings.vaultPkcs11Env.find((name) => settings.vaultPkcs11Environment[name] === undefined)
  if (unset !== undefined) throw new CommandFailed(`${variableOf('vaultPkcs11Env')} names ${unset}, which is not set.`)
  if (module !== undefined && tokenLabel !== undefined && pinFile !== undefined) return { module, tokenLabel, pinFile }
  return { file: settings.vaultMasterKeyFile ?? join(vaultDir(settings), 'master.key') }
}

/** A vault that nobody could ask, or that anybody could listen to, is not opened. */
function checkDoor(settings: Settings, tokens: Readonly<Record<'gateway' | 'control', readonly string[]>>): void {
  const { vaultTlsCertFile, vaultTlsClientCaFile, host } = settings
  if (tokens.gateway.some((token) => tokens.control.includes(token))) {
    throw new CommandFailed(`${variableOf('vaultGatewayToken')} and ${variableOf('vaultControlToken')} hold the same token; expected two: neither may do what is the other's.`)
  }
  if (vaultTlsClientCaFile === undefined && tokens.gateway.length === 0) {
    throw new CommandFailed(`Nobody could ask this vault: set ${variableOf('vaultGatewayToken')} (and ${variableOf('vaultControlToken')} for control), or ${variableOf('vaultTlsClientCaFile')}.`)
  }
  if (!isLoopback(host) && vaultTlsCertFile === undefined) {
    throw new CommandFailed(`${variableOf('host')} is “${host}”, where others can listen in; expected ${variableOf('vaultTlsCertFile')} and ${variableOf('vaultTlsKeyFile')} to be set too.`)
  }
}
