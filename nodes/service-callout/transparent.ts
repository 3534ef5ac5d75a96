import { fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import { methods } from '../../runtime/core/http/methods.ts'

/** What belongs to the connection that it came over, or to this gateway (RFC 9110 §7.6.1). `accept-encoding` is ours: we unpack. */
const left = new Set(['host', 'connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'content-length', 'te', 'trailer', 'upgrade', 'expect', 'http2-settings', 'accept-encoding', 'content-encoding', 'x-request-deadline', 'sluice-holding'])

/** What proves to this gateway who calls: it is for the gateway, unless somebody says that it is for the service as well. */
const credentials = new Set(['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'api-key', 'apikey', 'x-auth-token', 'x-access-token'])

type Request = { readonly method?: unknown; readonly headers?: Readonly<Record<string, unknown>> } | undefined

/** The client's method. @throws Fault `step.config` when no request came */
export function clientMethod(message: Message): string {
  const method = (message['req'] as Request)?.method
  if (typeof method === 'string' && (methods as readonly string[]).includes(method)) return method
  throw fault('step.config', { message: 'A transparent callout passes the client’s request on, and this message came with none. Wire it behind an http in node.' })
}

/** The client's headers to send on, without those that `own` says itself. */
export function clientHeaders(message: Message, { passCredentials, own }: { readonly passCredentials: boolean; readonly own: ReadonlySet<string> }): Record<string, string | string[]> {
  const given = (message['req'] as Request)?.headers ?? {}
  const named = typeof given['connection'] === 'string' ? new Set(given['connection'].split(',').map((name) => name.trim().toLowerCase())) : undefined
  const sent: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase()
    if (left.has(lower) || own.has(lower) || named?.has(lower) === true || (!passCredentials && credentials.has(lower))) continue
    if (typeof value === 'string') sent[lower] = value
    else if (Array.isArray(value)) sent[lower] = value.map(String)
  }
  return sent
}
