import { spawn } from 'node:child_process'
import { shareCompileCache } from './compile-cache.ts'
import { root } from './sources.ts'

export interface StartedVault {
  readonly url: string
  printed(): string
  stop(): Promise<void>
  /** The supervisor and the vault, as when the machine is gone. */
  kill(): Promise<void>
}

export const vaultTokens = { gateway: 'gateway-token-of-a-test-0123456789abcdef', control: 'control-token-of-a-test-0123456789abcdef' }

/** One `sluice vault`, started as people start it, on a free port. */
export async function startVault(dataDir: string, env: Readonly<Record<string, string>> = {}): Promise<StartedVault> {
  shareCompileCache(dataDir)
  const machine = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SLUICE_') && !name.endsWith('DATABASE_URL')))
  const child = spawn(process.execPath, ['start.mjs', 'vault'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...machine, SLUICE_DATA_DIR: dataDir, SLUICE_VAULT_PORT: '0', SLUICE_LOG_FORMAT: 'json', SLUICE_VAULT_GATEWAY_TOKEN: vaultTokens.gateway, SLUICE_VAULT_CONTROL_TOKEN: vaultTokens.control, ...env },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (text += part.toString()))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const end = (signal: NodeJS.Signals, pid: number) => async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    process.kill(pid, signal)
    await exited
  }
  const stop = end('SIGTERM', child.pid as number)
  const until = Date.now() + 30_000
  for (;;) {
    const url = /The vault answers at (\S+)\.\n/.exec(text)?.[1]
    // A negative number stands for the whole group.
    if (url !== undefined) return { url, printed: () => text, stop, kill: end('SIGKILL', -(child.pid as number)) }
    if (child.exitCode !== null || Date.now() > until) {
      await stop()
      throw new Error(`the vault did not start:\n${text}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
