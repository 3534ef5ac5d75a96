import { parseSetCookie, stringifyCookie } from 'cookie'

/** Set-Cookie lines as Node-RED's `responseCookies`: by name, with `value` and attributes as they were written. */
export function toResponseCookies(lines: readonly string[]): Record<string, Record<string, unknown>> {
  const cookies = new Map<string, Record<string, unknown>>()
  for (const line of lines) {
    const equals = line.split(';', 1)[0]?.indexOf('=') ?? -1
    if (equals < 1) continue
    const { name, value } = parseSetCookie(line)
    const attributes: Record<string, unknown> = {}
    for (const attribute of line.split(';').slice(1)) {
      const [key, ...rest] = attribute.split('=')
      const named = (key as string).trim()
      if (named !== '' && rest.length > 0) attributes[named] ??= rest.join('=').trim()
    }
    cookies.set(name, { ...attributes, value })
  }
  return Object.fromEntries(cookies)
}

/** `msg.cookies` added to a Cookie header, as Node-RED writes them; a cookie that is `null` is not sent. */
export function toCookieHeader(header: string | undefined, cookies: unknown): string | undefined {
  if (typeof cookies !== 'object' || cookies === null) return header
  const added: Record<string, string> = {}
  const plain: string[] = []
  for (const [name, cookie] of Object.entries(cookies as Record<string, unknown>)) {
    if (cookie === null || cookie === undefined) continue
    if (typeof cookie !== 'object') {
      added[name] = String(cookie as string)
      continue
    }
    const { value, encode } = cookie as { value?: unknown; encode?: unknown }
    if (value === null || value === undefined) continue
    if (encode === false) plain.push(`${name}=${String(value as string)}`)
    else added[name] = String(value as string)
  }
  const names = new Set([...Object.keys(added), ...plain.map((pair) => pair.split('=', 1)[0])])
  const kept = header?.split(/;\s*/).filter((pair) => pair !== '' && !names.has(pair.split('=', 1)[0] as string)) ?? []
  const text = [...kept, ...plain, ...(Object.keys(added).length > 0 ? [stringifyCookie(added)] : [])].join('; ')
  return text === '' ? undefined : text
}
