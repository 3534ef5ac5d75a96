import { spawn } from 'node:child_process'
import { root } from './sources.ts'

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Passes the output on while it comes; else it is only kept. */
  readonly show?: boolean
  readonly limitMs?: number
}

export interface RunResult {
  readonly code: number
  /** Standard output and error together, in order of arrival. */
  readonly output: string
}

/** Runs a program in the project's folder to its end. Kills it, and says so, when it takes longer than `limitMs`. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const { env = {}, show = false, limitMs = 15 * 60_000 } = options
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const keep = (chunk: Buffer) => {
      output += chunk.toString('utf8')
      if (show) process.stdout.write(chunk)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const timer = setTimeout(() => {
      output += `\nstopped after ${limitMs / 1000} s\n`
      child.kill('SIGKILL')
    }, limitMs)
    child.on('error', (error) => resolve({ code: 127, output: `${output}${error.message}\n` }))
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code: code ?? 1, output })
    })
  })
}
