import { randomInt } from 'node:crypto'
import { execFile } from 'node:child_process'
import { readFile, readdir, readlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'

/** Whether a port can be listened on now. A port is always free when it is 0. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  if (port === 0) return true
  const server = createServer()
  try {
    await new Promise<void>((listening, failed) => {
      server.once('error', failed)
      server.listen({ host, port, exclusive: true }, listening)
    })
    return true
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw thrown
  } finally {
    await new Promise<void>((closed) => server.close(() => closed()))
  }
}

/**
 * A port that nobody listens on. Not one that the system would give: it gives the same ones to connections that go out, and
 * between this look and the listening somebody's call might have it.
 * @throws Error when none was found, or as `isPortFree`
 */
export async function findFreePort(host: string): Promise<number> {
  return await findPortRow(host, 1, new Set())
}

/** The first of `length` ports in a row that nobody listens on, and none of which is `taken`. Otherwise as `findFreePort`. */
export async function findPortRow(host: string, length: number, taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < 5000; attempt += 1) {
    const first = randomInt(lowestPort, highestPort - length + 1)
    const row = Array.from({ length }, (_, index) => first + index)
    if (row.some((port) => taken.has(port))) continue
    if ((await Promise.all(row.map((port) => isPortFree(host, port)))).every(Boolean)) return first
  }
  throw new Error('no free port was found')
}

/** Above the registered ports in common use, below those that Linux, macOS and Windows give to outgoing connections. */
const lowestPort = 20_000
const highestPort = 32_000

/** Which process listens on a port: `nginx (process 1234)`; `undefined` when that cannot be seen. */
export async function findPortHolder(port: number): Promise<string | undefined> {
  try {
    return process.platform === 'linux' ? ((await holderFromProc(port)) ?? (await holderFromLsof(port))) : await holderFromLsof(port)
  } catch {
    return undefined // a message without the holder is better than none
  }
}

/** The sentence for a port that somebody else holds. */
export async function busyPortSentence(variable: string, port: number): Promise<string> {
  const holder = await findPortHolder(port)
  return `Port ${port} (${variable}) is in use${holder ? ` by ${holder}` : ''}. Stop that, or set ${variable} to another port; ${variable}=0 picks a free one.`
}

/** Whether an address belongs to this machine only. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return true
  return Object.values(networkInterfaces()).flat().some((one) => one?.address === host && one.internal)
}

async function holderFromProc(port: number): Promise<string | undefined> {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const inodes = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '')
    for (const line of text.split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state === '0A' && inode && local?.endsWith(`:${hex}`)) inodes.add(`socket:[${inode}]`) // 0A: LISTEN
    }
  }
  if (inodes.size === 0) return undefined
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const handles = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const handle of handles) {
      const target = await readlink(`/proc/${pid}/fd/${handle}`).catch(() => '')
      if (inodes.has(target)) return `${await programOf(pid)} (process ${pid})`
    }
  }
  return undefined
}

async function programOf(pid: string): Promise<string> {
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').filter(Boolean)
  const script = words.slice(1).find((word) => !word.startsWith('-'))
  const program = words[0]?.split('/').at(-1)
  return program ? [program, script?.split('/').slice(-2).join('/')].filter(Boolean).join(' ') : 'a program'
}

function holderFromLsof(port: number): Promise<string | undefined> {
  return new Promise((found) => {
    execFile('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], { timeout: 2_000 }, (_error, text) => {
      const pid = /^p(\d+)$/m.exec(text)?.[1]
      const program = /^c(.+)$/m.exec(text)?.[1]
      found(pid ? `${program ?? 'a program'} (process ${pid})` : undefined)
    })
  })
}
