import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../kit/run.ts'
import { loadCore, pinned } from './machine.ts'

/**
 * Latencies in ms of requests that come at a fixed pace, by h2load (nghttp2): it costs a tenth of what a generator in Node
 * does, so that it leaves the core to what the server asks there.
 * @throws Error when an answer was not 2xx or h2load is not installed
 */
export async function pacedLatencies(port: number, path: string, headers: Readonly<Record<string, string>>, perSecond: number, seconds: number): Promise<readonly number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-h2load-'))
  try {
    const log = join(folder, 'requests.log')
    const connections = Math.max(1, Math.round(perSecond / pacePerConnection))
    const more = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
    const args = ['--h1', '-t', '1', '-c', String(connections), '-n', String(Math.round(pacePerConnection * seconds) * connections), '--rps', String(pacePerConnection), '-r', String(Math.ceil(connections / 10)), '--rate-period', '1ms', `--log-file=${log}`, ...more, `http://127.0.0.1:${port}${path}`]
    const command = pinned(loadCore, 'h2load', args)
    const { code, output } = await run(command.program, command.args)
    if (code !== 0) throw new Error(`h2load failed:\n${output}`)
    const rows = readFileSync(log, 'utf8').trim().split('\n').map((row) => row.split('\t').map(Number))
    const bad = rows.filter(([, status]) => !(status !== undefined && status >= 200 && status < 300)).length
    if (bad > 0 || rows.length === 0) throw new Error(`${bad} of ${rows.length} answers were not 2xx:\n${output}`)
    return rows.map(([, , microseconds]) => (microseconds as number) / 1000)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** h2load wakes each connection every 10 ms at most: at this pace it sends one request then. */
const pacePerConnection = 100
