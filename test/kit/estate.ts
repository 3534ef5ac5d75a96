import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { AdminClient } from './admin-client.ts'
import { shareCompileCache } from './compile-cache.ts'
import { root } from './sources.ts'

export interface EstateOptions {
  /** Settings beyond free ports, a fresh data folder and no samples. */
  readonly env?: Readonly<Record<string, string>>
  /** An existing data folder; it is kept at the end. */
  readonly dataDir?: string
}

/** Control and gateway as real processes, started the way a user does. */
export interface Estate {
  readonly admin: AdminClient
  readonly gatewayPort: number
  readonly opsPort: number
  /** Of every gateway, in the order of `pids.gateways`. */
  readonly opsPorts: readonly number[]
  readonly controlUrl: string
  /** Process ids by what runs in them. */
  readonly pids: { readonly supervisor: number; readonly control: number; readonly gateways: readonly number[] }
  readonly dataDir: string
  readonly password: string
  /** Everything the processes have printed so far. */
  output(): string
  /** Sends a signal and waits for the end. @returns the exit code */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

const password = 'estate-of-a-test'

/** Starts `start.mjs start` on free ports with an empty estate. Always `stop` it. */
export async function startEstate(options: EstateOptions = {}): Promise<Estate> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'sluice-estate-'))
  if (options.dataDir === undefined) shareCompileCache(dataDir)
  // Output goes to a file, as under a service manager: a pipe would make the reader part of what is measured.
  const logFile = join(mkdtempSync(join(tmpdir(), 'sluice-estate-log-')), 'output.log')
  const log = openSync(logFile, 'w')
  const child = spawn(process.execPath, ['start.mjs', 'start', '--json'], {
    cwd: root,
    stdio: ['ignore', log, log],
    env: {
      ...machineOnly(process.env),
      SLUICE_HOST: '127.0.0.1', SLUICE_GATEWAY_PORT: '0', SLUICE_OPS_PORT: '0', SLUICE_CONTROL_PORT: '0', SLUICE_SAMPLES: 'off',
      SLUICE_DATA_DIR: dataDir, SLUICE_ADMIN_PASSWORD: password, ...options.env,
    },
  })
  closeSync(log)
  const output = () => readFileSync(logFile, 'utf8')
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    const code = await exited
    clearTimeout(timer)
    rmSync(join(logFile, '..'), { recursive: true, force: true })
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    return code
  }
  try {
    const ready = await waitFor(() => readReady(output()), () => child.exitCode !== null)
    const admin = await AdminClient.signIn(ready.controlUrl, 'admin', password)
    return { ...ready, admin, dataDir, password, output, stop, pids: { supervisor: child.pid as number, ...ready.pids } }
  } catch (error) {
    const printed = output()
    await stop('SIGKILL')
    throw new Error(`the estate did not start:\n${printed.slice(-4000)}`, { cause: error })
  }
}

/** An estate that already runs a flow. */
export async function startEstateWith(nodes: readonly EditorNode[], options: EstateOptions = {}): Promise<Estate> {
  const estate = await startEstate(options)
  try {
    await estate.admin.deploy(nodes)
    return estate
  } catch (error) {
    await estate.stop()
    throw error
  }
}

/** The environment without settings of this product that the person at the terminal has set. */
function machineOnly(env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SLUICE_') && name !== 'DATABASE_URL'))
}

interface ReadyEvent {
  readonly event: 'ready'
  /** Base address of the control process. */
  readonly editor: string
  readonly gateways: readonly { readonly url: string; readonly opsUrl: string }[]
  /** By process name: `control`, `gateway`, `gateway 2`, … */
  readonly pids: Readonly<Record<string, number>>
}

/** Facts of the `ready` event, once `start --json` has written it. */
function readReady(printed: string) {
  const line = printed.split('\n').find((one) => one.startsWith('{"event":"ready"') && one.endsWith('}'))
  if (line === undefined) return undefined
  const ready = JSON.parse(line) as ReadyEvent
  const first = ready.gateways[0] as { url: string; opsUrl: string }
  const gateways = Object.entries(ready.pids).filter(([name]) => name.startsWith('gateway')).map(([, pid]) => pid)
  return {
    gatewayPort: Number(new URL(first.url).port),
    opsPort: Number(new URL(first.opsUrl).port),
    opsPorts: ready.gateways.map(({ opsUrl }) => Number(new URL(opsUrl).port)),
    controlUrl: new URL(ready.editor).origin,
    pids: { control: ready.pids['control'] ?? 0, gateways },
  }
}

async function waitFor<T>(look: () => T | undefined, ended: () => boolean): Promise<T> {
  const until = Date.now() + 30_000
  for (;;) {
    const found = look()
    if (found !== undefined) return found
    if (ended()) throw new Error('it ended')
    if (Date.now() > until) throw new Error('it was not ready within 30 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
