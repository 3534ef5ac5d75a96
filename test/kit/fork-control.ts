import { fork } from 'node:child_process'
import { join } from 'node:path'
import { compileCache } from './compile-cache.ts'
import { root } from './sources.ts'

export interface ForkedControl {
  readonly url: string
  /** Calls a method of Control in the process, by its path: `call('gateways.list')`. */
  call(path: string, ...args: unknown[]): Promise<any>
  /** Ends at once, as a machine that loses its power. */
  kill(): Promise<void>
  printed(): string
}

/** A control plane in a process of its own, without pages. `port` keeps its address over a restart. */
export async function forkControl({ dataDir, databaseUrl = '', port = 0 }: { readonly dataDir: string; readonly databaseUrl?: string; readonly port?: number }): Promise<ForkedControl> {
  const child = fork(join(root, 'test/kit/control-child.ts'), [dataDir, databaseUrl, String(port)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'], serialization: 'advanced', execArgv: ['--disable-warning=ExperimentalWarning'], env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (text += part.toString()))
  const waiting = new Map<number, { resolve(value: unknown): void; reject(thrown: Error): void }>()
  let count = 0
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(`control ended: ${text}`)))
    child.on('message', (message: { ready?: string; id?: number; result?: unknown; error?: string }) => {
      if (message.ready) return resolve(message.ready)
      const call = waiting.get(message.id as number)
      waiting.delete(message.id as number)
      if (message.error === undefined) call?.resolve(message.result)
      else call?.reject(new Error(message.error))
    })
  })
  return {
    url,
    call: (path, ...args) =>
      new Promise((resolve, reject) => {
        const id = ++count
        waiting.set(id, { resolve, reject })
        child.send({ id, path, args })
      }),
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    printed: () => text,
  }
}

