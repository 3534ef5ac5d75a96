import type { CertificateFacts } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { createFormView, type FormProblem } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import { toTime } from '../../time.ts'
import type { PageRoute } from '../../web/router.ts'
import type { View } from '../consumers/view.ts'
import { nameBox, needName, needRevision, problemsOf, revisionField, toExpected, vaultAct, vaultPage, type Again, type VaultPage } from './vault-page.ts'

const soonDays = 30
const urgentDays = 7
/** What is wrong with the text that was pasted, as the vault says it. */
const ofText = /^certificate\.(?!name$|conflict$|unknown$)/
const at = (name: string) => `/vault/certificates/${encodeURIComponent(name)}`

/** Whether somebody should renew it. */
export function endsSoon({ daysLeft }: CertificateFacts): boolean {
  return daysLeft <= soonDays
}

/** Certificates, the one that ends first first. */
export function certificateRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, dataProtection } = control

  async function draw(view: View, again?: Again, renewed?: string): Promise<VaultPage> {
    const { t, by, exchange } = view
    const of = again ? renewed : exchange.url.searchParams.get('name')
    const some = await dataProtection.certificates.list(by)
    const writes = view.may('vault.write')
    const body = html`<h1>${t('certificates')}</h1><p class="soft">${t('certificatesIntro')}</p>
${some.length === 0 ? html`<p>${t('noCertificates')}</p>` : html`<div class="scroll card"><table aria-label="${t('certificates')}"><thead><tr><th scope="col">${t('name')}</th><th scope="col">${t('certSubject')}</th><th scope="col">${t('ends')}</th><th scope="col">${t('state')}</th>${writes && html`<th scope="col">${t('actions')}</th>`}</tr></thead>
<tbody>${some.map((one) => html`<tr><th scope="row">${one.name}</th><td>${one.subject}<br><span class="soft">${t('certIssuer')}: ${one.issuer}</span><br><code class="soft" title="${one.fingerprint}">SHA-256 ${one.fingerprint.slice(0, 16)}…</code></td><td>${toTime(one.notAfter, exchange.language)}</td><td>${drawDays(one, view)}</td>
${writes && html`<td><div class="row"><a class="button" href="/vault/certificates?name=${encodeURIComponent(one.name)}#import" aria-label="${t('renewIt')}: ${one.name}">${t('renewIt')}</a><a class="button danger" href="${at(one.name)}/remove" aria-label="${t('removeIt')}: ${one.name}">${t('removeIt')}</a></div></td>`}</tr>`)}</tbody></table></div>`}
${writes && html`<section class="card" id="import">${drawForm(view, again, some.find(({ name }) => name === of))}</section>`}`
    return { title: t('certificates'), body, told: again !== undefined }
  }

  async function drawRemove({ t, by }: View, name: string, again?: Again): Promise<VaultPage> {
    const wrong = again?.refused.code === 'vault.confirm'
    const { revision } = await dataProtection.certificates.get(name, by)
    return { title: t('removeIt'), told: wrong, body: nameBox(t, { title: `${t('removeIt')}: ${name}`, text: t('removeCertificateExplain'), name, action: `${at(name)}/remove`, button: t('removeIt'), back: '/vault/certificates', wrong, revision }) }
  }

  return [
    { method: 'GET', path: '/vault/certificates', access: 'signed-in', handle: vaultPage(consumers, 'certificates', (view) => draw(view)) },
    {
      method: 'POST', path: '/vault/certificates', access: 'signed-in',
      handle: vaultAct(consumers, 'certificates', async ({ by }, form) => {
        const [name, pem] = [form.get('name')?.trim() ?? '', form.get('pem')?.trim() ?? '']
        consumers.check('VaultCertificatePut', { name, pem })
        await dataProtection.certificates.put(name, pem, by, 'none')
        return '/vault/certificates?said=vaultChanged'
      }, (view, _params, again) => draw(view, again)),
    },
    {
      method: 'POST', path: '/vault/certificates/:name', access: 'signed-in',
      handle: vaultAct(consumers, 'certificates', async ({ by }, form, { name }) => {
        const pem = form.get('pem')?.trim() ?? ''
        consumers.check('VaultCertificateInput', { pem })
        await dataProtection.certificates.put(name!, pem, by, needRevision(form))
        return '/vault/certificates?said=vaultChanged'
      }, (view, { name }, again) => draw(view, again, name)),
    },
    { method: 'GET', path: '/vault/certificates/:name/remove', access: 'signed-in', handle: vaultPage(consumers, 'certificates', (view, { name }) => drawRemove(view, name!)) },
    {
      method: 'POST', path: '/vault/certificates/:name/remove', access: 'signed-in',
      handle: vaultAct(consumers, 'certificates', async ({ by }, form, { name }) => {
        needName(form, name!)
        await dataProtection.certificates.remove(name!, by, toExpected(form))
        return '/vault/certificates?said=vaultChanged'
      }, (view, { name }, again) => drawRemove(view, name!, again)),
    },
  ]
}

/** To import one, or the renewal of one. What was pasted is not shown again: it may hold a private key by mistake. */
function drawForm({ t }: View, again: Again | undefined, of: CertificateFacts | undefined): Html {
  const form = createFormView(new URLSearchParams({ name: again?.fields.get('name') ?? '' }), placed(again, t), t('optional'))
  const drawn = html`${!of && form.input('name', t('name'), { required: true, hint: t('domainNameHint'), maxLength: 64 })}
${form.area('pem', t('certificatePem'), { required: true, rows: 6, hint: t('certificatePemHint') })}
<div class="field"><label for="pem-file">${t('certificateFile')} <span class="soft">(${t('optional')})</span></label><input id="pem-file" type="file" accept=".pem,.crt,.cer" data-into="f-pem"></div>`
  const title = of ? `${t('renewIt')}: ${of.name}` : t('importCertificate')
  return html`<h2>${title}</h2><form method="post" action="${of ? at(of.name) : '/vault/certificates'}" class="record">${form.summary(t('checkFields'))}${revisionField(of?.revision)}${drawn}<p class="row"><button class="primary">${t(of ? 'renewIt' : 'importCertificate')}</button>${of && html`<a class="button" href="/vault/certificates">${t('cancel')}</a>`}</p></form>`
}

/** What was refused, beside the field that it is about. */
function placed(again: Again | undefined, t: View['t']): readonly FormProblem[] {
  if (!again) return []
  const { code } = again.refused
  if (code === 'record.exists') return [{ at: 'name', text: t('certificateTaken') }]
  return problemsOf(again, t).map(({ at: field, text }) => ({ at: field || (code === 'certificate.name' ? 'name' : ofText.test(code) ? 'pem' : ''), text }))
}

function drawDays({ daysLeft }: CertificateFacts, { t }: View): Html {
  const kind = daysLeft <= urgentDays ? 'bad' : daysLeft <= soonDays ? 'warn' : 'good'
  const text = daysLeft < 0 ? fill(t('daysOver'), { days: -daysLeft }) : daysLeft === 0 ? t('endsToday') : fill(t(daysLeft <= urgentDays ? 'daysFew' : 'daysLeft'), { days: daysLeft })
  return html`<span class="tag ${kind}">${text}</span>`
}
