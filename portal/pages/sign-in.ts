import { stringifySetCookie } from 'cookie'
import { html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import { translator } from '../texts.ts'
import { readForm } from '../web/body.ts'
import type { Exchange } from '../web/exchange.ts'
import { languageCookie } from '../web/language.ts'
import { redirect, sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'
import { toEndedSessionCookie, toSessionCookie } from '../web/session.ts'

/** Signing in and out, and choosing the language. */
export function signInRoutes({ control, secure, sessionMs }: PortalOptions): PageRoute[] {
  return [
    { method: 'GET', path: '/sign-in', access: 'public', handle: (exchange) => showSignIn(exchange, toNext(exchange.url.searchParams.get('next'))) },
    {
      method: 'POST', path: '/sign-in', access: 'public',
      async handle(exchange) {
        const form = await readForm(exchange.request)
        const next = toNext(form.get('next'))
        const name = form.get('name') ?? ''
        const user = await control.users.authenticate(name, form.get('password') ?? '', exchange.from)
        if (!user) return showSignIn(exchange, next, name, true)
        if (exchange.token) await control.users.revokeToken(exchange.token) // never two sessions in one browser
        const { token } = await control.users.issueToken(user.name, 'page', sessionMs)
        exchange.response.setHeader('set-cookie', toSessionCookie(token, { ttlMs: sessionMs, secure }))
        redirect(exchange.response, next)
      },
    },
    {
      method: 'POST', path: '/sign-out', access: 'public',
      async handle({ token, response }) {
        if (token) await control.users.revokeToken(token)
        response.setHeader('set-cookie', toEndedSessionCookie(secure))
        redirect(response, '/sign-in')
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

function showSignIn(exchange: Exchange, next: string, name = '', failed = false): void {
  const t = translator(exchange.language)
  const body = html`<section class="card narrow">
<h1>${t('signIn')}</h1>
<p class="soft">${t('tagline')}</p>
<form method="post" action="/sign-in" class="stack">
  <input type="hidden" name="next" value="${next}">
  <label>${t('userName')}<input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required value="${name}"${!failed && html` autofocus`}></label>
  <label>${t('password')}<input name="password" type="password" autocomplete="current-password" required${failed && html` autofocus aria-invalid="true"`}></label>
  <button class="primary">${t('signIn')}</button>
</form>
</section>`
  const notice = failed ? ({ kind: 'bad', text: t('signInFailed') } as const) : undefined
  sendHtml(exchange.response, failed ? 401 : 200, layout(exchange, { title: t('signIn'), body, ...(notice ? { notice } : {}) }))
}
