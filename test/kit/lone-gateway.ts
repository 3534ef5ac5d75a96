import { spawn } from 'node:child_process'
import { shareCompileCache } from './compile-cache.ts'
import { root } from './sources.ts'

export interface LoneGateway {
  readonly url: string
  readonly port: number
  readonly opsUrl: string
  printed(): string
  stop(): Promise<void>
  /** As when the machine is gone: nothing of it says good-bye. */
  kill(): Promise<void>
}

/** One `sluice gateway` process, started as people start it, on free ports. Without a token it starts with what is in its folder. */
export async function startLoneGateway(options: { readonly controlUrl: string; readonly dataDir: string; readonly token?: string; readonly env?: Readonly<Record<string, string>> }): Promise<LoneGateway> {
  shareCompileCache(options.dataDir)
  const machine = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_') && name !== 'DATABASE_URL'))
  const child = spawn(process.execPath, ['start.mjs', 'gateway'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...machine,
      SLUICE_HOST: '127.0.0.1', SLUICE_GATEWAY_PORT: '0', SLUICE_OPS_PORT: '0', SLUICE_DATA_DIR: options.dataDir, SLUICE_CONTROL_URL: options.controlUrl, SLUICE_LOG_FORMAT: 'json',
      ...(options.token ? { SLUICE_GATEWAY_TOKEN: options.token } : {}),
      ...options.env,
    },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (text += part.toString()))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
  }
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  const until = Date.now() + 30_000
  for (;;) {
    const line = text.split('\n').find((one) => one.includes('the gateway is ready') && one.endsWith('}'))
    if (line !== undefined) {
      const { url, opsUrl } = JSON.parse(line) as { url: string; opsUrl: string }
      return { url: url.replace(/\/$/, ''), port: Number(new URL(url).port), opsUrl: opsUrl.replace(/\/$/, ''), printed: () => text, stop, kill }
    }
    if (child.exitCode !== null || Date.now() > until) {
      await stop()
      throw new Error(`the gateway did not start:\n${text}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
