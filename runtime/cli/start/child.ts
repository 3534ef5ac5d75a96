import { fork, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { FromChild, ReadyFacts, ToChild } from './child-channel.ts'

/** A process to keep running. */
export interface ChildPlan {
  readonly name: string
  /** Absolute path of its module. */
  readonly file: string
  readonly args?: readonly string[]
  readonly execArgv: readonly string[]
  /** Its whole environment; asked for at every start, so that a restart keeps the ports the first start found. */
  env(): Record<string, string>
  /** It holds people's data or keys: no core dump of it is written. */
  readonly forbidCores?: boolean
  /** `stderr` keeps stdout free for the supervisor's own lines. */
  readonly logsTo: 'stdout' | 'stderr'
}

export interface ChildListener {
  ready(facts: ReadyFacts, tookMs: number): void
  heard(message: FromChild): void
  /** It ended by itself and is started again after `againMs`. */
  died(how: string, againMs: number): void
}

export interface Child {
  readonly name: string
  readonly pid: number | undefined
  /** Starts it. @throws ChildFailed when it ends, or says that it cannot start, before it was ready. */
  start(): Promise<ReadyFacts>
  tell(message: ToChild): void
  /** Stops it and starts it at once, without backoff. */
  restart(limitMs: number): Promise<void>
  /** Asks it to drain and end; kills it `graceMs` after the limit. */
  stop(limitMs: number): Promise<void>
  /** From now on it is not started again when it ends. */
  letEnd(): void
  kill(): void
}

export class ChildFailed extends Error {
  override readonly name = 'ChildFailed'
  readonly child: string
  readonly busyPort: number | undefined
  constructor(child: string, sentence: string, busyPort?: number) {
    super(sentence)
    this.child = child
    this.busyPort = busyPort
  }
}

/** Lowers the limit and then becomes the child: Node cannot set limits of processes. */
const shell = '/bin/sh'
const graceMs = 2_000
const firstBackoffMs = 250
const longestBackoffMs = 10_000
/** A child that ran this long starts its backoff anew. */
const soundAfterMs = 30_000

/** A child that is restarted whenever it dies after it was ready once. */
export function createChild(plan: ChildPlan, listener: ChildListener): Child {
  let running: ChildProcess | undefined
  let ended: Promise<void> = Promise.resolve()
  let wanted = false
  let wasReady = false
  let backoffMs = firstBackoffMs
  let timer: NodeJS.Timeout | undefined

  function launch(): Promise<ReadyFacts> {
    const startedAt = performance.now()
    const child = fork(plan.file, [...(plan.args ?? [])], {
      ...(plan.forbidCores && existsSync(shell) ? { execPath: shell, execArgv: ['-c', 'ulimit -c 0; exec "$0" "$@"', process.execPath, ...plan.execArgv] } : { execArgv: [...plan.execArgv] }),
      env: plan.env(),
      stdio: ['ignore', plan.logsTo === 'stderr' ? 2 : 1, 2, 'ipc'],
    })
    running = child
    return new Promise((ready, fail) => {
      let failure: ChildFailed | undefined
      child.on('message', (message: FromChild) => {
        if (message.say === 'failed') failure = new ChildFailed(plan.name, message.sentence, message.busyPort)
        listener.heard(message)
        if (message.say !== 'ready') return
        wasReady = true
        listener.ready(message.facts, performance.now() - startedAt)
        ready(message.facts)
      })
      child.on('error', (error) => { failure ??= new ChildFailed(plan.name, error.message) })
      ended = new Promise<void>((gone) => {
        child.once('close', (code, signal) => {
          if (running === child) running = undefined
          gone()
          const how = signal ? `it was ended by ${signal}` : `it ended with code ${code}`
          fail(failure ?? new ChildFailed(plan.name, `The ${plan.name} could not start: ${how}.`))
          if (!wanted || !wasReady) return
          if (performance.now() - startedAt > soundAfterMs) backoffMs = firstBackoffMs
          listener.died(failure?.message ?? how, backoffMs)
          timer = setTimeout(() => void launch().catch(() => {}), backoffMs) // it is told through `died` again
          backoffMs = Math.min(backoffMs * 2, longestBackoffMs)
        })
      })
    })
  }

  async function end(limitMs: number): Promise<void> {
    wanted = false
    clearTimeout(timer)
    const child = running
    if (!child) return ended
    if (child.connected) child.send({ say: 'stop', limitMs } satisfies ToChild, () => {})
    else child.kill('SIGTERM')
    const deadline = setTimeout(() => child.kill('SIGKILL'), limitMs + graceMs)
    await ended
    clearTimeout(deadline)
  }

  return {
    name: plan.name,
    get pid() {
      return running?.pid
    },
    start() {
      wanted = true
      return launch()
    },
    tell(message) {
      if (running?.connected) running.send(message, () => {})
    },
    async restart(limitMs) {
      await end(limitMs)
      wanted = true
      backoffMs = firstBackoffMs
      await launch().catch((error: Error) => {
        listener.died(error.message, 0) // a module that does not load: the next change tries again
      })
    },
    stop: end,
    letEnd() {
      wanted = false
      clearTimeout(timer)
    },
    kill() {
      wanted = false
      clearTimeout(timer)
      running?.kill('SIGKILL')
    },
  }
}
