import { stringifySetCookie } from 'cookie'
import { Refused } from '../../control/contract.ts'
import { html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import { translator, type TextKey } from '../texts.ts'
import { readForm } from '../web/body.ts'
import type { Exchange } from '../web/exchange.ts'
import { languageCookie } from '../web/language.ts'
import { redirect, sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'
import { toEndedSessionCookie, toSessionCookie } from '../web/session.ts'
import { leaveUrlOf, sendOnward, signInElsewhereRoutes, toLeaveCookie } from './sign-in-elsewhere.ts'

/** Signing in and out, and choosing the language. */
export function signInRoutes(options: PortalOptions): PageRoute[] {
  const { control, secure, sessionMs, elsewhere } = options
  const ways: Ways = { passwords: elsewhere?.passwords !== false, elsewhere: elsewhere !== undefined }
  return [
    ...signInElsewhereRoutes(options, toNext, (exchange, next, failure) => showSignIn(exchange, ways, next, { status: 403, text: failure })),
    { method: 'GET', path: '/sign-in', access: 'public', handle: (exchange) => showSignIn(exchange, ways, toNext(exchange.url.searchParams.get('next'))) },
    {
      method: 'POST', path: '/sign-in', access: 'public',
      async handle(exchange) {
        if (!ways.passwords) throw new Refused('auth.elsewhere', 403, translator(exchange.language)('signInOnlyElsewhere'))
        const form = await readForm(exchange.request)
        const next = toNext(form.get('next'))
        const name = form.get('name') ?? ''
        const user = await control.users.authenticate(name, form.get('password') ?? '', exchange.from)
        if (!user) return showSignIn(exchange, ways, next, { status: 401, text: 'signInFailed', name })
        if (exchange.token) await control.users.revokeToken(exchange.token) // never two sessions in one browser
        const { token } = await control.users.issueToken(user.name, 'page', sessionMs)
        exchange.response.setHeader('set-cookie', toSessionCookie(token, { ttlMs: sessionMs, secure }))
        redirect(exchange.response, next)
      },
    },
    {
      method: 'POST', path: '/sign-out', access: 'public',
      async handle(exchange) {
        const { token, response, user: _user, ...gone } = exchange
        if (token) await control.users.revokeToken(token)
        const there = await leaveUrlOf(exchange, options)
        response.setHeader('set-cookie', [toEndedSessionCookie(secure), toLeaveCookie('', 0, secure)])
        if (there === undefined) redirect(response, '/sign-in')
        else sendOnward({ ...gone, response }, there, 'signOut')
      },
    },
    {
      method: 'POST', path: '/language', access: 'public',
      async handle({ request, response }) {
        const form = await readForm(request)
        const value = form.get('language') === 'zh-TW' ? 'zh-TW' : 'en'
        response.setHeader('set-cookie', stringifySetCookie({ name: languageCookie, value, path: '/', sameSite: 'lax', secure, maxAge: 31_536_000 }))
        redirect(response, toNext(form.get('next')))
      },
    },
  ]
}

/** Where to go afterwards: a path of this site, or the start page. `//host` and `/\host` would leave it. */
function toNext(next: string | null): string {
  return next && /^\/(?![/\\])[^\s\\]*$/.test(next) ? next : '/'
}

/** How one may sign in here. */
interface Ways {
  readonly passwords: boolean
  readonly elsewhere: boolean
}

function showSignIn(exchange: Exchange, ways: Ways, next: string, failed?: { readonly status: number; readonly text: TextKey; readonly name?: string }): void {
  const t = translator(exchange.language)
  const again = failed?.name !== undefined
  const body = html`<section class="card narrow">
<h1>${t('signIn')}</h1>
<p class="soft">${t('tagline')}</p>
${ways.passwords && html`<form method="post" action="/sign-in" class="stack">
  <input type="hidden" name="next" value="${next}">
  <label>${t('userName')}<input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required value="${failed?.name ?? ''}"${!again && html` autofocus`}></label>
  <label>${t('password')}<input name="password" type="password" autocomplete="current-password" required${again && html` autofocus aria-invalid="true"`}></label>
  <button class="primary">${t('signIn')}</button>
</form>`}
${ways.elsewhere && html`${ways.passwords && html`<p class="soft">${t('or')}</p>`}<p><a class="button${!ways.passwords && ' primary'}" href="/sign-in/openid?next=${encodeURIComponent(next)}">${t('signInElsewhere')}</a></p>`}
</section>`
  const notice = failed ? ({ kind: 'bad', text: t(failed.text) } as const) : undefined
  sendHtml(exchange.response, failed?.status ?? 200, layout(exchange, { title: t('signIn'), body, ...(notice ? { notice } : {}) }))
}
