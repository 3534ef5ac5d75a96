import type { Key, KeyAlgorithm, KeyKind, KeyUse } from '../../../control/contract.ts'
import { defined, toText } from '../../forms/form-values.ts'
import { createFormView } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import type { TextKey } from '../../texts.ts'
import { toTime } from '../../time.ts'
import type { PageRoute } from '../../web/router.ts'
import type { View } from '../consumers/view.ts'
import { button, nameBox, needName, problemsOf, vaultAct, vaultPage, type Again, type VaultPage } from './vault-page.ts'

type Use = readonly [KeyKind, KeyAlgorithm, 'usesSign' | 'usesEncrypt']

/** A key does one thing: what may be chosen. */
const uses: readonly Use[] = [
  ['aes-256', 'A256GCM', 'usesEncrypt'], ['hmac-256', 'HS256', 'usesSign'], ['ed25519', 'EdDSA', 'usesSign'], ['ec-p256', 'ES256', 'usesSign'], ['ec-p384', 'ES384', 'usesSign'],
  ...(['rsa-2048', 'rsa-3072', 'rsa-4096'] as const).flatMap((kind): Use[] => [[kind, 'PS256', 'usesSign'], [kind, 'RS256', 'usesSign']]),
  ...(['rsa-2048', 'rsa-3072', 'rsa-4096'] as const).map((kind): Use => [kind, 'RSA-OAEP-256', 'usesEncrypt']),
  ['x25519', 'ECDH-ES+A256KW', 'usesEncrypt'], ['ec-p256', 'ECDH-ES+A256KW', 'usesEncrypt'], ['ec-p384', 'ECDH-ES+A256KW', 'usesEncrypt'],
]

const acts = { encrypt: 'keyEncrypts', decrypt: 'keyDecrypts', sign: 'keySigns', check: 'keyChecks' } as const satisfies Record<KeyUse['do'], TextKey>
const outcomes = {
  done: { text: 'useDone', kind: 'good' }, invalid: { text: 'useInvalid', kind: 'warn' }, disabled: { text: 'useDisabled', kind: 'bad' }, unfit: { text: 'useUnfit', kind: 'bad' }, failed: { text: 'useFailed', kind: 'bad' },
} as const satisfies Record<KeyUse['outcome'], { readonly text: TextKey; readonly kind: string }>

const at = (name: string) => `/vault/keys/${encodeURIComponent(name)}`

/** Keys by name, without their material. */
export function keyRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, dataProtection } = control

  async function draw(view: View, again?: Again): Promise<VaultPage> {
    const { t, by } = view
    const keys = (await dataProtection.keys.list(by)).toSorted((a, b) => a.name.localeCompare(b.name))
    const writes = view.may('vault.write')
    const body = html`<h1>${t('vaultKeys')}</h1><p class="soft">${t('vaultKeysIntro')}</p>
${keys.length === 0 ? html`<p>${t('noVaultKeys')}</p>` : html`<div class="scroll card"><table><thead><tr><th scope="col">${t('name')}</th><th scope="col">${t('keyKind')}</th><th scope="col">${t('keySet')}</th><th scope="col">${t('keyVersions')}</th><th scope="col">${t('state')}</th>${writes && html`<th scope="col">${t('actions')}</th>`}</tr></thead><tbody>${keys.map((key) => toRow(key, view, writes))}</tbody></table></div>`}
${writes && html`<section class="card"><h2>${t('addVaultKey')}</h2>${drawForm(view, again)}</section>`}`
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

  async function drawDisable({ t }: View, name: string, again?: Again): Promise<VaultPage> {
    const wrong = again?.refused.code === 'vault.confirm'
    return { title: t('disable'), told: wrong, body: nameBox(t, { title: `${t('disable')}: ${name}`, text: t('disableKeyExplain'), name, action: `${at(name)}/disable`, button: t('disable'), back: '/vault/keys', wrong }) }
  }

  return [
    { method: 'GET', path: '/vault/keys', access: 'signed-in', handle: vaultPage(consumers, 'vaultKeys', (view) => draw(view)) },
    {
      method: 'POST', path: '/vault/keys', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultKeys', async ({ by }, form) => {
        const [kind, algorithm] = (form.get('use') ?? '').split(' ')
        const input = { name: form.get('name')?.trim() ?? '', kind: kind as KeyKind, algorithm: algorithm as KeyAlgorithm, ...defined({ set: toText(form, 'set') }) }
        consumers.check('VaultKeyCreate', input)
        const { name, ...part } = input
        await dataProtection.keys.create(name, part, by)
        return '/vault/keys?said=keyMade'
      }, (view, _params, again) => draw(view, again)),
    },
    {
      method: 'POST', path: '/vault/keys/:name/rotate', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultKeys', async ({ by }, _form, { name }) => {
        await dataProtection.keys.rotate(name!, by)
        return '/vault/keys?said=vaultChanged'
      }, (view) => draw(view)),
    },
    { method: 'GET', path: '/vault/keys/:name/uses', access: 'signed-in', handle: vaultPage(consumers, 'vaultKeys', (view, { name }) => drawUses(view, name!)) },
    { method: 'GET', path: '/vault/keys/:name/disable', access: 'signed-in', handle: vaultPage(consumers, 'vaultKeys', (view, { name }) => drawDisable(view, name!)) },
    {
      method: 'POST', path: '/vault/keys/:name/disable', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultKeys', async ({ by }, form, { name }) => {
        needName(form, name!)
        await dataProtection.keys.setState(name!, 'disabled', undefined, by)
        return '/vault/keys?said=vaultChanged'
      }, (view, { name }, again) => drawDisable(view, name!, again)),
    },
    {
      method: 'POST', path: '/vault/keys/:name/enable', access: 'signed-in',
      handle: vaultAct(consumers, 'vaultKeys', async ({ by }, _form, { name }) => {
        await dataProtection.keys.setState(name!, 'active', undefined, by)
        return '/vault/keys?said=vaultChanged'
      }, (view) => draw(view)),
    },
  ]
}

function drawForm({ t }: View, again: Again | undefined): Html {
  const form = createFormView(again?.fields ?? new URLSearchParams(), again ? problemsOf(again, t) : [], t('optional'))
  const drawn = html`<div class="pair">${form.input('name', t('name'), { required: true, hint: t('domainNameHint'), maxLength: 64 })}${form.select('use', t('keyKind'), uses.map(([kind, algorithm, use]) => ({ value: `${kind} ${algorithm}`, text: `${kind}, ${algorithm} (${t(use)})` })))}${form.input('set', t('keySet'), { hint: t('keySetHint'), maxLength: 64 })}</div>`
  return html`<form method="post" action="/vault/keys" class="record">${form.summary(t('checkFields'))}${drawn}<p><button class="primary">${t('addVaultKey')}</button></p></form>`
}

function toRow({ name, kind, algorithm, set, state, current, versions }: Key, { t, exchange }: View, writes: boolean): Html {
  return html`<tr><th scope="row">${name}<br><a href="${at(name)}/uses" aria-label="${t('keyUses')}: ${name}">${t('keyUses')}</a></th><td><code>${kind}</code><br><span class="soft">${algorithm}</span></td><td>${set && html`<code>${set}</code>`}</td>
<td><details><summary>${versions.length} <span class="soft">(${t('currentVersion')}: ${current})</span></summary><ul>${versions.map((one) => html`<li>${one.version} · ${toTime(one.createdAt, exchange.language)}${one.state === 'disabled' && html` <span class="tag bad">${t('disabled')}</span>`}</li>`)}</ul></details></td>
<td><span class="tag ${state === 'active' ? 'good' : 'bad'}">${t(state === 'active' ? 'enabled' : 'disabled')}</span></td>
${writes && html`<td><div class="row">${state === 'active' ? html`${button(`${at(name)}/rotate`, t('rotate'), name)}<a class="button danger" href="${at(name)}/disable" aria-label="${t('disable')}: ${name}">${t('disable')}</a>` : button(`${at(name)}/enable`, t('enable'), name)}</div></td>`}</tr>`
}
