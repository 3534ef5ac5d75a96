import { Refused, type Role, type User } from '../../control/contract.ts'
import { html, type Html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import { translator, type TextKey } from '../texts.ts'
import { toTime } from '../time.ts'
import { readForm } from '../web/body.ts'
import { toActor, type Exchange } from '../web/exchange.ts'
import { redirect, sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'

const roles: readonly { role: Role; name: TextKey; long: TextKey }[] = [
  { role: 'viewer', name: 'viewer', long: 'roleViewer' },
  { role: 'editor', name: 'editorRole', long: 'roleEditor' },
  { role: 'creator', name: 'creator', long: 'roleCreator' },
  { role: 'publisher', name: 'publisher', long: 'rolePublisher' },
  { role: 'operator', name: 'operator', long: 'roleOperator' },
  { role: 'auditor', name: 'auditor', long: 'roleAuditor' },
  { role: 'data-officer', name: 'dataOfficer', long: 'roleDataOfficer' },
  { role: 'subscriber', name: 'subscriber', long: 'roleSubscriber' },
  { role: 'admin', name: 'admin', long: 'roleAdmin' },
]

/** Users and roles; for administrators. */
export function userRoutes({ control, upstream }: PortalOptions): PageRoute[] {
  return [
    { method: 'GET', path: '/users', access: 'admin', handle: (exchange) => show(exchange) },
    {
      method: 'POST', path: '/users', access: 'admin',
      async handle(exchange) {
        const form = await readForm(exchange.request)
        const { user, password } = await control.users.create({ name: (form.get('name') ?? '').trim(), role: toRole(form.get('role')) }, toActor(exchange))
        await show(exchange, { name: user.name, password })
      },
    },
    {
      method: 'POST', path: '/users/:name/role', access: 'admin',
      async handle(exchange, { name }) {
        const form = await readForm(exchange.request)
        await control.users.setRole(name!, toRole(form.get('role')), toActor(exchange))
        redirect(exchange.response, '/users')
      },
    },
    {
      method: 'POST', path: '/users/:name/disabled', access: 'admin',
      async handle(exchange, { name }) {
        const form = await readForm(exchange.request)
        await control.users.setDisabled(name!, form.get('disabled') === 'true', toActor(exchange))
        redirect(exchange.response, '/users')
      },
    },
    {
      method: 'POST', path: '/users/:name/sign-out', access: 'admin',
      async handle(exchange, { name }) {
        await control.users.endSessions(name!, toActor(exchange))
        redirect(exchange.response, '/users')
      },
    },
    {
      method: 'POST', path: '/users/link', access: 'admin',
      async handle(exchange) {
        const form = await readForm(exchange.request)
        const subject = (form.get('subject') ?? '').trim()
        if (!upstream) throw new Refused('user.link', 404, translator(exchange.language)('notFound'))
        await control.users.link(form.get('name') ?? '', subject === '' ? undefined : { issuer: upstream.issuer, subject }, toActor(exchange))
        redirect(exchange.response, '/users')
      },
    },
    {
      method: 'POST', path: '/users/:name/password', access: 'admin',
      async handle(exchange, { name }) {
        const { password } = await control.users.resetPassword(name!, toActor(exchange))
        await show(exchange, { name: name!, password })
      },
    },
  ]

  async function show(exchange: Exchange, fresh?: { name: string; password: string }): Promise<void> {
    const t = translator(exchange.language)
    const users = await control.users.list()
    const body = html`<h1>${t('users')}</h1>
${fresh && html`<section class="card" role="status"><h2>${t('passwordOf')} ${fresh.name}</h2><pre class="secret"><code>${fresh.password}</code></pre>
<p class="row"><button type="button" data-copy="${fresh.password}" data-copied="${t('copied')}">${t('copy')}</button> ${t('passwordOnce')}</p></section>`}
<div class="scroll card"><table aria-label="${t('users')}"><thead><tr><th scope="col">${t('name')}</th><th scope="col">${t('role')}</th><th scope="col">${t('state')}</th><th scope="col">${t('lastSignIn')}</th><th scope="col">${t('actions')}</th></tr></thead>
<tbody>${users.map((user) => toRow(user, exchange, t))}</tbody></table></div>
<section class="card"><h2>${t('addUser')}</h2><form method="post" action="/users" class="row">
<label>${t('name')}<input name="name" required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false"></label>
<label>${t('role')}<select name="role">${roles.map((one) => html`<option value="${one.role}">${t(one.long)}</option>`)}</select></label>
<button class="primary">${t('add')}</button></form></section>
${upstream && html`<section class="card"><h2>${t('linkUser')}</h2><p>${t('linkUserHint')} <code>${upstream.issuer}</code></p><form method="post" action="/users/link" class="row">
<label>${t('name')}<select name="name">${users.map(({ name }) => html`<option>${name}</option>`)}</select></label>
<label>${t('linkSubject')} (${upstream.name})<input name="subject" maxlength="500" autocomplete="off" autocapitalize="none" spellcheck="false"></label>
<button>${t('link')}</button></form></section>`}`
    sendHtml(exchange.response, 200, layout(exchange, { title: t('users'), section: 'users', body }))
  }
}

function toRow(user: User, { language }: Exchange, t: (key: TextKey) => string): Html {
  const at = `/users/${encodeURIComponent(user.name)}`
  return html`<tr><th scope="row">${user.name}</th>
<td><form method="post" action="${at}/role"><select name="role" aria-label="${t('role')}: ${user.name}">${roles.map((one) => html`<option value="${one.role}"${one.role === user.role && html` selected`}>${t(one.name)}</option>`)}</select><button aria-label="${t('saveRole')}: ${user.name}">${t('save')}</button></form></td>
<td>${user.disabled ? html`<span class="tag bad">${t('disabled')}</span>` : html`<span class="tag good">${t('enabled')}</span>`}${user.linked && html` <span class="tag">${t('linked')}</span>`}</td>
<td>${user.lastSignInAt ? toTime(user.lastSignInAt, language) : t('never')}</td>
<td><form method="post" action="${at}/disabled"><input type="hidden" name="disabled" value="${String(!user.disabled)}"><button${!user.disabled && html` class="danger"`} aria-label="${t(user.disabled ? 'enable' : 'disable')}: ${user.name}">${t(user.disabled ? 'enable' : 'disable')}</button></form>
<form method="post" action="${at}/sign-out"><button aria-label="${t('signOutEverywhere')}: ${user.name}">${t('signOutEverywhere')}</button></form>
<form method="post" action="${at}/password"><button aria-label="${t('resetPassword')}: ${user.name}">${t('resetPassword')}</button></form></td></tr>`
}

function toRole(text: string | null): Role {
  const found = roles.find(({ role }) => role === text)
  if (found) return found.role
  throw new Refused('user.role', 422, `A role is ${roles.map(({ role }) => role).join(', ')}.`)
}
