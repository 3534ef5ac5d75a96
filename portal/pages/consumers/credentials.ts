import { Refused, type ClientApplication, type Consumers, type Credential, type CredentialInput, type IssuedCredential } from '../../../control/contract.ts'
import { defined, toMoment, toText } from '../../forms/form-values.ts'
import { createFormView, type Fields, type FormProblem } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { TextKey } from '../../texts.ts'
import { toTime } from '../../time.ts'
import { readForm } from '../../web/body.ts'
import { redirect, toRefused } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { actButton, confirmBox, mayUpon, toVersion, type Fresh, type RecordRoutes } from './record-pages.ts'
import { sayRefusal, toFormProblems } from '../../refusals.ts'
import { openView, sendPage, type T, type View } from './view.ts'

const kinds: Readonly<Record<Credential['kind'], TextKey>> = { key: 'kindKey', basic: 'kindBasic', hmac: 'kindHmac', 'public-key': 'kindPublicKey', jwt: 'kindJwt', certificate: 'kindCertificate' }
const hour = 3_600_000
const ends: readonly { readonly ms: number | undefined; readonly text: TextKey }[] = [
  { ms: undefined, text: 'oldStays' }, { ms: hour, text: 'oldEnds1h' }, { ms: 24 * hour, text: 'oldEnds1d' }, { ms: 7 * 24 * hour, text: 'oldEnds7d' }, { ms: 30 * 24 * hour, text: 'oldEnds30d' },
]

/** What an application proves itself with: a table, and forms for another one. */
export async function drawCredentials(application: ClientApplication, view: View, fresh?: Fresh): Promise<Html> {
  const { t, by, consumers } = view
  const { items } = await consumers.credentials.list({ application: application.id, limit: 200, retired: true }, by)
  const live = items.filter((one) => !one.retiredAt)
  const gone = items.filter((one) => one.retiredAt)
  const may = { confirm: view.may('credentials.write'), write: !application.retiredAt && mayUpon(view, 'credentials.write', application), revoke: mayUpon(view, 'credentials.revoke', application) || mayUpon(view, 'credentials.write', application) }
  const table = (some: readonly Credential[]) => html`<div class="scroll"><table aria-label="${t('credentials')}"><thead><tr><th scope="col">${t('publicPart')}</th><th scope="col">${t('kind')}</th><th scope="col">${t('environment')}</th><th scope="col">${t('state')}</th><th scope="col">${t('expires')}</th><th scope="col">${t('actions')}</th></tr></thead>
<tbody>${some.map((one) => toRow(one, application, view, may))}</tbody></table></div>`
  return html`<section class="card" aria-labelledby="credentials"><h2 id="credentials">${t('credentials')}</h2>
${live.length === 0 ? html`<p>${t('noCredentials')}</p>` : table(live)}
${gone.length > 0 && html`<details><summary>${t('revoked')} (${gone.length})</summary>${table(gone)}</details>`}
${may.write && issueForms(application, t, fresh)}</section>`
}

function toRow(credential: Credential, application: ClientApplication, { t, exchange }: View, may: { readonly write: boolean; readonly revoke: boolean; readonly confirm: boolean }): Html {
  const at = `/applications/${application.id}/credentials/${encodeURIComponent(credential.id)}`
  const name = nameOf(credential)
  const state = toState(credential)
  const ours = credential.kind === 'key' || credential.kind === 'basic' || credential.kind === 'hmac'
  const keeper = credential.managedBy?.slice('connector:'.length) // who changes it, so that nobody here may
  return html`<tr><th scope="row"><code class="wrap">${name}</code>${credential.label && html`<br>${credential.label}`}</th><td>${t(kinds[credential.kind])}</td><td>${t(credential.environment)}</td>
<td><span class="tag ${state === 'active' ? 'good' : state === 'toConfirm' ? 'warn' : 'bad'}">${t(state)}</span></td><td>${credential.expiresAt ? toTime(credential.expiresAt, exchange.language) : t('neverExpires')}</td>
<td>${!credential.retiredAt && html`${may.confirm && state === 'toConfirm' && html`<a class="button" href="${at}/confirm" aria-label="${t('confirmClaim')}: ${name}">${t('confirmClaim')}</a> `}${keeper !== undefined ? html`<span class="soft">${t('keptBy')}: ${keeper}</span>` : html`${may.write && ours && html`<a class="button" href="${at}/rotate" aria-label="${t('rotate')}: ${name}">${t('rotate')}</a> `}
${may.write && actButton(`${at}/active`, credential.version, t(credential.active ? 'switchOff' : 'switchOn'), { label: `${t(credential.active ? 'switchOff' : 'switchOn')}: ${name}`, hidden: { active: String(!credential.active) } })}
${may.revoke && html`<a class="button danger" href="${at}/revoke" aria-label="${t('revoke')}: ${name}">${t('revoke')}</a>`}`}`}</td></tr>`
}

function toState({ active, retiredAt, expiresAt, claim }: Credential): 'active' | 'revoked' | 'expired' | 'switchedOff' | 'toConfirm' {
  if (retiredAt) return 'revoked'
  if (expiresAt && Date.parse(expiresAt) <= Date.now()) return 'expired'
  if (claim === 'pending') return 'toConfirm'
  return active ? 'active' : 'switchedOff'
}

function nameOf({ kind, name, issuer, subject, fingerprint, san, id }: Credential): string {
  if (kind === 'jwt') return `${subject} @ ${issuer}`
  if (kind === 'certificate') return fingerprint ?? san ?? id
  return name ?? id
}

/** One form for a key, which is what nearly everybody wants; one for the other kinds. */
function issueForms(application: ClientApplication, t: T, fresh: Fresh | undefined): Html {
  const refused = (name: string) => (fresh?.form?.name === name ? fresh.form : undefined)
  const environments = [{ value: 'production', text: t('production') }, { value: 'sandbox', text: t('sandbox') }]
  const draw = (name: 'key' | 'other') => {
    const found = refused(name)
    const form = createFormView(found?.fields ?? new URLSearchParams({ kind: name === 'key' ? 'key' : 'basic' }), found?.problems ?? [], t('optional'), name)
    const common = html`<div class="pair">${form.select('environment', t('environment'), environments)}${form.input('label', t('label'), { maxLength: 120 })}${form.input('expiresAt', t('expiresAt'), { type: 'datetime-local' })}</div>`
    const fields = name === 'key'
      ? html`<input type="hidden" name="kind" value="key">${common}`
      : html`${form.select('kind', t('kind'), (['basic', 'hmac', 'public-key', 'jwt', 'certificate'] as const).map((kind) => ({ value: kind, text: t(kinds[kind]) })))}${common}
${form.input('name', t('credentialName'), { hint: t('credentialNameHint'), maxLength: 64 })}
${form.area('publicKey', t('publicKey'), { hint: t('publicKeyHint') })}
<div class="pair">${form.input('issuer', t('issuer'), { hint: t('issuerHint') })}${form.input('subject', t('subject'))}</div>
<div class="pair">${form.input('fingerprint', t('fingerprint'), { hint: t('sanHint') })}${form.input('san', t('san'))}</div>`
    return html`<form method="post" action="/applications/${application.id}/credentials" class="record">${form.summary(t('checkFields'))}<input type="hidden" name="form" value="${name}">${fields}<p><button${name === 'key' && html` class="primary"`}>${t(name === 'key' ? 'issueKey' : 'issue')}</button></p></form>`
  }
  return html`<h3>${t('issueKey')}</h3>${draw('key')}<details${refused('other') && html` open`}><summary>${t('otherCredential')}</summary>${draw('other')}</details>`
}

/** What is shown this once. */
function secretBox({ credential, secret }: IssuedCredential, t: T): Html {
  if (secret === undefined) return html``
  return html`<section class="card secret-box" role="status"><h2>${t('secretTitle')}</h2>
<p><strong>${t(kinds[credential.kind])}</strong> <code>${credential.name ?? credential.id}</code> · ${t(credential.environment)}</p>
<pre class="secret"><code>${secret}</code></pre>
<p class="row"><button type="button" data-copy="${secret}" data-copied="${t('copied')}">${t('copy')}</button> <strong>${t('secretOnce')}</strong></p>
${credential.kind === 'key' && html`<p class="hint">${t('secretUseKey')}</p>`}</section>`
}

function toInput(application: string, form: Fields): CredentialInput {
  const kind = form.get('kind')
  const common = { application, environment: form.get('environment') === 'sandbox' ? 'sandbox' as const : 'production' as const, ...defined({ label: toText(form, 'label'), expiresAt: toMoment(form, 'expiresAt') }) }
  if (kind === 'basic' || kind === 'hmac') return { ...common, kind, ...defined({ name: toText(form, 'name') }) }
  if (kind === 'public-key') return { ...common, kind, ...defined({ name: toText(form, 'name') }), publicKey: toText(form, 'publicKey') ?? '' }
  if (kind === 'jwt') return { ...common, kind, issuer: toText(form, 'issuer') ?? '', subject: toText(form, 'subject') ?? '' }
  if (kind === 'certificate') return { ...common, kind, ...defined({ fingerprint: toText(form, 'fingerprint'), san: toText(form, 'san') }) }
  return { ...common, kind: 'key' }
}

export function credentialRoutes(consumers: Consumers, show: RecordRoutes<ClientApplication>['show'], act: RecordRoutes<ClientApplication>['act']): PageRoute[] {
  const path = '/applications/:id/credentials'
  /** The credential, when it is one of this very application. */
  async function need(view: View, application: string, id: string): Promise<Credential> {
    const credential = await consumers.credentials.get(id, view.by)
    if (credential.application !== application) throw new Refused('record.none', 404, view.t('notFound'))
    return credential
  }
  return [
    {
      method: 'POST', path, access: 'signed-in',
      async handle(exchange, { id }) {
        const view = await openView(exchange, consumers)
        const form = await readForm(exchange.request)
        const application = await consumers.applications.get(id!, view.by)
        try {
          const issued = await consumers.credentials.create(toInput(application.id, form), view.by)
          await show(view, application, { fresh: { box: secretBox(issued, view.t) }, ...(issued.secret === undefined ? { notice: { kind: 'good', text: view.t('recordSaved') } } : {}) })
        } catch (thrown) {
          const refused = toRefused(thrown)
          if (refused.status >= 500) throw thrown
          const problems: readonly FormProblem[] = refused.problems.length > 0 ? toFormProblems(refused.problems, view.t) : [{ at: '', text: sayRefusal(refused, view.t) }]
          // What was pasted there and is no public key may be a private one: it is not sent back.
          if (problems.some(({ at }) => at === 'publicKey')) form.delete('publicKey')
          await show(view, application, { status: refused.status, fresh: { form: { name: form.get('form') === 'other' ? 'other' : 'key', fields: form, problems } } })
        }
      },
    },
    {
      method: 'GET', path: `${path}/:credential/rotate`, access: 'signed-in',
      async handle(exchange, { id, credential }) {
        const view = await openView(exchange, consumers)
        const { t } = view
        const found = await need(view, id!, credential!)
        const body = html`<section class="card narrow"><h1>${t('rotateTitle')}: <code>${nameOf(found)}</code></h1><p>${t('rotateExplain')}</p>
<form method="post" action="/applications/${id}/credentials/${encodeURIComponent(found.id)}/rotate" class="stack"><input type="hidden" name="version" value="${found.version}">
<label>${t('oldEnds')}<select name="oldEndsInMs">${ends.map(({ ms, text }) => html`<option value="${ms}">${t(text)}</option>`)}</select></label>
<p class="row"><button class="primary">${t('rotate')}</button><a class="button" href="/applications/${id}">${t('cancel')}</a></p></form></section>`
        sendPage(view, 'applications', { title: t('rotateTitle'), body })
      },
    },
    {
      method: 'POST', path: `${path}/:credential/rotate`, access: 'signed-in',
      handle: (exchange, { id, credential }) => act(exchange, id!, 'done', async (view, form, version) => {
        await need(view, id!, credential!)
        const oldEndsInMs = Number(toText(form, 'oldEndsInMs'))
        const issued = await consumers.credentials.rotate(credential!, { ...(oldEndsInMs > 0 ? { oldEndsInMs } : {}), ...(version === undefined ? {} : { version }) }, view.by)
        await show(view, await consumers.applications.get(id!, view.by), { fresh: { box: secretBox(issued, view.t) } })
      }),
    },
    {
      method: 'GET', path: `${path}/:credential/confirm`, access: 'signed-in',
      async handle(exchange, { id, credential }) {
        const view = await openView(exchange, consumers)
        const { t } = view
        const found = await need(view, id!, credential!)
        const body = html`<section class="card narrow"><h1>${t('confirmClaim')}: <code>${nameOf(found)}</code></h1><p>${t('confirmClaimExplain')}</p>
<form method="post" action="/applications/${id}/credentials/${encodeURIComponent(found.id)}/confirm" class="stack"><input type="hidden" name="version" value="${found.version}">
<label class="check"><input type="checkbox" name="takeOver" value="true">${t('takeOver')}</label>
<p class="row"><button class="primary">${t('confirmClaim')}</button><a class="button" href="/applications/${id}">${t('cancel')}</a></p></form></section>`
        sendPage(view, 'applications', { title: t('confirmClaim'), body })
      },
    },
    {
      method: 'POST', path: `${path}/:credential/confirm`, access: 'signed-in',
      handle: (exchange, { id, credential }) => act(exchange, id!, 'done', async (view, form, version) => {
        await need(view, id!, credential!)
        await consumers.credentials.confirm(credential!, { takeOver: form.get('takeOver') === 'true', ...(version === undefined ? {} : { version }) }, view.by)
      }),
    },
    {
      method: 'POST', path: `${path}/:credential/active`, access: 'signed-in',
      handle: (exchange, { id, credential }) => act(exchange, id!, 'done', async (view, form, version) => {
        await need(view, id!, credential!)
        await consumers.credentials.setActive(credential!, form.get('active') === 'true', version, view.by)
      }),
    },
    {
      method: 'GET', path: `${path}/:credential/revoke`, access: 'signed-in',
      async handle(exchange, { id, credential }) {
        const view = await openView(exchange, consumers)
        const { t } = view
        const found = await need(view, id!, credential!)
        if (found.retiredAt) return redirect(exchange.response, `/applications/${id}`)
        sendPage(view, 'applications', { title: t('revoke'), body: confirmBox(t, `${t('revokeCredential')} ${nameOf(found)}`, t('revokeCredentialExplain'), `/applications/${id}/credentials/${encodeURIComponent(found.id)}/revoke`, t('revoke'), `/applications/${id}`, found.version) })
      },
    },
    {
      method: 'POST', path: `${path}/:credential/revoke`, access: 'signed-in',
      handle: (exchange, { id, credential }) => act(exchange, id!, 'done', async (view, form) => {
        await need(view, id!, credential!)
        await consumers.credentials.revoke(credential!, toVersion(form), view.by)
      }),
    },
  ]
}
