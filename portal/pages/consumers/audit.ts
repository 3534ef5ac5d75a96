import { say, type AuditQuery, type AuditRecord, type AuditVerdict } from '../../../control/contract.ts'
import { fill } from '../../../runtime/core/saying.ts'
import { html, type Html } from '../../html.ts'
import type { PortalOptions } from '../../portal.ts'
import { toTime } from '../../time.ts'
import type { Exchange } from '../../web/exchange.ts'
import type { PageRoute } from '../../web/router.ts'
import { toPager } from './record-pages.ts'
import { openView, sendPage, type View } from './view.ts'

/** The audit log: search, what changed, and whether it is whole. */
export function auditRoutes({ control }: PortalOptions): PageRoute[] {
  const { consumers } = control

  async function show(exchange: Exchange, verify: boolean): Promise<void> {
    const view = await openView(exchange, consumers)
    const { t, by } = view
    const { searchParams } = exchange.url
    const names = ['subject', 'user', 'action', 'organisation', 'cursor'] as const
    const query: AuditQuery = { limit: 50, ...Object.fromEntries(names.map((name) => [name, searchParams.get(name)?.trim()]).filter(([, value]) => value)) }
    const [page, verdict] = await Promise.all([consumers.audit.list(query, by), verify ? consumers.audit.verify(by) : undefined])
    const field = (name: 'subject' | 'user' | 'action' | 'organisation', label: string, hint = '') => html`<label>${label}<input name="${name}" value="${searchParams.get(name) ?? ''}" placeholder="${hint}" autocapitalize="none" spellcheck="false"></label>`
    const body = html`<div class="head"><h1>${t('audit')}</h1><form method="post" action="/audit/verify"><button class="primary">${t('verify')}</button></form></div>
<p class="soft">${t('auditIntro')}</p>
<form method="get" action="/audit" role="search" class="row filters">${field('subject', t('record'), t('recordHint'))}${field('user', t('who'))}${field('action', t('action'))}${field('organisation', t('organisation'))}<button>${t('show')}</button></form>
${page.items.length === 0
  ? html`<p>${t('nothingFound')}</p>`
  : html`<div class="scroll card"><table class="log" aria-label="${t('audit')}"><thead><tr><th scope="col">${t('number')}</th><th scope="col">${t('when')}</th><th scope="col">${t('who')}</th><th scope="col">${t('action')}</th><th scope="col">${t('record')}</th></tr></thead>
<tbody>${page.items.map((one) => toRow(one, view))}</tbody></table></div>`}
${toPager(exchange.url, page.next, t)}`
    sendPage(view, 'audit', { title: t('audit'), body, ...(verdict ? { notice: toNotice(verdict, view) } : {}) })
  }

  return [
    { method: 'GET', path: '/audit', access: 'signed-in', handle: (exchange) => show(exchange, false) },
    { method: 'POST', path: '/audit/verify', access: 'signed-in', handle: (exchange) => show(exchange, true) },
  ]
}

function toNotice(verdict: AuditVerdict, { t, exchange }: View) {
  return verdict.ok
    ? { kind: 'good' as const, text: [fill(t('verifyGood'), { entries: verdict.entries, head: verdict.head.slice(0, 16) }), ...(verdict.anchored === undefined ? [] : [fill(t('verifyAnchored'), { anchored: verdict.anchored })])].join(' ') }
    : { kind: 'bad' as const, text: fill(t('verifyBad'), { number: verdict.number, reason: say(verdict, exchange.language), entries: verdict.entries }) }
}

function toRow(one: AuditRecord, { t, exchange }: View): Html {
  const lines = toChanges(one)
  return html`<tr${lines.length > 0 && html` class="what-first"`}><th scope="row">${one.number}<br><code class="soft" title="${one.hash}">${one.hash.slice(0, 8)}</code></th><td>${toTime(one.at, exchange.language)}</td><td>${one.user}${one.from && html`<br><span class="soft">${one.from}</span>`}</td>
<td><code>${one.action}</code></td><td>${one.subject && html`<a href="/audit?subject=${encodeURIComponent(one.subject)}">${one.subject}</a>`}${one.organisation && html`<br><span class="soft">${one.organisation}</span>`}</td></tr>
${lines.length > 0 && html`<tr class="what"><td></td><td colspan="4"><details><summary>${t('whatChanged')} (${lines.length})</summary><ul>${lines.map(({ name, before, after }) => html`<li><code>${name}</code>: ${before !== undefined && html`<del class="before">${before}</del> → `}${after === undefined ? '—' : html`<ins class="after">${after}</ins>`}</li>`)}</ul></details></td></tr>`}`
}

/** Fields that every write changes; the row says them already. */
const housekeeping: ReadonlySet<string> = new Set(['version', 'updatedAt', 'updatedBy', 'createdAt', 'createdBy'])

/** Fields that differ between before and after, then what else was noted. */
function toChanges({ before, after, detail }: AuditRecord): { readonly name: string; readonly before: string | undefined; readonly after: string | undefined }[] {
  const old = asRecord(before)
  const now = asRecord(after)
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => !housekeeping.has(name) && JSON.stringify(old[name]) !== JSON.stringify(now[name]))
  return [...names.map((name) => ({ name, before: toText(old[name]), after: toText(now[name]) })), ...Object.entries(detail).map(([name, value]) => ({ name, before: undefined, after: toText(value) }))]
}

function toText(value: unknown): string | undefined {
  return value === undefined || typeof value === 'string' ? value : JSON.stringify(value)
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
