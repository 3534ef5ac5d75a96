import type { HideText } from '../core/secrets/secret-forms.ts'

/** A request as far as a redirect changes it. */
export interface Hop {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: Buffer | string | undefined
}

/** Headers that describe a body which is no longer sent (Fetch standard, HTTP-redirect fetch, step 12). */
const bodyHeaders = new Set(['content-type', 'content-encoding', 'content-language', 'content-location', 'content-length'])

/** Headers that prove who is asking: they are for the origin they were written for and no other (RFC 9110 §15.4). */
const credentialHeaders = new Set(['authorization', 'cookie', 'proxy-authorization', 'x-api-key', 'api-key', 'apikey', 'x-auth-token', 'x-access-token'])

/** Statuses that send the caller elsewhere when they carry a Location. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
}

/** The request that follows `hop` to `location`; `undefined` when that is no URL. What `hideSecrets` finds goes to no other origin. */
export function follow(hop: Hop, status: number, location: string, hideSecrets?: HideText): (Hop & { readonly crossOrigin: boolean; readonly bodySecret: boolean }) | undefined {
  if (!URL.canParse(location, hop.url)) return undefined
  const from = new URL(hop.url)
  const to = new URL(location, hop.url)
  if (to.protocol !== 'http:' && to.protocol !== 'https:') return undefined
  to.username = '' // what a server writes there is not the flow's credentials
  to.password = ''
  to.hash = ''
  const crossOrigin = from.origin !== to.origin
  const toGet = (status === 303 && hop.method !== 'GET' && hop.method !== 'HEAD') || ((status === 301 || status === 302) && hop.method === 'POST')
  const headers: Record<string, string | readonly string[]> = {}
  for (const [name, value] of Object.entries(hop.headers)) {
    const lower = name.toLowerCase()
    if (toGet && bodyHeaders.has(lower)) continue
    if (crossOrigin && (credentialHeaders.has(lower) || (hideSecrets && [value].flat().some((one) => hideSecrets(one) !== one)))) continue
    headers[name] = value
  }
  const body = toGet ? undefined : hop.body
  const text = crossOrigin && hideSecrets && body !== undefined ? body.toString() : ''
  return { method: toGet ? 'GET' : hop.method, url: to.href, headers, body, crossOrigin, bodySecret: text !== '' && hideSecrets?.(text) !== text }
}
