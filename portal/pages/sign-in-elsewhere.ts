import { parseCookie, stringifySetCookie } from 'cookie'
import { Refused } from '../../control/contract.ts'
import { pagesCallback } from '../../runtime/core/access/pages-callback.ts'
import type { Departure } from '../../runtime/core/access/relying-party.ts'
import { html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import type { SignInElsewhere } from '../sign-in-elsewhere.ts'
import { translator, type TextKey } from '../texts.ts'
import type { Exchange } from '../web/exchange.ts'
import { redirect, sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'
import { toSessionCookie } from '../web/session.ts'

const departureMs = 600_000

/** Signing in at the authorization server: leaving for it, and coming back. */
export function signInElsewhereRoutes({ control, elsewhere, secure, sessionMs, publicOrigin }: PortalOptions, toNext: (next: string | null) => string, showSignIn: (exchange: Exchange, next: string, failure: TextKey) => void): PageRoute[] {
  if (!elsewhere) return []
  const cookie = secure ? '__Host-sluice-sign-in' : 'sluice-sign-in'
  // Lax: who comes back comes from another site.
  const keep = (value: string, maxAge: number) => stringifySetCookie({ name: cookie, value, path: '/', httpOnly: true, sameSite: 'lax', secure, maxAge })

  return [
    {
      method: 'GET', path: '/sign-in/openid', access: 'public',
      async handle(exchange) {
        const next = toNext(exchange.url.searchParams.get('next'))
        const origin = originOf(exchange, elsewhere, secure, publicOrigin)
        try {
          const { url, departure } = await elsewhere.depart({ redirectUri: `${origin}${pagesCallback}`, language: exchange.language })
          exchange.response.setHeader('set-cookie', keep(toText({ ...departure, next }), departureMs / 1000))
          redirect(exchange.response, url)
        } catch (thrown) {
          showSignIn(exchange, next, failureOf(thrown))
        }
      },
    },
    {
      method: 'GET', path: pagesCallback, access: 'public',
      async handle(exchange) {
        const { response, url, token: before } = exchange
        const kept = fromText(parseCookie(exchange.request.headers.cookie ?? '')[cookie])
        const ended = keep('', 0)
        response.setHeader('set-cookie', ended)
        if (!kept) return showSignIn(exchange, '/', 'signInStale')
        const next = toNext(kept.next)
        try {
          const origin = originOf(exchange, elsewhere, secure, publicOrigin)
          const { claims, idToken } = await elsewhere.arrive({ redirectUri: `${origin}${pagesCallback}`, search: url.search, departure: kept })
          const user = typeof claims['sub'] === 'string' ? await control.users.get(claims['sub']) : undefined
          if (!user || user.disabled) return showSignIn(exchange, next, 'signInUnknown')
          if (before) await control.users.revokeToken(before) // never two sessions in one browser
          const { token } = await control.users.issueToken(user.name, 'page', sessionMs)
          response.setHeader('set-cookie', [ended, toSessionCookie(token, { ttlMs: sessionMs, secure }), toLeaveCookie(idToken, sessionMs / 1000, secure)])
          sendOnward({ ...exchange, user }, next, 'signIn')
        } catch (thrown) {
          showSignIn(exchange, next, failureOf(thrown))
        }
      },
    },
  ]
}

/** Where to end the session of the authorization server, for somebody who signed in there. */
export async function leaveUrlOf(exchange: Exchange, { elsewhere, secure, publicOrigin }: PortalOptions): Promise<string | undefined> {
  const idToken = parseCookie(exchange.request.headers.cookie ?? '')[leaveCookie]
  if (!elsewhere || !idToken) return undefined
  try {
    return await elsewhere.leaveUrl({ idToken, returnTo: `${originOf(exchange, elsewhere, secure, publicOrigin)}/sign-in` })
  } catch {
    return undefined // it is down; here the session has ended
  }
}

const leaveCookie = 'sluice-signed-in-elsewhere'

/** Remembers who signed in there until he signs out; no right to anything comes of it. */
export function toLeaveCookie(idToken: string, maxAge: number, secure: boolean): string {
  return stringifySetCookie({ name: leaveCookie, value: idToken, path: '/sign-out', httpOnly: true, sameSite: 'strict', secure, maxAge: Math.floor(maxAge) })
}

/**
 * Goes on by a page of ours: after a redirect from another site a browser would not send the session along, as its cookie is
 * for this site alone; and a form may not lead elsewhere by a redirect.
 */
export function sendOnward(exchange: Exchange, to: string, title: TextKey): void {
  const t = translator(exchange.language)
  exchange.response.setHeader('refresh', `0;url=${to}`)
  sendHtml(exchange.response, 200, layout(exchange, { title: t(title), body: html`<p><a class="button primary" href="${to}">${t('goOn')}</a></p>` }))
}

/** The origin of the pages that this browser uses. @throws Refused `auth.origin` when nobody may come back to it */
function originOf({ request, language }: Exchange, { origins }: SignInElsewhere, secure: boolean, publicOrigin: string | undefined): string {
  if (publicOrigin !== undefined) return publicOrigin
  const here = `${secure ? 'https' : 'http'}://${request.headers.host ?? ''}`
  if (origins.includes(here)) return here
  throw new Refused('auth.origin', 400, translator(language)('openPagesAt').replace('{url}', origins[0] ?? 'SLUICE_CONTROL_PUBLIC_URL'))
}

function failureOf(thrown: unknown): TextKey {
  const { code } = thrown as { code?: unknown }
  if (thrown instanceof Refused) throw thrown
  if (code === 'unavailable') return 'signInAway'
  if (code === 'denied') return 'signInDenied'
  if (code === 'invalid') return 'signInStale'
  throw thrown
}

function toText(kept: Departure & { readonly next: string }): string {
  return Buffer.from(JSON.stringify(kept), 'utf8').toString('base64url')
}

function fromText(text: string | undefined): (Departure & { readonly next: string }) | undefined {
  if (!text) return undefined
  try {
    const { state, nonce, verifier, next } = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Record<string, unknown>
    return typeof state === 'string' && typeof nonce === 'string' && typeof verifier === 'string' && typeof next === 'string' ? { state, nonce, verifier, next } : undefined
  } catch {
    return undefined
  }
}
