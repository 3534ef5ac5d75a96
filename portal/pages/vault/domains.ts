import type { Domain, DomainPart } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { toLines, toNumber, toText } from '../../forms/form-values.ts'
import { createFormView, type Fields, type FormProblem } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import { toTime } from '../../time.ts'
import type { PageRoute } from '../../web/router.ts'
import { toFacts, type View } from '../consumers/view.ts'
import { sayFullAt, saySealed } from './data-keys.ts'
import { drawGrants } from './grants.ts'
import { button, nameBox, needName, problemsOf, revisionField, sendVaultPage, toExpected, vaultAct, vaultPage, type Again, type VaultPage } from './vault-page.ts'

const at = (name: string) => `/vault/domains/${encodeURIComponent(name)}`

/** Domains: where tokens are unique, and who may see what they stand for. */
export function domainRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, dataProtection } = control

  async function drawList(view: View, again?: Again): Promise<VaultPage> {
    const { t, by } = view
    const domains = (await dataProtection.domains.list(by)).toSorted((a, b) => a.name.localeCompare(b.name))
    const body = html`<h1>${t('domains')}</h1><p class="soft">${t('domainsIntro')}</p>
${domains.length === 0 ? html`<p>${t('noDomains')}</p>` : html`<div class="scroll card"><table aria-label="${t('domains')}"><thead><tr><th scope="col">${t('name')}</th><th scope="col">${t('clearances')}</th><th scope="col">${t('purposes')}</th><th scope="col">${t('state')}</th></tr></thead>
<tbody>${domains.map((one) => html`<tr><th scope="row"><a href="${at(one.name)}">${one.name}</a>${one.description && html`<br><span class="soft">${one.description}</span>`}</th><td>${toCodes(one.clearances, t('anyClearance'))}</td><td>${toCodes(one.purposes, t('none'))}</td><td>${toState(one, view)}</td></tr>`)}</tbody></table></div>`}
${view.may('vault.write') && html`<section class="card"><h2>${t('addDomain')}</h2>${drawForm(view, '/vault/domains', again)}</section>`}`
    return { title: t('domains'), body, told: again !== undefined }
  }

  async function drawOne(view: View, name: string, notice?: string): Promise<VaultPage> {
    const { t, by, exchange } = view
    const [domain, grants] = await Promise.all([dataProtection.domains.get(name, by), dataProtection.grants.list({ domain: name }, by)])
    const writes = view.may('vault.write') && domain.state === 'active'
    const body = html`<p class="crumb"><a href="/vault/domains">${t('domains')}</a></p>
<div class="head"><h1>${domain.name}</h1>${writes && html`<div class="row"><a class="button" href="${at(name)}/edit">${t('changeIt')}</a>${button(`${at(name)}/rotate`, t('rotateDataKey'), name)}<a class="button danger" href="${at(name)}/shred">${t('shredDomain')}</a></div>`}</div>
<section class="card">${toFacts([
  [t('state'), toState(domain, view)], [t('description'), domain.description], [t('clearances'), toCodes(domain.clearances, t('anyClearance'))], [t('purposes'), toCodes(domain.purposes, t('none'))],
  [t('tokensLive'), toLife(domain, t)], [t('dataKeyVersion'), domain.keyVersion], ...(domain.dataKey ? [[t('dataKeySealed'), saySealed(domain.dataKey, view)], [t('dataKeyFullAt'), sayFullAt(domain.dataKey, view)]] as const : []), [t('madeAt'), toTime(domain.createdAt, exchange.language)],
])}</section>
<section class="card"><h2>${t('grants')}</h2>${drawGrants(grants, view, { empty: t('noGrants'), domains: [domain], of: 'domain' })}
${writes && (domain.purposes.length > 0 ? html`<p><a href="/vault/grants?domain=${encodeURIComponent(name)}#add">${t('addGrant')}</a></p>` : html`<p class="soft">${t('purposeFirst')} <a href="${at(name)}/edit">${name}</a></p>`)}</section>
${writes && html`<section class="card"><h2>${t('shredSubject')}</h2><p class="soft">${t('shredSubjectExplain')}</p>
<form method="post" action="${at(name)}/subjects/shred" class="record"><div class="pair"><div class="field"><label for="subject">${t('subjectOfData')}</label><input id="subject" name="subject" required maxlength="1000" autocomplete="off" autocapitalize="none" spellcheck="false"></div>
<div class="field"><label for="subject-confirm">${t('typeName')}: <code>${name}</code></label><input id="subject-confirm" name="confirm" required autocomplete="off" autocapitalize="none" spellcheck="false"></div></div><p><button class="danger">${t('shredSubject')}</button></p></form></section>`}`
    return { title: domain.name, body, ...(notice === undefined ? {} : { notice: { kind: 'good', text: notice } }) }
  }

  async function drawEdit(view: View, name: string, again?: Again): Promise<VaultPage> {
    const domain = await dataProtection.domains.get(name, view.by)
    const body = html`<h1>${view.t('changeDomain')}: ${name}</h1><section class="card">${drawForm(view, at(name), again, domain)}</section>`
    return { title: view.t('changeDomain'), body, told: again !== undefined }
  }

  async function drawShred(view: View, name: string, again?: Again): Promise<VaultPage> {
    const { t } = view
    const { revision } = await dataProtection.domains.get(name, view.by)
    return { title: t('shredDomain'), body: nameBox(t, { title: `${t('shredDomain')}: ${name}`, text: t('shredDomainExplain'), name, action: `${at(name)}/shred`, button: t('shredDomain'), back: at(name), wrong: again?.refused.code === 'vault.confirm', revision }), told: again?.refused.code === 'vault.confirm' }
  }

  return [
    { method: 'GET', path: '/vault/domains', access: 'signed-in', handle: vaultPage(consumers, 'domains', (view) => drawList(view)) },
    {
      method: 'POST', path: '/vault/domains', access: 'signed-in',
      handle: vaultAct(consumers, 'domains', async ({ by }, form) => {
        const { name } = await dataProtection.domains.create(checked(form.get('name')?.trim() ?? '', toPart(form)), toPart(form), by)
        return `${at(name)}?said=vaultChanged`
      }, (view, _params, again) => drawList(view, again)),
    },
    { method: 'GET', path: '/vault/domains/:name', access: 'signed-in', handle: vaultPage(consumers, 'domains', (view, { name }) => drawOne(view, name!)) },
    { method: 'GET', path: '/vault/domains/:name/edit', access: 'signed-in', handle: vaultPage(consumers, 'domains', (view, { name }) => drawEdit(view, name!)) },
    {
      method: 'POST', path: '/vault/domains/:name', access: 'signed-in',
      handle: vaultAct(consumers, 'domains', async ({ by }, form, { name }) => {
        await dataProtection.domains.change(checked(name!, toPart(form)), toPart(form), by, toExpected(form))
        return `${at(name!)}?said=vaultChanged`
      }, (view, { name }, again) => drawEdit(view, name!, again)),
    },
    {
      method: 'POST', path: '/vault/domains/:name/rotate', access: 'signed-in',
      handle: vaultAct(consumers, 'domains', async ({ by }, _form, { name }) => {
        await dataProtection.domains.rotate(name!, by)
        return `${at(name!)}?said=vaultChanged`
      }, (view, { name }) => drawOne(view, name!)),
    },
    { method: 'GET', path: '/vault/domains/:name/shred', access: 'signed-in', handle: vaultPage(consumers, 'domains', (view, { name }) => drawShred(view, name!)) },
    {
      method: 'POST', path: '/vault/domains/:name/shred', access: 'signed-in',
      handle: vaultAct(consumers, 'domains', async ({ by }, form, { name }) => {
        await dataProtection.domains.shred(name!, form.get('confirm')?.trim() ?? '', by, toExpected(form))
        return `${at(name!)}?said=vaultChanged`
      }, (view, { name }, again) => drawShred(view, name!, again)),
    },
    {
      method: 'POST', path: '/vault/domains/:name/subjects/shred', access: 'signed-in',
      handle: vaultAct(consumers, 'domains', async (view, form, { name }) => {
        needName(form, name!)
        const done = await dataProtection.domains.shredSubject(name!, form.get('subject') ?? '', view.by)
        // Said once, by the answer itself: the mark is not to stand in an address.
        sendVaultPage(view, 'domains', await drawOne(view, name!, fill(view.t('subjectShredded'), done)))
        return undefined
      }, (view, { name }) => drawOne(view, name!)),
    },
  ]

  /** Forms are held to what the API is held to. */
  function checked(name: string, part: DomainPart): string {
    consumers.check('VaultDomainPart', part)
    consumers.check('VaultDomainCreate', { name })
    return name
  }
}

function drawForm({ t }: View, action: string, again: Again | undefined, domain?: Domain): Html {
  const fields = again?.fields ?? new URLSearchParams(domain ? { description: domain.description ?? '', clearances: domain.clearances.join('\n'), purposes: domain.purposes.join('\n'), ttlS: domain.ttlS === undefined ? '' : String(domain.ttlS), guessesPerMinute: domain.guessesPerMinute === undefined ? '' : String(domain.guessesPerMinute) } : {})
  const problems: readonly FormProblem[] = again ? problemsOf(again, t) : []
  const form = createFormView(fields, problems, t('optional'))
  const drawn = html`${!domain && form.input('name', t('name'), { required: true, hint: t('domainNameHint'), maxLength: 64 })}${form.area('description', t('description'))}
<div class="pair">${form.area('clearances', t('clearances'), { hint: t('clearancesHint') })}${form.area('purposes', t('purposes'), { hint: t('purposesHint') })}</div>
<div class="pair">${form.input('ttlS', t('ttlSeconds'), { type: 'number', min: 1, hint: t('ttlHint') })}${form.input('guessesPerMinute', t('guesses'), { type: 'number', min: 1, hint: t('guessesHint') })}</div>`
  return html`<form method="post" action="${action}" class="record">${form.summary(t('checkFields'))}${revisionField(domain?.revision)}${drawn}<p class="row"><button class="primary">${t('save')}</button>${domain && html`<a class="button" href="${at(domain.name)}">${t('cancel')}</a>`}</p></form>`
}

function toPart(form: Fields): DomainPart {
  return { clearances: toLines(form, 'clearances'), purposes: toLines(form, 'purposes'), description: toText(form, 'description') ?? '', ttlS: toNumber(form, 'ttlS') ?? null, guessesPerMinute: toNumber(form, 'guessesPerMinute') ?? null }
}

const dayS = 86_400

function toLife({ ttlS }: Domain, t: View['t']): string {
  if (ttlS === undefined) return t('forEver')
  return ttlS % dayS === 0 ? fill(t('someDays'), { days: ttlS / dayS }) : fill(t('someSeconds'), { seconds: ttlS })
}

function toState({ state }: Domain, { t }: View): Html {
  return html`<span class="tag ${state === 'active' ? 'good' : 'bad'}">${t(state === 'active' ? 'active' : 'shredded')}</span>`
}

function toCodes(some: readonly string[], none: string): Html {
  return some.length === 0 ? html`<span class="soft">${none}</span>` : html`${some.map((one, place) => html`${place > 0 && ', '}<code>${one}</code>`)}`
}
