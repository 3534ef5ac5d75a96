import { join } from 'node:path'
import { root } from '../kit/sources.ts'
import { startChild } from './child.ts'
import type { Contestant, Running } from './contestant.ts'
import { loadCore, serverCore } from './machine.ts'

/** The same thing written by hand on Fastify: `test/bench/hand/<app>.mjs`. */
export function hand(app: string, ...args: readonly string[]): Contestant {
  return { name: 'hand', start: () => startApp(app, args, serverCore) }
}

/** Node's sockets without HTTP: no server that is made of them does more. */
export function sockets(...args: readonly string[]): Contestant {
  return { name: 'sockets', start: () => startApp('sockets', args, serverCore) }
}

/** The upstream of the proxy row; it lives on the load generator's core. */
export function startUpstream(): Promise<Running> {
  return startApp('upstream', [], loadCore)
}

/** An upstream that takes its time. */
export function startLateUpstream(afterMs: number): Promise<Running> {
  return startApp('late-upstream', [String(afterMs)], loadCore)
}

/** The two large documents of the weather, other ones with every request. */
export function startWeatherUpstream(): Promise<Running> {
  return startApp('weather-upstream', ['moving'], loadCore)
}

async function startApp(app: string, args: readonly string[], core: number): Promise<Running> {
  const child = startChild(process.execPath, [join(root, 'test', 'bench', 'hand', `${app}.mjs`), ...args], { core })
  const port = await child.line((line) => (line.startsWith('{') ? (JSON.parse(line) as { port: number }).port : undefined))
  return { port, pid: child.pid, stop: () => child.stop() }
}
