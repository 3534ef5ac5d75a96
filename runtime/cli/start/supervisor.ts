import { createHash, randomBytes } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { makeFolder } from '../../core/files/make-folder.ts'
import { machineEnvironment, variableOf, type Settings } from '../../settings.ts'
import { ChildFailed, createChild, type Child, type ChildListener } from './child.ts'
import type { FromChild, ReadyFacts } from './child-channel.ts'
import { childEnvironment, childFlags, gatewayCount, gatewayDir, gatewayFlags, makeVaultFolders, projectDir, vaultDir, vaultFlags } from './plan.ts'
import { busyPortSentence, findPortRow, isPortFree } from './port.ts'
import type { GatewayPlace, Report } from './report.ts'

export interface Supervisor {
  /** @throws StartFailed with a sentence for the person at the terminal; everything is stopped again by then */
  start(): Promise<void>
  /** Drains the gateways, then stops the rest. */
  stop(): Promise<void>
  /** Ends every child at once. */
  kill(): void
  /** Restarts what a changed file of a part of the project concerns. */
  restart(part: Part): Promise<void>
}

/** The parts that can be restarted alone. */
export type Part = 'control' | 'gateways' | 'sample' | 'auth' | 'vault'

export class StartFailed extends Error {
  override readonly name = 'StartFailed'
}

export interface SupervisorOptions {
  readonly settings: Settings
  readonly version: string
  readonly report: Report
  /** Child logs go to stderr, so that stdout holds events only. */
  readonly json: boolean
}

/** Before a vault that could not start is started again. */
const vaultAgainMs = 5_000

/** Runs control, the gateways and the sample upstream as processes of one machine. */
export function createSupervisor({ settings: given, version, report, json }: SupervisorOptions): Supervisor {
  let settings = given
  let control: Child | undefined
  let sample: Child | undefined
  let auth: Child | undefined
  let vault: Child | undefined
  let vaultStarted: Promise<ReadyFacts> | undefined
  let gateways: Child[] = []
  let stopping: Promise<void> | undefined
  let controlReady = false
  const waiting = new Set<number>()
  const logsTo = json ? 'stderr' : 'stdout'

  async function start(): Promise<void> {
    const startedAt = performance.now()
    report({ event: 'starting', version, dataDir: settings.dataDir })
    const count = gatewayCount(settings)
    await makeGatewayFolder(settings)
    settings = await withPlaces(settings, count)
    try {
      // The authorization server needs the store and the keys that control makes on a first start.
      const controlStarted = startControl()
      const authStarted = settings.auth ? controlStarted.then(startAuth) : undefined
      const vaultAtOnce = runsVault(given) && settings.vault === 'on' ? startVault() : undefined
      const [place, controlFacts, places, authPlace] = await Promise.all([settings.samples ? startSample() : undefined, controlStarted, startGateways(count), authStarted, vaultAtOnce])
      // A flow that was deployed before may have asked for it.
      const vaultPlace = await vaultStarted?.catch(() => undefined)
      const running = [control, ...gateways, sample, auth, vault].filter((child) => child?.pid !== undefined) as Child[]
      report({
        event: 'ready',
        tookMs: Math.round(performance.now() - startedAt),
        editor: settings.controlPublicUrl?.replace(/\/$/, '') ?? controlFacts.url ?? '',
        gateways: places,
        ...(place?.url ? { sample: place.url } : {}),
        ...(authPlace?.url ? { auth: settings.authIssuer ?? authPlace.url } : {}),
        ...(vaultPlace?.url ? { vault: vaultPlace.url } : {}),
        ...(controlFacts.password ? { password: controlFacts.password } : {}),
        pids: Object.fromEntries(running.map((child) => [child.name, child.pid as number])),
      })
    } catch (thrown) {
      await stop(0)
      throw await explain(thrown, settings)
    }
  }

  async function startSample(): Promise<ReadyFacts> {
    sample = createChild({
      name: 'sample upstream',
      file: join(projectDir, 'flows', 'sample-upstream', 'main.ts'),
      args: [String(settings.samplePort)],
      execArgv: childFlags,
      env: () => ({ ...machineEnvironment(), NODE_COMPILE_CACHE: join(settings.dataDir, 'cache') }),
      logsTo,
    }, listenerFor('sample upstream'))
    return sample.start()
  }

  async function startAuth(): Promise<ReadyFacts> {
    auth = createChild({
      name: 'auth',
      file: join(projectDir, 'runtime', 'cli', 'auth-process.ts'),
      execArgv: childFlags,
      env: () => {
        const { adminPassword: _kept, ...rest } = settings
        return childEnvironment('control', { ...rest, vaultControlToken: [] }, join(settings.dataDir, 'cache'))
      },
      logsTo,
    }, listenerFor('auth'))
    return auth.start()
  }

  /** Starts it, once. */
  function startVault(): Promise<ReadyFacts> {
    vault ??= createChild({
      name: 'vault',
      file: join(projectDir, 'runtime', 'cli', 'vault-process.ts'),
      execArgv: vaultFlags(settings),
      env: () => childEnvironment('vault', {
        ...withoutVaultTls(settings),
        // For this machine alone, whoever may reach the rest. Of the tokens it needs no more than the hashes.
        host: '127.0.0.1',
        vaultGatewayToken: settings.vaultGatewayToken.map(toHash),
        vaultControlToken: settings.vaultControlToken.map(toHash),
      }, join(vaultDir(settings), 'cache')),
      forbidCores: true,
      logsTo,
    }, listenerFor('vault'))
    vaultStarted ??= makeOwnFolder(settings, vaultDir(settings)).then(() => {
      makeVaultFolders(settings)
      return (vault as Child).start()
    })
    return vaultStarted
  }

  /** For a child that needs it: told at once when it runs, else as soon as it does. */
  function needVault(child: Child | undefined): void {
    if (!runsVault(given) || stopping) return child?.tell({ say: 'vaultReady' })
    startVault().then(
      () => child?.tell({ say: 'vaultReady' }),
      (thrown: Error) => {
        vaultStarted = undefined
        report({ event: 'note', process: 'vault', text: `${thrown.message} It is tried again in ${vaultAgainMs / 1000} s.` })
        setTimeout(needVault, vaultAgainMs, child).unref()
      },
    )
  }

  async function startControl(): Promise<ReadyFacts> {
    control = createChild({
      name: 'control',
      file: join(projectDir, 'runtime', 'cli', 'control-process.ts'),
      args: settings.samples ? ['--samples'] : [],
      execArgv: childFlags,
      env: () => childEnvironment('control', settings, join(settings.dataDir, 'cache')),
      logsTo,
    }, listenerFor('control', {
      ready() {
        controlReady = true
        for (const index of waiting) control?.tell({ say: 'joinToken', forGateway: index })
        waiting.clear()
      },
      heard(message) {
        if (message.say === 'joinToken') gateways[message.forGateway]?.tell({ say: 'token', token: message.token })
        if (message.say === 'needVault') needVault(control)
      },
      died() {
        controlReady = false
      },
    }))
    return control.start()
  }

  function startGateways(count: number): Promise<GatewayPlace[]> {
    // Its certificate is for the name that browsers use, not for the loopback address between the two processes.
    const controlCert = given.controlUrl === undefined && settings.controlTlsCertFile !== undefined ? resolve(settings.controlTlsCertFile) : undefined
    gateways = Array.from({ length: count }, (_, index) => {
      const name = count === 1 ? 'gateway' : `gateway ${index + 1}`
      return createChild({
        name,
        file: join(projectDir, 'runtime', 'cli', 'gateway-process.ts'),
        args: [`--number=${index + 1}`, ...(count > 1 ? ['--shared-port'] : []), ...(settings.samples ? ['--expect-release'] : []), ...(controlCert ? [`--control-cert=${controlCert}`] : [])],
        execArgv: gatewayFlags(settings, controlCert),
        env: () => {
          const opsPort = settings.opsPort + index
          return childEnvironment('gateway', { ...settings, opsPort, gatewayName: settings.gatewayName ?? `gateway-${index + 1}`, stateShares: settings.stateShares ?? count }, join(gatewayDir(settings), 'cache'))
        },
        forbidCores: true,
        logsTo,
      }, listenerFor(name, {
        heard(message) {
          if (message.say === 'needVault') needVault(gateways[index])
          if (message.say !== 'needsToken') return
          if (controlReady) control?.tell({ say: 'joinToken', forGateway: index })
          else waiting.add(index)
        },
      }))
    })
    return Promise.all(gateways.map(async (gateway) => {
      const facts = await gateway.start()
      return { url: facts.url ?? '', opsUrl: facts.opsUrl ?? '' }
    }))
  }

  function listenerFor(name: string, more: { ready?(): void; heard?(message: FromChild): void; died?(): void } = {}): ChildListener {
    return {
      ready(facts, tookMs) {
        const pid = [...gateways, control, sample, auth, vault].find((child) => child?.name === name)?.pid
        report({ event: 'progress', process: name, text: facts.url ?? 'ready', tookMs: Math.round(tookMs), ...(pid === undefined ? {} : { pid }) })
        more.ready?.()
      },
      heard(message) {
        if (message.say === 'progress') report({ event: 'progress', process: name, text: message.text })
        if (message.say === 'note') report({ event: 'note', process: name, text: message.text })
        more.heard?.(message)
      },
      died(how, againMs) {
        more.died?.()
        report({ event: 'restarting', process: name, text: how, againMs })
      },
    }
  }

  function stop(limitMs = settings.drainLimitMs): Promise<void> {
    stopping ??= (async () => {
      control?.letEnd()
      sample?.letEnd()
      auth?.letEnd()
      vault?.letEnd()
      // Control and the sample upstream stay while requests in flight may need them.
      await Promise.all(gateways.map((gateway) => gateway.stop(limitMs)))
      await Promise.all([control?.stop(Math.min(limitMs, 5_000)), auth?.stop(Math.min(limitMs, 5_000)), vault?.stop(Math.min(limitMs, 5_000)), sample?.stop(0)])
    })()
    return stopping
  }

  return {
    start,
    stop,
    kill() {
      for (const child of [...gateways, control, sample, auth, vault]) child?.kill()
    },
    async restart(part) {
      if (stopping) return
      const children = part === 'gateways' ? gateways : [{ control, auth, sample, vault }[part]]
      await Promise.all(children.flatMap((child) => (child ? [child.restart(2_000)] : [])))
    },
  }
}

/** @throws StartFailed naming the folder when it cannot be written */
export async function makeGatewayFolder(settings: Settings): Promise<void> {
  await makeOwnFolder(settings, gatewayDir(settings))
}

async function makeOwnFolder(settings: Settings, folder: string): Promise<void> {
  try {
    makeFolder(folder, 0o700)
    if (process.platform !== 'win32') await chmod(folder, 0o700)
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code
    throw new StartFailed(`The data folder ${settings.dataDir} cannot be written (${code ?? String(thrown)}). Make it writable, or set ${variableOf('dataDir')} to another folder.`)
  }
}

/** Ports that are settled before any process starts, in this order. */
const placedPorts = ['controlPort', 'gatewayPort', 'opsPort', 'samplePort', 'authPort', 'vaultPort'] as const
/** All that children listen on: that of operators of the vault is none unless somebody names it. */
const namedPorts = [...placedPorts, 'vaultOpsPort'] as const

/**
 * Settles the ports: one that is 0 becomes a free one now, so that a child keeps it when it is started
 * again and the others know it; one that is busy is named before any process starts.
 */
async function withPlaces(settings: Settings, gateways: number): Promise<Settings> {
  const chosen = { controlPort: 0, gatewayPort: 0, opsPort: 0, samplePort: 0, authPort: settings.authPort, vaultPort: settings.vaultPort ?? 0 }
  const taken = new Set(namedPorts.map((name) => settings[name] ?? 0))
  for (const name of placedPorts) {
    const wanted = settings[name] ?? 0
    if ((name === 'samplePort' && !settings.samples) || (name === 'authPort' && !settings.auth) || (name === 'vaultPort' && !runsVault(settings))) continue
    const host = name === 'samplePort' || name === 'vaultPort' ? '127.0.0.1' : settings.host
    const length = name === 'opsPort' ? gateways : 1
    chosen[name] = wanted === 0 ? await findPortRow(host, length, taken) : wanted
    for (let port = chosen[name]; port < chosen[name] + length; port++) taken.add(port)
    for (let port = wanted; wanted > 0 && port < wanted + length; port++) {
      if (!(await canListen(host, port))) throw new StartFailed(await busyPortSentence(variableOf(name), port))
    }
  }
  const controlUrl = settings.controlUrl ?? `${settings.controlTlsCertFile ? 'https' : 'http'}://${reachable(settings.host)}:${chosen.controlPort}`
  // Control has to know whose tokens name its applications; auth nodes fetch the keys there.
  const authIssuer = settings.authIssuer ?? (settings.auth ? `http://${reachable(settings.host)}:${chosen.authPort}` : undefined)
  const placed = { ...settings, ...chosen, controlUrl, ...(authIssuer === undefined ? {} : { authIssuer }), ...(settings.auth ? { egressAllow: [...settings.egressAllow, new URL(authIssuer as string).host] } : {}) }
  const withVault = runsVault(settings) ? { ...withoutVaultTls(placed), vaultUrl: [`http://127.0.0.1:${chosen.vaultPort}`], vaultGatewayToken: [newToken()], vaultControlToken: [newToken()] } : placed
  return settings.samples ? withSample(withVault) : withVault
}

/** Whether the vault is one of this machine's own, and not elsewhere. */
function runsVault({ vault, vaultUrl }: Settings): boolean {
  return vault !== 'off' && vaultUrl.length === 0
}

/** Between processes of one machine tokens of this start are enough; files are for vaults elsewhere. */
function withoutVaultTls(settings: Settings): Settings {
  const { vaultTlsCertFile: _cert, vaultTlsKeyFile: _key, vaultTlsClientCaFile: _clients, vaultCaFile: _ca, vaultClientCertFile: _own, vaultClientKeyFile: _ownKey, vaultGatewayTokenFile: _gateway, vaultControlTokenFile: _control, ...rest } = settings
  return rest
}

/** 256 bits that live as long as this start, in the memory of those who need them. */
function newToken(): string {
  return randomBytes(32).toString('base64url')
}

function toHash(token: string): string {
  return `sha256:${createHash('sha256').update(token).digest('hex')}`
}

/** An address of this machine for a host that may mean all of them. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function canListen(host: string, port: number): Promise<boolean> {
  try {
    return await isPortFree(host, port)
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code
    if (code === 'EACCES') throw new StartFailed(`Port ${port} needs rights that this user has not; use one above 1023.`)
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') throw new StartFailed(`${variableOf('host')} is “${host}”; expected an address or host name of this machine.`)
    throw thrown
  }
}

/** The samples may call their own upstream, and learn where it is. */
function withSample(settings: Settings): Settings {
  const place = `127.0.0.1:${settings.samplePort}`
  return {
    ...settings,
    egressAllow: [...settings.egressAllow, place],
    flowEnv: [...settings.flowEnv, 'SAMPLE_UPSTREAM'],
    flowEnvironment: { ...settings.flowEnvironment, SAMPLE_UPSTREAM: `http://${place}` },
  }
}

async function explain(thrown: unknown, settings: Settings): Promise<StartFailed> {
  if (!(thrown instanceof ChildFailed)) return thrown instanceof StartFailed ? thrown : new StartFailed((thrown as Error).message, { cause: thrown })
  if (thrown.busyPort === undefined) return new StartFailed(thrown.message)
  const name = namedPorts.find((one) => settings[one] === thrown.busyPort) ?? 'opsPort'
  return new StartFailed(await busyPortSentence(variableOf(name), thrown.busyPort))
}
