import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../kit/run.ts'
import { loadCore, pinned } from './machine.ts'

/** What the load generator asks for. Several paths are asked for in turn. */
export interface Load {
  readonly method?: 'GET' | 'POST'
  readonly paths: readonly string[]
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Values of `Authorization`, one per request in turn, on the first path. */
  readonly authorizations?: readonly string[]
  /** Makes each body anew: a Lua expression, with `n` counting the requests. In place of `body`. */
  readonly bodyOf?: string
  readonly connections: number
}

export interface WrkResult {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers that were not 2xx or 3xx, and sockets that broke. A row with any of them does not count. */
  readonly bad: number
  /** Of those, what broke at the socket or took longer than wrk waits (2 s); the others had a status. */
  readonly sockets: number
}

/** Loads a server for a while with wrk: one thread, on the core the server does not have. */
export async function wrk(port: number, load: Load, seconds: number): Promise<WrkResult> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-wrk-'))
  try {
    const script = join(folder, 'load.lua')
    writeFileSync(script, toLua(load))
    const args = ['-t1', `-c${load.connections}`, `-d${seconds}s`, '--latency', '-s', script, `http://127.0.0.1:${port}`]
    const command = pinned(loadCore, 'wrk', args)
    const { code, output } = await run(command.program, command.args)
    if (code !== 0) throw new Error(`wrk failed:\n${output}`)
    return parseWrk(output)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The requests are formatted once, so that the script costs the load generator one table look-up per request. */
function toLua(load: Load): string {
  const quote = (text: string) => `[==[${text}]==]`
  return `
local paths = { ${load.paths.map(quote).join(', ')} }
local requests = {}
local headers = {}
function init(args)
  ${load.body === undefined && load.bodyOf === undefined ? '' : "headers['Content-Type'] = 'application/json'"}
  ${Object.entries(load.headers ?? {}).map(([name, value]) => `headers[ ${quote(name)} ] = ${quote(value)}`).join('\n  ')}
  local authorizations = { ${(load.authorizations ?? []).map(quote).join(', ')} }
  for index, authorization in ipairs(authorizations) do
    headers['Authorization'] = authorization
    requests[index] = wrk.format('${load.method ?? 'GET'}', paths[1], headers)
  end
  if #authorizations > 0 then return end
  for index, path in ipairs(paths) do
    requests[index] = wrk.format('${load.method ?? 'GET'}', path, headers, ${load.body === undefined ? 'nil' : quote(load.body)})
  end
end
local n = 0
function request()
  n = n + 1
  ${load.bodyOf === undefined ? 'return requests[(n - 1) % #requests + 1]' : `return wrk.format('${load.method ?? 'GET'}', paths[1], headers, ${load.bodyOf})`}
end
`
}

/** Reads what wrk prints. */
export function parseWrk(output: string): WrkResult {
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0)
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output)?.slice(1).map(Number) ?? []
  const broken = sockets.reduce((sum, count) => sum + count, 0)
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? 0),
    p50Ms: toMs(/50%\s+([\d.]+)(us|ms|s)/.exec(output)),
    p99Ms: toMs(/99%\s+([\d.]+)(us|ms|s)/.exec(output)),
    bad: bad + broken,
    sockets: broken,
  }
}

function toMs(match: RegExpExecArray | null): number {
  const unit = match?.[2] === 'us' ? 0.001 : match?.[2] === 's' ? 1000 : 1
  return Number(match?.[1] ?? 0) * unit
}
