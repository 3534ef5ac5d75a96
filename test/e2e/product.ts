import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { shareCompileCache } from '../kit/compile-cache.ts'

/** The whole product as `npm start` runs it, on free ports and in a folder of its own. */
export interface Product {
  /** Control port, with a slash at the end. */
  readonly control: string
  /** First gateway, without a slash. */
  readonly gateway: string
  readonly password: string
  readonly opsUrl: string
  readonly pids: Readonly<Record<string, number>>
  /** Everything its processes wrote so far. */
  printed(): string
  stop(): Promise<void>
}

const start = fileURLToPath(new URL('../../start.mjs', import.meta.url))

interface Ready {
  readonly editor: string
  readonly gateways: readonly { readonly url: string; readonly opsUrl: string }[]
  readonly pids: Readonly<Record<string, number>>
}

/** Starts it and waits until it says that it is ready. @throws with everything it printed when it stops before */
export async function startProduct(env: Readonly<Record<string, string>> = {}): Promise<Product> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-e2e-'))
  shareCompileCache(env['SLUICE_DATA_DIR'] ?? dataDir)
  const password = 'browser story 1'
  const child = spawn(process.execPath, [start, 'start', '--json'], {
    env: {
      ...process.env,
      SLUICE_DATA_DIR: dataDir, SLUICE_HOST: '127.0.0.1', SLUICE_CONTROL_PORT: '0', SLUICE_GATEWAY_PORT: '0', SLUICE_OPS_PORT: '0', SLUICE_ADMIN_PASSWORD: password,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const printed: string[] = []
  child.stderr!.on('data', (text) => printed.push(String(text)))
  const ready = await new Promise<Ready>((resolve, reject) => {
    void ended.then(() => reject(new Error(`The product stopped before it was ready:\n${printed.join('\n')}`)))
    createInterface({ input: child.stdout! }).on('line', (line) => {
      printed.push(line)
      const event = toEvent(line)
      if (event?.event === 'ready') resolve(event as unknown as Ready)
    })
  })
  return {
    control: new URL('/', ready.editor).href,
    gateway: ready.gateways[0]!.url.replace(/\/$/, ''),
    opsUrl: ready.gateways[0]!.opsUrl.replace(/\/$/, ''),
    password,
    pids: ready.pids,
    printed: () => printed.join('\n'),
    async stop() {
      child.kill('SIGTERM')
      await ended
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

function toEvent(line: string): { readonly event?: string } | undefined {
  try {
    return JSON.parse(line) as { event?: string }
  } catch {
    return undefined
  }
}
