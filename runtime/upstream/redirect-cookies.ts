type Headers = Readonly<Record<string, string | readonly string[]>>

interface Kept {
  readonly host: string
  readonly path: string
  readonly secure: boolean
  readonly name: string
  readonly value: string
}

/** More than a sign-in needs, few enough to bound a hostile chain. */
const cookieLimit = 64

/**
 * Cookies that servers set while they redirect, for the rest of that one call: sign-in pages set one and
 * send the caller on. Host-only (Domain is not widened: the stricter reading of RFC 6265 §5.3), Secure and
 * Path honoured; nothing is kept between calls.
 */
export function createRedirectCookies(): { take(url: string, setCookie: readonly string[]): void; give(url: string, headers: Headers): Headers } {
  const jar = new Map<string, Kept>()
  return {
    take(url, setCookie) {
      const { hostname, pathname } = new URL(url)
      for (const line of setCookie) {
        const cookie = parse(line, hostname, pathname)
        if (!cookie) continue
        const key = `${cookie.host} ${cookie.path} ${cookie.name}`
        if (cookie.value === undefined) jar.delete(key)
        else if (jar.size < cookieLimit || jar.has(key)) jar.set(key, { ...cookie, value: cookie.value })
      }
    },
    give(url, headers) {
      if (jar.size === 0) return headers
      const { hostname, pathname, protocol } = new URL(url)
      const fitting = [...jar.values()].filter((cookie) => cookie.host === hostname && (!cookie.secure || protocol === 'https:') && isUnder(pathname, cookie.path))
      if (fitting.length === 0) return headers
      const own = Object.keys(headers).find((name) => name.toLowerCase() === 'cookie')
      const names = new Set(fitting.map(({ name }) => name))
      const before = own === undefined ? [] : String(headers[own]).split(/;\s*/).filter((pair) => pair !== '' && !names.has(pair.split('=', 1)[0] as string))
      return { ...headers, [own ?? 'cookie']: [...before, ...fitting.map(({ name, value }) => `${name}=${value}`)].join('; ') }
    },
  }
}

/** A Set-Cookie line (RFC 6265 §5.2); without `value` when it takes the cookie away. */
function parse(line: string, host: string, requestPath: string): (Omit<Kept, 'value'> & { value: string | undefined }) | undefined {
  const [pair, ...attributes] = line.split(';')
  const equals = (pair as string).indexOf('=')
  if (equals < 1) return undefined
  const name = (pair as string).slice(0, equals).trim()
  let value: string | undefined = (pair as string).slice(equals + 1).trim()
  let path = requestPath.slice(0, Math.max(1, requestPath.lastIndexOf('/')))
  let secure = false
  for (const attribute of attributes) {
    const [key, ...rest] = attribute.split('=')
    const text = rest.join('=').trim()
    switch ((key as string).trim().toLowerCase()) {
      case 'path':
        if (text.startsWith('/')) path = text
        break
      case 'secure':
        secure = true
        break
      case 'max-age':
        if (Number(text) <= 0) value = undefined
        break
    }
  }
  return { host, path, secure, name, value }
}

function isUnder(pathname: string, path: string): boolean {
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
}
