import type { Key, KeyAlgorithm, KeyKind, KeyUse, NewKey } from '../../../control/contract.ts'
import { keyMaterialLimit } from '../../../vault/words/input-limits.ts'
import { algorithmsFor, isSigning, keyKinds } from '../../../vault/words/key-kinds.ts'
import { defined, toText } from '../../forms/form-values.ts'
import { createFormView, type Choice, type Fields, type FormProblem, type FormView } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import type { TextKey } from '../../texts.ts'
import { toTime } from '../../time.ts'
import type { PageRoute } from '../../web/router.ts'
import type { View } from '../consumers/view.ts'
import { drawScheduleFields, keyScheduleRoutes, sayDue, toSchedulePart } from './key-schedule.ts'
import { sayMaterialProblem } from './material-problem.ts'
import { button, nameBox, needName, problemsOf, toExpected, vaultAct, vaultPage, type Again, type VaultPage } from './vault-page.ts'

/** A key does one thing: what may be chosen. */
const uses = keyKinds.flatMap((kind) => algorithmsFor(kind).map((algorithm) => ({ kind, algorithm, signs: isSigning(algorithm) })))

const acts = { encrypt: 'keyEncrypts', decrypt: 'keyDecrypts', sign: 'keySigns', check: 'keyChecks' } as const satisfies Record<KeyUse['do'], TextKey>
const outcomes = {
  done: { text: 'useDone', kind: 'good' }, invalid: { text: 'useInvalid', kind: 'warn' }, disabled: { text: 'useDisabled', kind: 'bad' }, unfit: { text: 'useUnfit', kind: 'bad' }, failed: { text: 'useFailed', kind: 'bad' },
} as const satisfies Record<KeyUse['outcome'], { readonly text: TextKey; readonly kind: string }>

const at = (name: string) => `/vault/keys/${encodeURIComponent(name)}`

/** Keys by name, without their material. */
export function keyRoutes(options: PortalOptions): PageRoute[] {
  const { consumers, dataProtection } = options.control

  /** Forms are held to what the API is held to. */
  function checked<T extends { readonly name: string }>(input: T): T {
    consumers.check('VaultKeyCreate', input)
    return input
  }

  async function draw(view: View, again?: Again, of: 'made' | 'imported' = 'made'): Promise<VaultPage> {
    const { t, by } = view
    const keys = (await dataProtection.keys.list(by)).toSorted((a, b) => a.name.localeCompare(b.name))
    const writes = view.may('vault.write')
    const body = html`<h1>${t('vaultKeys')}</h1><p class="soft">${t('vaultKeysIntro')}</p>
${keys.length === 0 ? html`<p>${t('noVaultKeys')}</p>` : html`<div class="scroll card"><table><thead><tr><th scope="col">${t('name')}</th><th scope="col">${t('keyKind')}</th><th scope="col">${t('keySet')}</th><th scope="col">${t('keyVersions')}</th><th scope="col">${t('state')}</th>${writes && html`<th scope="col">${t('actions')}</th>`}</tr></thead><tbody>${keys.map((key) => toRow(key, view, writes))}</tbody></table></div>`}
${writes && html`<section class="card"><h2>${t('addVaultKey')}</h2>${drawForm(view, of === 'made' ? again : undefined)}</section>
<section class="card" id="import"><h2>${t('importKey')}</h2><p class="soft">${t('importKeyIntro')}</p>${drawImport(view, of === 'imported' ? again : undefined)}</section>`}`
    return { title: t('vaultKeys'), body, told: again !== undefined }
  }

  async function drawUses({ t, by, exchange }: View, name: string): Promise<VaultPage> {
    const uses = await dataProtection.keys.uses(name, 500, by)
    const title = `${t('keyUses')}: ${name}`
    const body = html`<p><a href="/vault/keys">${t('vaultKeys')}</a></p><h1>${title}</h1><p class="soft">${t('keyUsesIntro')}</p>
${uses.length === 0 ? html`<p>${t('noKeyUses')}</p>` : html`<div class="scroll card"><table class="log"><thead><tr><th scope="col">${t('hour')}</th><th scope="col">${t('usesCount')}</th><th scope="col">${t('keyActs')}</th><th scope="col">${t('outcome')}</th><th scope="col">${t('keyVersions')}</th><th scope="col">${t('application')}</th><th scope="col">${t('flow')}</th></tr></thead><tbody>${uses.map((one) => html`<tr><th scope="row">${toTime(one.hour, exchange.language)}</th><td>${one.count}</td><td>${t(acts[one.do])}</td><td><span class="tag ${outcomes[one.outcome].kind}">${t(outcomes[one.outcome].text)}</span></td><td>${one.version ?? '–'}</td>
<td>${one.client === null ? html`<span class="soft">${t('nobodyProven')}</span>` : html`<a href="/applications/${encodeURIComponent(one.client)}">${one.client}</a>`}</td><td><code>${one.flow}</code></td></tr>`)}</tbody></table></div>`}`
    return { title, body }
  }

  async function drawDisable({ t, by }: View, name: string, again?: Again): Promise<VaultPage> {
    const wrong = again?.refused.code === 'vault.confirm'
    const { revision } = await dataProtection.keys.get(name, by)
    return { title: t('disable'), told: wrong, body: nameBox(t, { title: `${t('disable')}: ${name}`, text: t('disableKeyExplain'), name, action: `${at(name)}/disable`, button: t('disable'), back: '/vault/keys', wrong, revision }) }
  }

  return [
    { method: 'GET', path: '/vault/keys', access: 'signed-in', handle: vaultPage(consumers, 'vaultKeys', (view) => draw(view)) },
    {
      method: 'POST', path: '/vault/keys', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultKeys', async ({ by }, form) => {
        const { name, ...part } = checked({ ...toInput(form), ...toSchedulePart(form) })
        await dataProtection.keys.create(name, part, by)
        return '/vault/keys?said=keyMade'
      }, (view, _params, again) => draw(view, again)),
    },
    {
      method: 'POST', path: '/vault/keys/import', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultKeys', async ({ by }, form) => {
        const { name, ...part } = checked({ ...toInput(form), material: form.get('material')?.trim() ?? '' })
        await dataProtection.keys.create(name, part, by)
        return '/vault/keys?said=keyImported'
      }, (view, _params, again) => draw(view, again, 'imported')),
    },
    {
      method: 'POST', path: '/vault/keys/:name/rotate', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultKeys', async ({ by }, form, { name }) => {
        await dataProtection.keys.rotate(name!, by, toExpected(form))
        return '/vault/keys?said=vaultChanged'
      }, (view) => draw(view)),
    },
    ...keyScheduleRoutes(options),
    { method: 'GET', path: '/vault/keys/:name/uses', access: 'signed-in', handle: vaultPage(consumers, 'vaultKeys', (view, { name }) => drawUses(view, name!)) },
    { method: 'GET', path: '/vault/keys/:name/disable', access: 'signed-in', handle: vaultPage(consumers, 'vaultKeys', (view, { name }) => drawDisable(view, name!)) },
    {
      method: 'POST', path: '/vault/keys/:name/disable', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultKeys', async ({ by }, form, { name }) => {
        needName(form, name!)
        await dataProtection.keys.setState(name!, 'disabled', undefined, by, toExpected(form))
        return '/vault/keys?said=vaultChanged'
      }, (view, { name }, again) => drawDisable(view, name!, again)),
    },
    {
      method: 'POST', path: '/vault/keys/:name/enable', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultKeys', async ({ by }, form, { name }) => {
        await dataProtection.keys.setState(name!, 'active', undefined, by, toExpected(form))
        return '/vault/keys?said=vaultChanged'
      }, (view) => draw(view)),
    },
  ]
}

function drawForm(view: View, again: Again | undefined): Html {
  const { t } = view
  const form = createFormView(again?.fields ?? new URLSearchParams(), placed(again, t), t('optional'))
  const drawn = html`${drawNames(form, view, [])}${drawScheduleFields(form, view)}`
  return html`<form method="post" action="/vault/keys" class="record">${form.summary(t('checkFields'))}${drawn}<p><button class="primary">${t('addVaultKey')}</button></p></form>`
}

/** What was pasted is never put into a page, not even when it was refused. */
function drawImport(view: View, again: Again | undefined): Html {
  const { t } = view
  const kept = new URLSearchParams(['name', 'set', 'use'].map((name): [string, string] => [name, again?.fields.get(name) ?? '']))
  const problems = placed(again, t)
  const form = createFormView(kept, problems.filter(({ at: place }) => place !== 'material'), t('optional'), 'i')
  const wrong = problems.filter(({ at: place }) => place === 'material')
  const drawn = html`${drawNames(form, view, [{ value: '', text: t('kindAsMaterial') }])}
<div class="field"><label for="i-material">${t('keyMaterial')}</label><textarea id="i-material" name="material" class="code" rows="7" required maxlength="${keyMaterialLimit}" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="i-material-hint${wrong.length > 0 && ' i-material-error'}"${wrong.length > 0 && html` aria-invalid="true"`}></textarea>
<p class="hint" id="i-material-hint">${t('keyMaterialHint')}</p>${wrong.length > 0 && html`<p class="error" id="i-material-error">${wrong.map(({ text }) => text).join(' ')}</p>`}</div>
<div class="field"><label for="i-file">${t('certificateFile')} <span class="soft">(${t('optional')})</span></label><input id="i-file" type="file" accept=".pem,.key,.jwk,.json" data-into="i-material"></div>`
  const summary = form.summary(t('checkFields')) ?? (wrong.length > 0 && html`<div class="notice bad" role="alert"><p>${t('checkFields')}</p><ul><li><a href="#i-material">${t('keyMaterial')}</a>: ${wrong.map(({ text }) => text).join(' ')}</li></ul></div>`)
  return html`<form method="post" action="/vault/keys/import#import" class="record" autocomplete="off">${summary}${drawn}<p><button class="primary">${t('importKey')}</button></p></form>`
}

/** What the key is called, and what it is for: `first`, or one of the uses there are. */
function drawNames(form: FormView, { t }: View, first: readonly Choice[]): Html {
  const choices = [...first, ...uses.map(({ kind, algorithm, signs }) => ({ value: `${kind} ${algorithm}`, text: `${kind}, ${algorithm} (${t(signs ? 'usesSign' : 'usesEncrypt')})` }))]
  return html`<div class="pair">${form.input('name', t('name'), { required: true, hint: t('domainNameHint'), maxLength: 64 })}${form.input('set', t('keySet'), { hint: t('keySetHint'), maxLength: 64 })}</div>
${form.select('use', t('keyKind'), choices)}`
}

const places: Readonly<Record<string, string>> = { 'key.material': 'material', 'key.kind': 'use', 'key.algorithm': 'use', 'key.set': 'set', 'key.name': 'name', 'key.exists': 'name' }

/** What was refused, beside the field that it is about. */
function placed(again: Again | undefined, t: View['t']): readonly FormProblem[] {
  if (!again) return []
  const { code, message } = again.refused
  const material = code === 'key.material' || code === 'key.kind' ? sayMaterialProblem(message, t) : undefined
  return problemsOf(again, t).map((problem) => ({ at: problem.at === 'kind' || problem.at === 'algorithm' ? 'use' : problem.at || (places[code] ?? ''), text: material ?? problem.text }))
}

function toInput(form: Fields): { readonly name: string } & NewKey {
  const [kind, algorithm] = (form.get('use') ?? '').split(' ')
  return { name: form.get('name')?.trim() ?? '', ...defined({ kind: (kind || undefined) as KeyKind | undefined, algorithm: (algorithm || undefined) as KeyAlgorithm | undefined, set: toText(form, 'set') }) }
}

function toRow(key: Key, view: View, writes: boolean): Html {
  const { name, kind, algorithm, set, state, current, versions, revision } = key
  const { t, exchange } = view
  const sayVersion = ({ version, createdAt, state: its, made, offAt }: Key['versions'][number]) => html`<li>${version} · ${toTime(createdAt, exchange.language)}${made && html` <span class="soft">${t(made === 'import' ? 'madeElsewhere' : 'madeBySchedule')}</span>`}${its === 'disabled' && html` <span class="tag bad">${t('disabled')}</span>`}${offAt && html` <span class="soft">${t('keyOffAt')}: ${toTime(offAt, exchange.language)}</span>`}</li>`
  const links = html`<a href="${at(name)}/uses" aria-label="${t('keyUses')}: ${name}">${t('keyUses')}</a>${writes && html` · <a href="${at(name)}/schedule" aria-label="${t('keySchedule')}: ${name}">${t('keySchedule')}</a>`}`
  return html`<tr><th scope="row">${name}<br>${links}</th><td><code>${kind}</code><br><span class="soft">${algorithm}</span></td><td>${set && html`<code>${set}</code>`}</td>
<td><details><summary>${versions.length} <span class="soft">(${t('currentVersion')}: ${current})</span></summary><ul>${versions.map(sayVersion)}</ul></details>${sayDue(key, view)}</td>
<td><span class="tag ${state === 'active' ? 'good' : 'bad'}">${t(state === 'active' ? 'enabled' : 'disabled')}</span></td>
${writes && html`<td><div class="row">${state === 'active' ? html`${button(`${at(name)}/rotate`, t('rotate'), name, '', { revision: String(revision) })}<a class="button danger" href="${at(name)}/disable" aria-label="${t('disable')}: ${name}">${t('disable')}</a>` : button(`${at(name)}/enable`, t('enable'), name, '', { revision: String(revision) })}</div></td>`}</tr>`
}
