import type { ClientApplication, Domain, GrantInput, KnownGrant } from '../../../control/contract.ts'
import { defined, toMoment, toText } from '../../forms/form-values.ts'
import { createFormView, type Fields } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import type { TextKey } from '../../texts.ts'
import { toTime } from '../../time.ts'
import { toRefused } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { choicesOf, toFacts, type View } from '../consumers/view.ts'
import { button, problemsOf, vaultAct, vaultPage, type Again, type VaultPage } from './vault-page.ts'

const states: Readonly<Record<KnownGrant['state'], { readonly text: TextKey; readonly kind: string }>> = {
  active: { text: 'grantActive', kind: 'good' }, expired: { text: 'grantExpired', kind: 'bad' }, requested: { text: 'grantRequested', kind: 'warn' },
}

/** Grants: which application may see values of which domain, for what. */
export function grantRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, dataProtection } = control

  async function draw(view: View, again?: Again): Promise<VaultPage> {
    const { t, by } = view
    const [grants, domains] = await Promise.all([dataProtection.grants.list({}, by), dataProtection.domains.list(by)])
    const body = html`<h1>${t('grants')}</h1><p class="soft">${t('grantsIntro')}</p>
${drawGrants(grants, view, { empty: t('noGrants'), domains })}
${view.may('vault.write') && html`<section class="card" id="add"><h2>${t('addGrant')}</h2>${await drawForm(view, domains.filter(({ state }) => state === 'active'), again)}</section>`}`
    return { title: t('grants'), body, told: again !== undefined && again.fields.has('purpose') }
  }

  async function drawForm({ t, by, exchange }: View, domains: readonly Domain[], again: Again | undefined): Promise<Html> {
    if (domains.length === 0) return html`<p>${t('domainFirst')} <a href="/vault/domains">${t('addDomain')}</a></p>`
    const bare = domains.filter(({ purposes }) => purposes.length === 0)
    const form = createFormView(again?.fields ?? exchange.url.searchParams, again ? problemsOf(again, t) : [], t('optional'))
    const drawn = html`<div class="pair">${form.select('client', t('application'), await choicesOf(consumers.applications, by))}${form.select('domain', t('domain'), domains.map(({ name }) => ({ value: name, text: name })))}</div>
<div class="pair">${form.input('purpose', t('purpose'), { required: true, maxLength: 64, list: 'purposes' })}${form.input('until', t('until'), { type: 'datetime-local', hint: t('untilHint') })}</div>
<datalist id="purposes">${[...new Set(domains.flatMap(({ purposes }) => purposes))].map((one) => html`<option value="${one}">`)}</datalist>`
    return html`${bare.length > 0 && html`<p class="soft">${t('purposeFirst')} ${bare.map(({ name }, place) => html`${place > 0 && ', '}<a href="/vault/domains/${encodeURIComponent(name)}/edit">${name}</a>`)}</p>`}<form method="post" action="/vault/grants" class="record">${form.summary(t('checkFields'))}${drawn}<p><button class="primary">${t('addGrant')}</button></p></form>`
  }

  function toInput(form: Fields): GrantInput {
    const input = { domain: toText(form, 'domain') ?? '', client: toText(form, 'client') ?? '', purpose: toText(form, 'purpose') ?? '', ...defined({ until: toMoment(form, 'until') }) }
    consumers.check('VaultGrantCreate', input)
    return input
  }

  return [
    { method: 'GET', path: '/vault/grants', access: 'signed-in', handle: vaultPage(consumers, 'grants', (view) => draw(view)) },
    {
      method: 'POST', path: '/vault/grants', access: 'signed-in',
      handle: vaultAct(consumers, 'grants', async ({ by }, form) => {
        const { state } = await dataProtection.grants.add(toInput(form), by)
        return `/vault/grants?said=${state === 'requested' ? 'grantAsked' : 'grantAdded'}`
      }, (view, _params, again) => draw(view, again)),
    },
    {
      method: 'POST', path: '/vault/grants/:id/remove', access: 'signed-in',
      handle: vaultAct(consumers, 'grants', async ({ by }, _form, { id }) => {
        await dataProtection.grants.remove(id!, by)
        return '/vault/grants?said=grantGone'
      }, (view) => draw(view)),
    },
    {
      method: 'POST', path: '/vault/grants/:id/decide', access: 'signed-in',
      handle: vaultAct(consumers, 'grants', async ({ by }, form, { id }) => {
        const given = await dataProtection.grants.decide(id!, form.get('agree') === 'true', by)
        return `/vault/grants?said=${given ? 'grantAdded' : 'vaultChanged'}`
      }, (view) => draw(view)),
    },
  ]
}

export interface GrantTable {
  readonly empty: string
  /** Where they are known, a grant that does nothing for want of a clearance says so. */
  readonly domains?: readonly Domain[]
  /** On a page of one of them, in a card that is there already: which column says nothing. */
  readonly of?: 'domain' | 'application'
}

/** Grants as a table. */
export function drawGrants(grants: readonly KnownGrant[], view: View, { empty, domains = [], of }: GrantTable): Html {
  const { t, exchange, by } = view
  if (grants.length === 0) return html`<p>${empty}</p>`
  const writes = view.may('vault.write')
  const lacks = ({ domain, application }: KnownGrant) => {
    const wanted = domains.find(({ name }) => name === domain)?.clearances ?? []
    return application !== undefined && wanted.length > 0 && !wanted.includes(application.clearance ?? '')
  }
  const label = ({ client, domain, purpose }: KnownGrant) => `${client}, ${domain}, ${purpose}`
  return html`<div class="scroll${of === undefined && ' card'}"><table aria-label="${t('grants')}"><thead><tr>${of !== 'application' && html`<th scope="col">${t('application')}</th>`}${of !== 'domain' && html`<th scope="col">${t('domain')}</th>`}<th scope="col">${t('purpose')}</th><th scope="col">${t('until')}</th><th scope="col">${t('state')}</th><th scope="col">${t('givenBy')}</th>${writes && html`<th scope="col">${t('actions')}</th>`}</tr></thead>
<tbody>${grants.map((one) => html`<tr>${of !== 'application' && html`<th scope="row"><a href="/applications/${encodeURIComponent(one.client)}">${one.application?.name ?? one.client}</a></th>`}${of !== 'domain' && html`<td>${view.may('vault.read') ? html`<a href="/vault/domains/${encodeURIComponent(one.domain)}">${one.domain}</a>` : one.domain}</td>`}<td><code>${one.purpose}</code></td>
<td>${one.until === undefined ? t('untilTaken') : toTime(one.until, exchange.language)}</td><td><span class="tag ${states[one.state].kind}">${t(states[one.state].text)}</span>${lacks(one) && html`<br><span class="tag warn">${t('grantNoClearance')}</span>`}</td>
<td>${one.by}<br><span class="soft">${toTime(one.createdAt, exchange.language)}</span></td>${writes && html`<td><div class="row">${one.state === 'requested'
    ? html`${one.by !== by.name && button(`/vault/grants/${encodeURIComponent(one.id)}/decide`, t('agree'), label(one), 'primary', { agree: 'true' })}${button(`/vault/grants/${encodeURIComponent(one.id)}/decide`, t('turnDown'), label(one), 'danger', { agree: 'false' })}`
    : button(`/vault/grants/${encodeURIComponent(one.id)}/remove`, t('takeBack'), label(one), 'danger')}</div></td>`}</tr>`)}</tbody></table></div>`
}

/** What an application may see, on its own page; nothing where no vault is. That one does not answer is said in its place. */
export async function drawGrantsOf(application: ClientApplication, view: View, dataProtection: PortalOptions['control']['dataProtection']): Promise<Html> {
  const { t, by } = view
  const about = toFacts([[t('clearanceOf'), application.rules.clearance === undefined ? t('none') : html`<code>${application.rules.clearance}</code>`]])
  const card = (content: Html) => html`<section class="card" aria-labelledby="sees-values"><h2 id="sees-values">${t('seesValues')}</h2>
${about}
${content}
${view.may('reveals.read') && html`<p><a href="/vault/reveals?client=${encodeURIComponent(application.id)}">${t('reveals')}</a></p>`}</section>`
  try {
    const grants = await dataProtection.grants.peek(application.id, by)
    if (grants === undefined) return html``
    return card(html`${drawGrants(grants, view, { empty: t('noGrantsOf'), of: 'application' })}
${view.may('vault.write') && html`<p><a href="/vault/grants?client=${encodeURIComponent(application.id)}#add">${t('addGrant')}</a></p>`}`)
  } catch (thrown) {
    const refused = toRefused(thrown)
    if (refused.code !== 'vault.unavailable') throw thrown
    return card(html`<p role="status"><span class="tag warn">${t('vaultAway')}</span> ${t('grantsAway')}</p>`)
  }
}
