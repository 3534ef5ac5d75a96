import { Refused } from '../../control/contract.ts'
import { html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import { sayWhy } from '../refusals.ts'
import { translator } from '../texts.ts'
import { readForm } from '../web/body.ts'
import { toActor, type Exchange } from '../web/exchange.ts'
import { redirect, sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'
import { toEndedSessionCookie } from '../web/session.ts'
import { toLeaveCookie } from './sign-in-elsewhere.ts'

/** One's own account: the password. */
export function accountRoutes({ control, secure }: PortalOptions): PageRoute[] {
  return [
    { method: 'GET', path: '/account', access: 'signed-in', handle: (exchange) => show(exchange) },
    {
      method: 'POST', path: '/account/sign-out', access: 'signed-in',
      async handle(exchange) {
        await control.users.endSessions(exchange.user!.name, toActor(exchange))
        exchange.response.setHeader('set-cookie', [toEndedSessionCookie(secure), toLeaveCookie('', 0, secure)])
        redirect(exchange.response, '/sign-in')
      },
    },
    {
      method: 'POST', path: '/account/password', access: 'signed-in',
      async handle(exchange) {
        const t = translator(exchange.language)
        const form = await readForm(exchange.request)
        const next = form.get('next') ?? ''
        if (next !== form.get('again')) return show(exchange, t('passwordsDiffer'))
        try {
          await control.users.changeOwnPassword(exchange.user!.name, form.get('current') ?? '', next, exchange.from)
        } catch (thrown) {
          if (thrown instanceof Refused) return show(exchange, sayWhy(thrown, exchange.language))
          throw thrown
        }
        // Whoever else was signed in with the old password is so no longer; neither is this session.
        if (exchange.token) await control.users.revokeToken(exchange.token)
        exchange.response.setHeader('set-cookie', toEndedSessionCookie(secure))
        const body = html`<section class="card narrow"><h1>${t('done')}</h1><p>${t('passwordChanged')}</p><p><a class="button primary" href="/sign-in">${t('signIn')}</a></p></section>`
        const { user: _user, ...gone } = exchange
        sendHtml(exchange.response, 200, layout(gone, { title: t('changePassword'), body }))
      },
    },
  ]
}

function show(exchange: Exchange, failure?: string): void {
  const t = translator(exchange.language)
  const body = html`<h1>${t('account')}</h1><p>${t('signedInAs')} <strong>${exchange.user!.name}</strong></p>
<section class="card narrow"><h2>${t('changePassword')}</h2><form method="post" action="/account/password" class="stack">
<label>${t('currentPassword')}<input name="current" type="password" autocomplete="current-password" required></label>
<label>${t('newPassword')}<input name="next" type="password" autocomplete="new-password" required></label>
<label>${t('repeatPassword')}<input name="again" type="password" autocomplete="new-password" required></label>
<button class="primary">${t('changePassword')}</button></form></section>
<section class="card narrow"><h2>${t('signOutEverywhere')}</h2><p>${t('signOutEverywhereHint')}</p><form method="post" action="/account/sign-out"><button class="danger">${t('signOutEverywhere')}</button></form></section>`
  sendHtml(exchange.response, failure ? 422 : 200, layout(exchange, { title: t('account'), section: 'account', body, ...(failure ? { notice: { kind: 'bad', text: failure } } : {}) }))
}
