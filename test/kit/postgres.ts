import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'

const root = '/usr/lib/postgresql'

/** Folder of the newest PostgreSQL (≥ 15) on this machine that a throw-away server can be made of; `undefined` when there is none. */
export function findPostgres(): string | undefined {
  if (!existsSync(root)) return undefined
  const newest = readdirSync(root).map(Number).filter((version) => version >= 15).sort((a, b) => b - a)[0]
  const bin = join(root, String(newest), 'bin')
  if (newest === undefined || !existsSync(join(bin, 'initdb'))) return undefined
  return process.getuid?.() === 0 && postgresUser() === undefined ? undefined : bin
}

/** A PostgreSQL server of its own in a temporary folder on a free port, run by a user who is not root. */
export async function startPostgres(bin: string): Promise<{ url(database: string): string; createDatabase(name: string): void; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-pg-'))
  const user = process.getuid?.() === 0 ? postgresUser() : undefined
  if (user) chownSync(folder, user.uid, user.gid)
  const as = { ...user, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] as ['ignore', 'ignore', 'pipe'] }
  execFileSync(join(bin, 'initdb'), ['-D', join(folder, 'data'), '-U', 'sluice', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'], as)
  const port = await freePort()
  const server = spawn(join(bin, 'postgres'), ['-D', join(folder, 'data'), '-p', String(port), '-h', '127.0.0.1', '-k', folder, '-c', 'fsync=off'], as)
  const ended = new Promise<void>((resolve) => server.on('exit', () => resolve()))
  const client = (program: string, ...args: string[]) => execFileSync(join(bin, program), ['-h', '127.0.0.1', '-p', String(port), '-U', 'sluice', ...args], as)
  const stop = async () => {
    server.kill('SIGINT') // fast shutdown: ends sessions, keeps what is committed
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
  for (let tries = 0; ; tries++) {
    try {
      client('pg_isready')
      break
    } catch (thrown) {
      if (tries > 200 || server.exitCode !== null) {
        await stop()
        throw thrown
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  return { url: (database) => `postgres://sluice@127.0.0.1:${port}/${database}`, createDatabase: (name) => void client('createdb', name), stop }
}

function postgresUser(): { uid: number; gid: number } | undefined {
  try {
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }))
    return { uid: id('-u'), gid: id('-g') }
  } catch {
    return undefined
  }
}
