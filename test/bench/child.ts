import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { pinned } from './machine.ts'

export interface ChildOptions {
  readonly core: number
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Child {
  readonly pid: number
  /** First line of standard output that `found` gives a value for. Rejects when the process ends before, or after `limitMs`. */
  line<T>(found: (line: string) => T | undefined, limitMs?: number): Promise<T>
  stop(): Promise<void>
}

/** Starts a process on a core. Its output is kept for the error text when it does not come up. */
export function startChild(program: string, args: readonly string[], options: ChildOptions): Child {
  const command = pinned(options.core, program, args)
  const child = spawn(command.program, command.args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  const listeners = new Set<(line: string) => void>()
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      if (lines.length > 2000) lines.splice(0, 1000)
      for (const listener of listeners) listener(line)
    })
  }
  return {
    // taskset replaces itself by the program, so that its process id is the server's.
    pid: child.pid as number,
    line(found, limitMs = 60_000) {
      return new Promise((resolve, reject) => {
        const give = (line: string) => {
          const value = found(line)
          if (value === undefined) return
          finish()
          resolve(value)
        }
        const fail = (why: string) => {
          finish()
          reject(new Error(`${program} ${args.join(' ')}: ${why}\n${lines.slice(-20).join('\n')}`))
        }
        const timer = setTimeout(() => fail(`did not say that it is ready within ${limitMs} ms`), limitMs)
        const onExit = () => fail('ended before it was ready')
        const finish = () => {
          clearTimeout(timer)
          listeners.delete(give)
          child.off('exit', onExit)
        }
        listeners.add(give)
        child.once('exit', onExit)
        for (const line of lines) give(line)
      })
    },
    async stop() {
      await end(child, exited)
    },
  }
}

async function end(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await exited
  clearTimeout(timer)
}
