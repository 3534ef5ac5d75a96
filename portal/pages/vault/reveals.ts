import { say, type Reveal, type RevealVerdict } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import type { TextKey } from '../../texts.ts'
import { toTime } from '../../time.ts'
import { toActor } from '../../web/exchange.ts'
import { sendPieces } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { toPager } from '../consumers/record-pages.ts'
import type { View } from '../consumers/view.ts'
import { vaultPage, type VaultPage } from './vault-page.ts'

const outcomes: Readonly<Record<Reveal['outcome'], { readonly text: TextKey; readonly kind: string }>> = {
  revealed: { text: 'revealed', kind: 'good' }, denied: { text: 'revealDenied', kind: 'bad' }, unknown: { text: 'revealUnknown', kind: 'warn' }, expired: { text: 'revealExpired', kind: 'warn' },
  same: { text: 'comparedSame', kind: 'good' }, different: { text: 'comparedDifferent', kind: 'warn' }, 'too-many': { text: 'comparedTooMany', kind: 'bad' },
}

/** Who saw what, and who was refused. */
export function revealRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers, dataProtection } = control

  function filtersOf(searchParams: URLSearchParams): { readonly domain?: string; readonly client?: string } {
    return Object.fromEntries((['domain', 'client'] as const).map((name) => [name, searchParams.get(name)?.trim()]).filter(([, value]) => value))
  }

  async function draw(view: View, verify: boolean): Promise<VaultPage> {
    const { t, by, exchange } = view
    const { searchParams } = exchange.url
    const filters = filtersOf(searchParams)
    const cursor = searchParams.get('cursor')
    const [page, verdict] = await Promise.all([dataProtection.reveals.list({ ...filters, ...(cursor === null ? {} : { cursor }) }, by), verify ? dataProtection.reveals.verify(by) : undefined])
    const field = (name: 'domain' | 'client', label: string) => html`<label>${label}<input name="${name}" value="${searchParams.get(name) ?? ''}" autocapitalize="none" spellcheck="false"></label>`
    const body = html`<div class="head"><h1>${t('reveals')}</h1><div class="row"><a class="button" href="/vault/reveals.csv?${new URLSearchParams(filters).toString()}" download>${t('downloadCsv')}</a><form method="post" action="/vault/reveals/verify"><button class="primary">${t('verify')}</button></form></div></div>
<p class="soft">${t('revealsIntro')}</p>
<form method="get" action="/vault/reveals" role="search" class="row filters">${field('domain', t('domain'))}${field('client', t('application'))}<button>${t('show')}</button></form>
${page.items.length === 0 ? html`<p>${t('noReveals')}</p>` : html`<div class="scroll card"><table class="log" aria-label="${t('reveals')}"><thead><tr><th scope="col">${t('number')}</th><th scope="col">${t('when')}</th><th scope="col">${t('outcome')}</th><th scope="col">${t('application')}</th><th scope="col">${t('domain')}</th><th scope="col">${t('purpose')}</th><th scope="col">${t('tokenHash')}</th><th scope="col">${t('runId')}</th></tr></thead><tbody>${page.items.map((one) => toRow(one, view))}</tbody></table></div>`}
${toPager(exchange.url, page.next, t)}`
    return { title: t('reveals'), body, ...(verdict ? { notice: toNotice(verdict, view) } : {}) }
  }

  return [
    { method: 'GET', path: '/vault/reveals', access: 'signed-in', handle: vaultPage(consumers, 'reveals', (view) => draw(view, false)) },
    { method: 'POST', path: '/vault/reveals/verify', access: 'signed-in', handle: vaultPage(consumers, 'reveals', (view) => draw(view, true)) },
    {
      method: 'GET', path: '/vault/reveals.csv', access: 'signed-in',
      async handle(exchange) {
        const pieces = await dataProtection.reveals.csv(filtersOf(exchange.url.searchParams), toActor(exchange))
        exchange.response.setHeader('content-disposition', 'attachment; filename="reveals.csv"')
        await sendPieces(exchange.response, 200, 'text/csv; charset=utf-8', pieces)
      },
    },
  ]
}

function toRow(one: Reveal, { t, exchange }: View): Html {
  const { text, kind } = outcomes[one.outcome]
  return html`<tr><th scope="row">${one.number}</th><td>${toTime(one.at, exchange.language)}</td><td><span class="tag ${kind}">${t(text)}</span></td>
<td>${one.client === null ? html`<span class="soft">${t('nobodyProven')}</span>` : html`<a href="/applications/${encodeURIComponent(one.client)}">${one.client}</a>`}</td><td><a href="/vault/reveals?domain=${encodeURIComponent(one.domain)}">${one.domain}</a></td><td><code>${one.purpose}</code></td>
<td><code title="${one.token}">${one.token.slice(0, 10)}…</code></td><td><code>${one.run}</code><br><span class="soft">${one.flow} · ${one.node}</span></td></tr>`
}

function toNotice({ ok, entries, number = 0, reason = '', code, facts = {} }: RevealVerdict, { t, exchange }: View) {
  return ok
    ? { kind: 'good' as const, text: fill(t('revealsGood'), { entries }) }
    : { kind: 'bad' as const, text: fill(t('revealsBad'), { number, reason: code === undefined ? reason : say({ code, facts }, exchange.language), entries }) }
}
