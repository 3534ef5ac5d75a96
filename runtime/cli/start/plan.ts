import { realpathSync } from 'node:fs'
import { availableParallelism, homedir } from 'node:os'
import { dirname, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder } from '../../core/files/make-folder.ts'
import { nodeFlags } from '../../node-flags.mjs'
import { environmentFor, machineEnvironment, SettingsError, type Settings } from '../../settings.ts'

/** The project's folder. */
export const projectDir = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

const quiet = ['--disable-warning=ExperimentalWarning', '--disable-warning=SecurityWarning']

/** Flags of every child. */
export const childFlags: readonly string[] = [...nodeFlags, ...quiet]

/**
 * Flags of a gateway: Node's permission model, so that it reads the project and its own folder, writes
 * its own folder only, and starts no process and no worker. A second line of defence, not a boundary.
 * Of control on the same machine it may read the certificate, not the key that lies beside it.
 */
export function gatewayFlags(settings: Settings, controlCert?: string): string[] {
  const own = gatewayDir(settings)
  const files = [settings.tlsCertFile, settings.tlsKeyFile, settings.tlsClientCaFile, settings.controlCaFile, settings.vaultCaFile, settings.vaultClientCertFile, settings.vaultClientKeyFile, settings.vaultGatewayTokenFile, ...settings.extraCaFiles,
    ...Object.values(settings.tlsHosts).flatMap((host) => [host.certFile, host.keyFile, host.clientCaFile])]
  // A certificate is swapped by replacing the file, so its folder is what may be read.
  const folders = new Set(files.filter((file) => file !== undefined).map((file) => dirname(resolve(file))))
  return [
    ...childFlags,
    // A gateway is made for one core, and there is one for each: V8's usual four helpers would take turns with it there.
    '--v8-pool-size=1',
    // Nor is there anybody to share the collecting of what died young with.
    '--no-parallel-scavenge',
    // Nothing of a request lives long. What V8 takes for long-lived because requests waited once lies in its old generation from then
    // on, and holds all that it points to, other requests' parts among it, until the next full collection.
    '--no-allocation-site-pretenuring',
    // What is loaded at the start stays: looking through it for what could be let go would only hold it up.
    '--initial-old-space-size=64',
    '--disable-sigusr1',
    '--permission',
    '--allow-addons',
    `--allow-fs-read=${realpathSync(projectDir)}${sep}`,
    '--allow-fs-read=/proc/self/limits',
    `--allow-fs-read=${own}${sep}`,
    '--allow-fs-read=/etc/alpine-release', // node-gyp-build looks there for the C library
    ...[...folders].map((folder) => `--allow-fs-read=${folder}${sep}`),
    ...(controlCert === undefined ? [] : [`--allow-fs-read=${controlCert}`]),
    `--allow-fs-write=${own}${sep}`,
  ]
}

/**
 * Flags of the vault: it reads the project, what its settings name, and its own folder, which is all it writes; it starts nothing, and
 * nothing attaches to it.
 */
export function vaultFlags(settings: Settings): string[] {
  const own = vaultDir(settings)
  const { vaultTlsCertFile, vaultTlsKeyFile, vaultTlsClientCaFile, vaultGatewayTokenFile, vaultControlTokenFile, vaultMasterKeyFile, vaultPkcs11Module, vaultPkcs11PinFile } = settings
  const read = [vaultTlsCertFile, vaultTlsKeyFile, vaultTlsClientCaFile, vaultGatewayTokenFile, vaultControlTokenFile, vaultPkcs11Module, vaultPkcs11PinFile, ...databaseFiles(settings.vaultDatabaseUrl)].filter((file) => file !== undefined)
  const keyFolder = vaultMasterKeyFile === undefined ? [] : [`${dirname(resolve(vaultMasterKeyFile))}${sep}`]
  return [
    ...childFlags,
    '--disable-sigusr1',
    '--permission',
    '--allow-addons',
    `--allow-fs-read=${realpathSync(projectDir)}${sep}`,
    '--allow-fs-read=/proc/self/limits',
    ...[...read.map((file) => resolve(file)), `${own}${sep}`, ...keyFolder].map((place) => `--allow-fs-read=${place}`),
    ...[`${own}${sep}`, ...keyFolder].map((place) => `--allow-fs-write=${place}`),
  ]
}

/** Files that a connection to PostgreSQL may look at: certificates that its URL names, and where passwords are kept. */
function databaseFiles(url: string | undefined): readonly string[] {
  if (url === undefined) return []
  const { searchParams } = new URL(url)
  return [join(homedir(), '.pgpass'), ...['sslcert', 'sslkey', 'sslrootcert'].flatMap((name) => searchParams.get(name) ?? [])]
}

/** Makes the folders that the vault itself may not make. @throws Error when they cannot be made */
export function makeVaultFolders(settings: Settings): void {
  makeFolder(vaultDir(settings), 0o700)
  if (settings.vaultMasterKeyFile !== undefined) makeFolder(dirname(resolve(settings.vaultMasterKeyFile)), 0o700)
}

/** The only folder the vault writes, but for that of its master key where one is named. */
export function vaultDir(settings: Settings): string {
  return join(settings.dataDir, 'vault')
}

/** The only folder a gateway writes. */
export function gatewayDir(settings: Settings): string {
  return join(settings.dataDir, 'gateway')
}

/** How many gateway processes are asked for. @throws SettingsError where a port cannot be shared */
export function gatewayCount(settings: Settings): number {
  const count = settings.gateways === 'auto' ? availableParallelism() : Number(settings.gateways)
  if (count > 1 && process.platform !== 'linux' && settings.gateways !== 'auto') {
    throw new SettingsError([`SLUICE_GATEWAYS is “${settings.gateways}”; expected 1: several processes on one port need Linux. Run more machines behind a load balancer instead.`])
  }
  return process.platform === 'linux' ? count : 1
}

/** The environment of a child: the machine's time zone and the like, the settings of its plane, nothing else. */
export function childEnvironment(plane: 'control' | 'gateway' | 'vault', settings: Settings, cacheDir: string): Record<string, string> {
  return { ...machineEnvironment(), NODE_COMPILE_CACHE: cacheDir, ...environmentFor(plane, settings) }
}
