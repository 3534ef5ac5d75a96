import type { SecretFacts } from '../../../control/contract.ts'
import { secretLimitBytes } from '../../../runtime/core/secrets/secret-reference.ts'
import { html, type Html } from '../../html.ts'
import { toText } from '../../forms/form-values.ts'
import { createFormView, type FormProblem } from '../../forms/form-view.ts'
import type { PortalOptions } from '../../portal.ts'
import { toTime } from '../../time.ts'
import type { PageRoute } from '../../web/router.ts'
import type { View } from '../consumers/view.ts'
import { nameBox, needName, needRevision, problemsOf, revisionField, toExpected, vaultAct, vaultPage, type Again, type VaultPage } from './vault-page.ts'

const at = (name: string) => `/vault/secrets/${encodeURIComponent(name)}`

/** Secrets by name: values go in and never come out. */
export function secretRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, dataProtection } = control

  async function draw(view: View, again?: Again, replaced?: string): Promise<VaultPage> {
    const { t, by, exchange } = view
    const of = again ? replaced : exchange.url.searchParams.get('name')
    const some = (await dataProtection.secrets.list(by)).toSorted((a, b) => a.name.localeCompare(b.name))
    const writes = view.may('vault.write')
    const reference = (name: string) => `{{secret:${name}}}`
    const body = html`<h1>${t('secrets')}</h1><p class="soft">${t('secretsIntro')}</p>
${some.length === 0 ? html`<p>${t('noSecrets')}</p>` : html`<div class="scroll card"><table><thead><tr><th scope="col">${t('name')}</th><th scope="col">${t('reference')}</th><th scope="col">${t('version')}</th><th scope="col">${t('changedLast')}</th>${writes && html`<th scope="col">${t('actions')}</th>`}</tr></thead>
<tbody>${some.map((one) => html`<tr><th scope="row">${one.name}${one.description && html`<br><span class="soft">${one.description}</span>`}</th><td><code>${reference(one.name)}</code> <button type="button" class="quiet" data-copy="${reference(one.name)}" data-copied="${t('copied')}" aria-label="${t('copy')}: ${reference(one.name)}">${t('copy')}</button></td><td>${one.version}</td><td>${toTime(one.updatedAt, exchange.language)}<br><span class="soft">${one.by}</span></td>
${writes && html`<td><div class="row"><a class="button" href="/vault/secrets?name=${encodeURIComponent(one.name)}#set" aria-label="${t('newSecretValue')}: ${one.name}">${t('newSecretValue')}</a><a class="button danger" href="${at(one.name)}/remove" aria-label="${t('removeIt')}: ${one.name}">${t('removeIt')}</a></div></td>`}</tr>`)}</tbody></table></div>`}
${writes && html`<section class="card" id="set">${drawForm(view, again, some.find(({ name }) => name === of))}</section>`}`
    return { title: t('secrets'), body, told: again !== undefined }
  }

  async function drawRemove({ t, by }: View, name: string, again?: Again): Promise<VaultPage> {
    const wrong = again?.refused.code === 'vault.confirm'
    const { version: revision } = await dataProtection.secrets.get(name, by)
    return { title: t('removeIt'), told: wrong, body: nameBox(t, { title: `${t('removeIt')}: ${name}`, text: t('removeSecretExplain'), name, action: `${at(name)}/remove`, button: t('removeIt'), back: '/vault/secrets', wrong, revision }) }
  }

  return [
    { method: 'GET', path: '/vault/secrets', access: 'signed-in', handle: vaultPage(consumers, 'secrets', (view) => draw(view)) },
    {
      method: 'POST', path: '/vault/secrets', access: 'signed-in',
      handle: vaultAct(consumers, 'secrets', async ({ by }, form) => {
        const [name, value, description] = [form.get('name')?.trim() ?? '', form.get('value') ?? '', toText(form, 'description')]
        consumers.check('VaultSecretPut', { name, value, ...(description === undefined ? {} : { description }) })
        await dataProtection.secrets.set(name, value, description, by, 'none')
        return '/vault/secrets?said=secretSaved'
      }, (view, _params, again) => draw(view, again)),
    },
    {
      method: 'POST', path: '/vault/secrets/:name', access: 'signed-in',
      handle: vaultAct(consumers, 'secrets', async ({ by }, form, { name }) => {
        const [value, description] = [form.get('value') ?? '', form.get('description')?.trim() ?? '']
        consumers.check('VaultSecretInput', { value, description })
        await dataProtection.secrets.set(name!, value, description, by, needRevision(form))
        return '/vault/secrets?said=secretSaved'
      }, (view, { name }, again) => draw(view, again, name)),
    },
    { method: 'GET', path: '/vault/secrets/:name/remove', access: 'signed-in', handle: vaultPage(consumers, 'secrets', (view, { name }) => drawRemove(view, name!)) },
    {
      method: 'POST', path: '/vault/secrets/:name/remove', access: 'signed-in',
      handle: vaultAct(consumers, 'secrets', async ({ by }, form, { name }) => {
        needName(form, name!)
        await dataProtection.secrets.remove(name!, by, toExpected(form))
        return '/vault/secrets?said=vaultChanged'
      }, (view, { name }, again) => drawRemove(view, name!, again)),
    },
  ]
}

/** To make a secret, or to put another value in the place of one. The value is typed unseen and is never put into a page, not even when it was refused. */
function drawForm({ t }: View, again: Again | undefined, of: SecretFacts | undefined): Html {
  const kept = new URLSearchParams({ name: again?.fields.get('name') ?? '', description: again?.fields.get('description') ?? of?.description ?? '' })
  const problems = placed(again, t)
  const form = createFormView(kept, problems.filter(({ at: place }) => place !== 'value'), t('optional'))
  const wrong = problems.filter(({ at: place }) => place === 'value')
  const described = form.input('description', t('description'), { maxLength: 200 })
  const drawn = html`${of ? described : html`<div class="pair">${form.input('name', t('name'), { required: true, hint: t('secretNameHint'), maxLength: 64 })}${described}</div>`}
<div class="field"><label for="secret-value">${t('secretValue')}</label><input id="secret-value" name="value" type="password" required maxlength="${secretLimitBytes}" autocomplete="new-password" spellcheck="false" aria-describedby="secret-value-hint${wrong.length > 0 && ' secret-value-error'}"${wrong.length > 0 && html` aria-invalid="true"`}>
<p class="hint" id="secret-value-hint">${t('secretValueHint')}</p>${wrong.length > 0 && html`<p class="error" id="secret-value-error">${wrong.map(({ text }) => text).join(' ')}</p>`}</div>`
  const title = of ? `${t('newSecretValue')}: ${of.name}` : t('setSecret')
  return html`<h2>${title}</h2><form method="post" action="${of ? at(of.name) : '/vault/secrets'}" class="record">${form.summary(t('checkFields'))}${revisionField(of?.version)}${drawn}<p class="row"><button class="primary">${t(of ? 'newSecretValue' : 'setSecret')}</button>${of && html`<a class="button" href="/vault/secrets">${t('cancel')}</a>`}</p></form>`
}

/** What was refused, beside the field that it is about. */
function placed(again: Again | undefined, t: View['t']): readonly FormProblem[] {
  if (!again) return []
  return again.refused.code === 'record.exists' ? [{ at: 'name', text: t('secretTaken') }] : problemsOf(again, t)
}
