import type { Settings } from '../settings.ts'

const everywhere = new Set(['127.0.0.1', 'localhost', '::1', '0.0.0.0', '::'])

/** Where browsers may find the pages; the first is what is told to people. Empty while the port is not settled. */
export function pagesOrigins({ controlPublicUrl, controlTlsCertFile, host, controlPort }: Settings): readonly string[] {
  if (controlPublicUrl !== undefined) return [new URL(controlPublicUrl).origin]
  if (controlPort === 0) return []
  const scheme = controlTlsCertFile === undefined ? 'http' : 'https'
  const hosts = everywhere.has(host) ? ['127.0.0.1', 'localhost', '[::1]'] : [host.includes(':') ? `[${host}]` : host]
  return hosts.map((one) => new URL(`${scheme}://${one}:${controlPort}`).origin)
}
