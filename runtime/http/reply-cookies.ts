import { stringifySetCookie, type SetCookie } from 'cookie'
import { fault } from '../core/fault.ts'

const past = new Date(1)

/**
 * `msg.cookies` as Set-Cookie values, with Node-RED's meaning: a value or `{ value, maxAge, domain, path,
 * httpOnly, secure, sameSite, expires }`; `maxAge` in milliseconds as in Express; null clears.
 * @throws Fault `reply.invalid` for what cannot be a cookie
 */
export function toSetCookies(cookies: object): string[] {
  return Object.entries(cookies).map(([name, given]) => {
    try {
      return toSetCookie(name, given)
    } catch (error) {
      throw fault('reply.invalid', { reason: `the cookie “${name}” is not valid (${(error as Error).message})` }, error)
    }
  })
}

function toSetCookie(name: string, given: unknown): string {
  if (given === null || given === undefined) return clear(name, {})
  if (typeof given !== 'object') return stringifySetCookie({ name, value: toValue(given), path: '/' })
  const options = given as Record<string, unknown>
  if (options['value'] === null) return clear(name, options)
  return stringifySetCookie({ ...attributes(options), ...lifetime(options), name, value: toValue(options['value']) })
}

function clear(name: string, options: Record<string, unknown>): string {
  return stringifySetCookie({ ...attributes(options), name, value: '', expires: past })
}

function toValue(value: unknown): string {
  return typeof value === 'object' && value !== null ? `j:${JSON.stringify(value)}` : String(value)
}

function attributes(options: Record<string, unknown>): Omit<SetCookie, 'name' | 'value'> {
  const { domain, path, httpOnly, secure, sameSite, partitioned, priority } = options
  const known: Record<string, unknown> = { path: path ?? '/' }
  if (domain !== undefined) known['domain'] = domain
  if (httpOnly !== undefined) known['httpOnly'] = Boolean(httpOnly)
  if (secure !== undefined) known['secure'] = Boolean(secure)
  if (partitioned !== undefined) known['partitioned'] = Boolean(partitioned)
  if (priority !== undefined) known['priority'] = priority
  if (sameSite !== undefined) known['sameSite'] = typeof sameSite === 'string' ? sameSite.toLowerCase() : sameSite
  return known
}

function lifetime(options: Record<string, unknown>): Pick<SetCookie, 'maxAge' | 'expires'> {
  const { maxAge, expires } = options
  if (maxAge !== undefined && maxAge !== null) {
    const ms = Number(maxAge)
    if (!Number.isFinite(ms)) throw new TypeError('maxAge is no number')
    return { maxAge: Math.floor(ms / 1000), expires: new Date(Date.now() + ms) }
  }
  return expires === undefined ? {} : { expires: new Date(expires as string | number | Date) }
}
