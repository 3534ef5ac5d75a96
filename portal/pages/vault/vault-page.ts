import { Refused, type Consumers, type Expected } from '../../../control/contract.ts'
import type { Fields, FormProblem } from '../../forms/form-view.ts'
import { html, type Html } from '../../html.ts'
import { layout, type Page } from '../../layout.ts'
import { sayRefusal, toFormProblems } from '../../refusals.ts'
import type { TextKey } from '../../texts.ts'
import { readForm } from '../../web/body.ts'
import type { Handler, Params } from '../../web/exchange.ts'
import { redirect, sendHtml, toRefused } from '../../web/reply.ts'
import { openView, type T, type View } from '../consumers/view.ts'

const tabs: readonly { readonly key: TextKey; readonly href: string; readonly right: 'vault.read' | 'reveals.read' }[] = [
  { key: 'vaultOverview', href: '/vault', right: 'vault.read' },
  { key: 'domains', href: '/vault/domains', right: 'vault.read' },
  { key: 'grants', href: '/vault/grants', right: 'vault.read' },
  { key: 'vaultKeys', href: '/vault/keys', right: 'vault.read' },
  { key: 'certificates', href: '/vault/certificates', right: 'vault.read' },
  { key: 'secrets', href: '/vault/secrets', right: 'vault.read' },
  { key: 'reveals', href: '/vault/reveals', right: 'reveals.read' },
  { key: 'dataFlows', href: '/data-flows', right: 'vault.read' },
]

const said: ReadonlySet<string> = new Set<TextKey>(['vaultChanged', 'grantAdded', 'grantAsked', 'grantGone', 'keyMade', 'keyImported', 'secretSaved'])

/** What a form that was refused is shown again with. */
export interface Again {
  readonly fields: Fields
  readonly refused: Refused
}

export interface VaultPage extends Page {
  readonly status?: number
  /** What was refused stands in it already. */
  readonly told?: boolean
}

/** Sends a page below the row of tabs of data protection. */
export function sendVaultPage(view: View, tab: TextKey, page: VaultPage): void {
  const { exchange, t, may } = view
  const told = exchange.method === 'GET' ? exchange.url.searchParams.get('said') : null
  const body = html`<nav class="tabs" aria-label="${t('dataProtectionMenu')}"><ul>${tabs
    .filter(({ right }) => may(right))
    .map(({ key, href }) => html`<li><a href="${href}"${key === tab && html` aria-current="page"`}>${t(key)}</a></li>`)}</ul></nav>
${page.body}`
  sendHtml(exchange.response, page.status ?? 200, layout(exchange, {
    ...(told !== null && said.has(told) ? { notice: { kind: 'good' as const, text: t(told as TextKey) } } : {}), ...page, section: 'dataProtection', body,
  }))
}

/** A page of the vault; one that is away is said in its place, with what to do. */
export function vaultPage(consumers: Consumers, tab: TextKey, draw: (view: View, params: Params, again?: Again) => Promise<VaultPage>): Handler {
  return async (exchange, params) => {
    const view = await openView(exchange, consumers)
    try {
      sendVaultPage(view, tab, await draw(view, params))
    } catch (thrown) {
      if (!sendAway(view, tab, toRefused(thrown))) throw thrown
    }
  }
}

/**
 * Does what a form asks for and goes where `run` says; `undefined`: it has answered. What was refused is said on the page that
 * `draw` makes, with what stood in the form.
 */
export function vaultAct(
  consumers: Consumers, tab: TextKey, run: (view: View, form: Fields, params: Params) => Promise<string | undefined>, draw: (view: View, params: Params, again: Again) => Promise<VaultPage>,
): Handler {
  return async (exchange, params) => {
    const view = await openView(exchange, consumers)
    const form = await readForm(exchange.request, 512 * 1024)
    try {
      const to = await run(view, form, params)
      if (to !== undefined) redirect(exchange.response, to)
    } catch (thrown) {
      const refused = toRefused(thrown)
      if (sendAway(view, tab, refused)) return
      if (refused.status >= 500 || refused.status === 403) throw thrown
      const page = await draw(view, params, { fields: form, refused })
      sendVaultPage(view, tab, { ...(page.told ? {} : { notice: { kind: 'bad', text: sayRefusal(refused, view.t) } }), ...page, status: refused.status })
    }
  }
}

function sendAway(view: View, tab: TextKey, refused: Refused): boolean {
  if (refused.code !== 'vault.unavailable' && refused.code !== 'vault.none') return false
  const { t, exchange } = view
  const none = refused.code === 'vault.none'
  const body = html`<section class="card narrow"><h1>${t(none ? 'vaultNone' : 'vaultAway')}</h1>
<p>${exchange.language === 'en' && !none ? refused.message : sayRefusal(refused, t)}</p><p>${t(none ? 'vaultNoneHint' : 'vaultAwayHint')}</p>
<p><a class="button primary" href="${exchange.method === 'GET' ? exchange.url.pathname + exchange.url.search : '/vault'}">${t('lookAgain')}</a></p></section>`
  sendVaultPage(view, tab, { title: t(none ? 'vaultNone' : 'vaultAway'), body, status: 503 })
  return true
}

/** What was refused, place by place. */
export function problemsOf({ refused }: Again, t: T): readonly FormProblem[] {
  return refused.problems.length > 0 ? toFormProblems(refused.problems, t) : [{ at: '', text: sayRefusal(refused, t) }]
}

/** Asks for the name before something that cannot be taken back. */
export function nameBox(t: T, about: { readonly title: string; readonly text: string; readonly name: string; readonly action: string; readonly button: string; readonly back: string; readonly wrong?: boolean; readonly revision?: number }): Html {
  const { title, text, name, action, button, back, wrong, revision } = about
  return html`<section class="card narrow"><h1>${title}</h1><p>${text}</p>
<form method="post" action="${action}" class="record">${revisionField(revision)}<div class="field"><label for="confirm">${t('typeName')}: <code>${name}</code></label>
<input id="confirm" name="confirm" required autocomplete="off" autocapitalize="none" spellcheck="false"${wrong && html` aria-invalid="true" aria-describedby="confirm-error"`}>
${wrong && html`<p class="error" id="confirm-error">${t('wrongName')}</p>`}</div>
<p class="row"><button class="danger">${button}</button><a class="button" href="${back}">${t('cancel')}</a></p></form></section>`
}

/** @throws Refused when the name that was typed is not the one */
export function needName(form: Fields, name: string): void {
  if (form.get('confirm')?.trim() !== name) throw new Refused('vault.confirm', 422, 'The name does not match. Nothing was done.')
}

/** The revision that a form was drawn from goes back with it. */
export function revisionField(revision: number | undefined): Html | undefined {
  return revision === undefined ? undefined : html`<input type="hidden" name="revision" value="${revision}">`
}

/** Which revision a form was drawn from; a form that names none means whichever there is. */
export function toExpected(form: Fields): Expected {
  const text = form.get('revision') ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** The same of a form that puts something in the place of what is there: without one nothing is replaced. @throws Refused `record.stale` */
export function needRevision(form: Fields): number {
  const expected = toExpected(form)
  if (typeof expected !== 'number') throw new Refused('record.stale', 412, 'The form does not say what it was drawn from. Open it again.')
  return expected
}

/** A small form that is one button. */
export function button(action: string, text: string, label: string, kind = '', hidden: Readonly<Record<string, string>> = {}): Html {
  return html`<form method="post" action="${action}">${Object.entries(hidden).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}<button${kind && html` class="${kind}"`} aria-label="${text}: ${label}">${text}</button></form>`
}
