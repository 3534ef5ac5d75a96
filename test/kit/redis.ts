import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'
import { findTool } from './tools.ts'

/** A Redis server of its own on a free port of loopback, which keeps nothing on disk unless asked to. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string
  /** Of the server that runs at present. */
  readonly pid: number
  /** A connection for looks behind the scenes; closed at the end. */
  readonly client: Redis
  /** Ends the process as a power cut would. */
  kill(): Promise<void>
  /** Stops the process without ending it: connections stay, nothing answers. */
  freeze(): void
  thaw(): void
  /** Starts it again on the same port after `kill`. */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface TestRedisOptions {
  /** Writes every change to disk, so that it has them again after `kill`. */
  readonly durable?: boolean
}

/** @throws Error when redis-server is not installed or does not start */
export async function startRedis({ durable = false }: TestRedisOptions = {}): Promise<TestRedis> {
  const program = findTool('redis-server')
  if (program === undefined) throw new Error('redis-server is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'sluice-redis-'))
  const port = await freePort()
  let server: ChildProcess | undefined
  let ended: Promise<void> = Promise.resolve()

  async function start(): Promise<void> {
    const keep = durable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']
    const child = spawn(program!, ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...keep], { stdio: 'ignore' })
    server = child
    ended = new Promise((resolve) => child.once('exit', () => resolve()))
    for (let tries = 0; !(await answers(port)); tries++) {
      if (tries > 200 || child.exitCode !== null) throw new Error('redis-server did not start')
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }

  async function kill(): Promise<void> {
    server?.kill('SIGKILL')
    await ended
  }

  await start()
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50, maxRetriesPerRequest: 20 })
  client.on('error', () => {})

  async function stop(): Promise<void> {
    client.disconnect()
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return server?.pid ?? 0
    },
    client,
    kill,
    start,
    stop,
    freeze: () => void server?.kill('SIGSTOP'),
    thaw: () => void server?.kill('SIGCONT'),
    [Symbol.asyncDispose]: stop,
  }
}

async function answers(port: number): Promise<boolean> {
  const probe = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  probe.on('error', () => {})
  try {
    await probe.connect()
    return (await probe.ping()) === 'PONG'
  } catch {
    return false
  } finally {
    probe.disconnect()
  }
}
