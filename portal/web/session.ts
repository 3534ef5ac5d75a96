import type { IncomingMessage } from 'node:http'
import { parseCookie, stringifySetCookie } from 'cookie'
import type { AccessTokens, Role, User, Users } from '../../control/contract.ts'
import type { Access } from './router.ts'

/** How a sign-in is kept. */
export interface Sessions {
  /** How long one lasts, ms. */
  readonly ttlMs: number
  /** True when browsers reach this port by TLS. */
  readonly secure: boolean
}

/** How long a sign-in lasts when nothing else is said, ms. */
export const defaultSessionMs = 12 * 3600 * 1000

export interface Identity {
  readonly user?: User
  readonly token?: string
  readonly byCookie: boolean
  /** What an access token is good for at most. */
  readonly scopes?: readonly string[]
}

/** With TLS the prefix makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis §4.1.3.2). */
export function sessionCookieName(secure: boolean): string {
  return secure ? '__Host-sluice' : 'sluice'
}

/** The cookie that holds a session. */
export function toSessionCookie(token: string, { ttlMs, secure }: Sessions): string {
  return stringifySetCookie({ ...attributes(secure), value: token, maxAge: Math.floor(ttlMs / 1000) })
}

/** Takes it away. */
export function toEndedSessionCookie(secure: boolean): string {
  return stringifySetCookie({ ...attributes(secure), value: '', maxAge: 0 })
}

function attributes(secure: boolean) {
  return { name: sessionCookieName(secure), httpOnly: true, sameSite: 'strict', secure, path: '/' } as const
}

/** Who sends this request: a bearer token first, else the session cookie. A stale bearer token does not hide a good cookie. Access tokens of the authorization server count where `accessTokens` are given. */
export async function identify(request: IncomingMessage, users: Users, secure: boolean, accessTokens?: AccessTokens): Promise<Identity> {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (bearer) {
    const user = await users.verifyToken(bearer)
    if (user) return { user, token: bearer, byCookie: false }
    const found = await accessTokens?.verify(bearer)
    if (found) return { user: found.user, token: bearer, byCookie: false, scopes: found.scopes }
  }
  const cookie = parseCookie(request.headers.cookie ?? '')[sessionCookieName(secure)]
  if (!cookie) return { byCookie: false }
  const user = await users.verifyToken(cookie)
  return user ? { user, token: cookie, byCookie: true } : { byCookie: false }
}

/**
 * Whether the request comes from a page of this very origin. Needed whenever the browser adds the right
 * to act by itself (a cookie). Browsers send `Sec-Fetch-Site` to trustworthy origins only, so that plain
 * HTTP on another address falls back to `Origin`, which they send with every POST.
 */
export function isSameOrigin(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin, host } = request.headers
  if (!origin || !host) return false
  try {
    return new URL(origin).host === host
  } catch {
    return false // `null` and the like
  }
}

const rank: Readonly<Record<Role | Access, number>> = {
  public: 0, 'signed-in': 1, subscriber: 1, viewer: 2, operator: 2, auditor: 2, 'data-officer': 2, editor: 3, creator: 3, publisher: 3, admin: 4,
}

/** Whether a user may use what needs `access`. */
export function mayUse(user: User | undefined, access: Access): boolean {
  if (access === 'public') return true
  return user !== undefined && rank[user.role] >= rank[access]
}
