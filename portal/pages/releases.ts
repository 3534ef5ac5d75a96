import { Refused, type CalledFlow, type DeployResult, type ReleaseInfo } from '../../control/contract.ts'
import { compareEstates, type FlowDifference } from '../diff/compare.ts'
import { drawFlow } from '../diff/draw.ts'
import { html, type Html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import { translator, type TextKey } from '../texts.ts'
import { toTime } from '../time.ts'
import { readForm } from '../web/body.ts'
import { toActor, type Exchange } from '../web/exchange.ts'
import { redirect, sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'

type T = (key: TextKey) => string
const pageSize = 30

/** Release history: who deployed what when, how it differs, and the way back. */
export function releaseRoutes({ control }: PortalOptions): PageRoute[] {
  return [
    { method: 'GET', path: '/releases', access: 'viewer', handle: showList },
    { method: 'GET', path: '/releases/:id', access: 'viewer', handle: (exchange, { id }) => showOne(exchange, toId(id)) },
    { method: 'GET', path: '/releases/:id/rollback', access: 'viewer', handle: (exchange, { id }) => askRollback(exchange, toId(id)) },
    { method: 'POST', path: '/releases/:id/rollback', access: 'viewer', handle: (exchange, { id }) => rollback(exchange, toId(id)) },
  ]

  async function showList(exchange: Exchange): Promise<void> {
    const t = translator(exchange.language)
    const before = Number(exchange.url.searchParams.get('before')) || undefined
    const releases = await control.releases.list({ limit: pageSize, ...(before ? { before } : {}) })
    const mayRollback = exchange.flows?.mayWrite() === true
    const body = html`<h1>${t('releases')}</h1>
<p><a href="/data-flows">${t('dataFlows')}</a></p>
${releases.length === 0
  ? html`<p>${t('noRelease')}</p>`
  : html`<div class="scroll"><table aria-label="${t('releases')}"><thead><tr><th scope="col">${t('release')}</th><th scope="col">${t('when')}</th><th scope="col">${t('who')}</th><th scope="col">${t('changes')}</th><th scope="col">${t('comment')}</th><th scope="col">${t('actions')}</th></tr></thead>
<tbody>${releases.map((release) => html`<tr>
<th scope="row"><a href="/releases/${release.id}">${release.id}</a>${release.current && html` <span class="tag good">${t('current')}</span>`}</th>
<td>${toTime(release.createdAt, exchange.language)}</td><td>${release.user}</td><td>${toChanges(release, t)}</td>
<td>${release.comment}${release.rollbackOf !== undefined && html` <span class="soft">${t('rollbackOf')} <a href="/releases/${release.rollbackOf}">${release.rollbackOf}</a></span>`}</td>
<td><a href="/releases/${release.id}">${t('details')}</a>${mayRollback && !release.current && html` · <a href="/releases/${release.id}/rollback">${t('rollback')}</a>`}</td></tr>`)}</tbody></table></div>
${releases.length === pageSize && html`<p><a class="button" href="/releases?before=${releases.at(-1)!.id}">${t('older')}</a></p>`}`}`
    sendHtml(exchange.response, 200, layout(exchange, { title: t('releases'), section: 'releases', body }))
  }

  async function showOne(exchange: Exchange, id: number): Promise<void> {
    const t = translator(exchange.language)
    const release = await need(id)
    const with_ = Number(exchange.url.searchParams.get('with')) || id - 1
    const other = with_ > 0 ? await control.releases.get(with_) : undefined
    const differences = compareEstates(other?.nodes ?? [], release.nodes)
    const { info } = release
    const done = exchange.url.searchParams.get('done')
    const body = html`<h1>${t('release')} ${id}${info.current && html` <span class="tag good">${t('current')}</span>`}</h1>
<p>${toTime(info.createdAt, exchange.language)} · ${info.user}${info.comment && html` · <q>${info.comment}</q>`}${info.rollbackOf !== undefined && html` · ${t('rollbackOf')} <a href="/releases/${info.rollbackOf}">${info.rollbackOf}</a>`}</p>
${!info.current && exchange.flows?.mayWrite() && html`<p><a class="button primary" href="/releases/${id}/rollback">${t('rollback')}</a></p>`}
<h2>${t('details')}</h2>
${other ? html`<p class="soft">${t('compareWith')} <a href="/releases/${other.info.id}">${other.info.id}</a></p>` : html`<p class="soft">${t('nothingBefore')}</p>`}
${differences.length === 0 ? html`<p>${t('noChanges')}</p>` : html`<p aria-label="${t('legend')}">${(['added', 'changed', 'moved', 'removed'] as const).map((mark) => html`<span class="tag ${mark}">${t(mark)}</span> `)}</p>
${differences.map((difference) => toDifference(difference, t))}`}
${release.calls.length > 0 && drawCalls(release.calls, t)}`
    const page = { title: `${t('release')} ${id}`, section: 'releases', body } as const
    sendHtml(exchange.response, 200, layout(exchange, done === null ? page : { ...page, notice: { kind: 'good', text: t(done === 'flow' ? 'bringBackDone' : 'rollbackDone') } }))
  }

  async function askRollback(exchange: Exchange, id: number): Promise<void> {
    const t = translator(exchange.language)
    if (!exchange.flows?.mayWrite()) throw new Refused('auth.role', 403, t('notAllowed'))
    const { info, nodes } = await need(id)
    const now = await control.flows.current()
    const differences = compareEstates(now.nodes, nodes)
    const body = html`<h1>${t('rollbackConfirm')}</h1>
<section class="card"><p><strong>${t('release')} ${id}</strong> · ${toTime(info.createdAt, exchange.language)} · ${info.user}</p><p>${t('rollbackExplain')}</p>
<form method="post" action="/releases/${id}/rollback" class="stack"><label>${t('comment')}<input name="comment" maxlength="200"></label>
<p class="row"><button class="primary">${t('confirm')}</button><a class="button" href="/releases/${id}">${t('cancel')}</a></p></form></section>
<h2>${t('changes')}</h2><p class="soft">${t(differences.length === 0 ? 'noChanges' : 'bringBackHint')}</p>
${differences.map((difference) => toDifference(difference, t, bringBackForm(id, difference, t)))}`
    sendHtml(exchange.response, 200, layout(exchange, { title: t('rollback'), section: 'releases', body }))
  }

  async function rollback(exchange: Exchange, id: number): Promise<void> {
    const form = await readForm(exchange.request)
    const flow = form.get('flow') || undefined
    const result: DeployResult = await control.releases.rollback(id, toActor(exchange), form.get('comment') ?? '', flow)
    redirect(exchange.response, `/releases/${result.release}?done${flow === undefined ? '' : '=flow'}`)
  }

  async function need(id: number) {
    const release = await control.releases.get(id)
    if (!release) throw new Refused('release.none', 404, `There is no release ${id}.`)
    return release
  }
}

function toId(text: string | undefined): number {
  const id = Number(text)
  if (!Number.isSafeInteger(id) || id < 1) throw new Refused('release.none', 404, 'There is no such release.')
  return id
}

function toChanges(release: ReleaseInfo, t: T): Html {
  return html`${release.changed.slice(0, 6).map((one) => html`<span class="tag ${one.change}">${one.label}<span class="soft"> ${t(one.change)}</span></span> `)}${release.changed.length > 6 && html`+${release.changed.length - 6}`}`
}

/** Which revision of a flow each of its callers calls. */
function drawCalls(called: readonly CalledFlow[], t: T): Html {
  const short = (revision: string) => html`<code title="${revision}">${revision.slice(0, 12)}</code>`
  return html`<section class="card" id="calls"><h2>${t('subFlowCalls')}</h2><p class="soft">${t('subFlowCallsHint')}</p>
<div class="scroll"><table aria-label="${t('subFlowCalls')}"><thead><tr><th scope="col">${t('calledFlow')}</th><th scope="col">${t('deployedRevision')}</th><th scope="col">${t('calledBy')}</th><th scope="col">${t('callsRevision')}</th></tr></thead>
<tbody>${called.flatMap((one) => one.calls.map((call, at) => html`<tr>${at === 0 && html`<th scope="row" rowspan="${one.calls.length}">${one.label} · ${one.name}</th><td rowspan="${one.calls.length}">${one.revision === undefined ? t('goneFlow') : short(one.revision)}</td>`}
<td>${call.label} · ${call.name}</td><td>${short(call.revision)}${call.pinned && html` <span class="tag ${call.revision === one.revision ? 'good' : 'warn'}">${t('pinnedTo')}</span>`}</td></tr>`))}</tbody></table></div></section>`
}

/** One flow as it was; what all flows share comes back with the whole release only. */
function bringBackForm(release: number, { id, label }: FlowDifference, t: T): Html | undefined {
  if (id === 'global') return undefined
  return html`<form method="post" action="/releases/${release}/rollback"><input type="hidden" name="flow" value="${id}"><p><button aria-label="${t('bringBack')}: ${label}">${t('bringBack')}</button></p></form>`
}

function toDifference(difference: FlowDifference, t: T, act?: Html): Html {
  const { label, change, before, after, marks, properties, id } = difference
  const drawn = id !== 'global'
  return html`<section class="card"><h3>${label} <span class="tag ${change}">${t(change)}</span></h3>${act}
${drawn && html`<div class="grid">${before.length > 0 && html`<figure><figcaption>${t('before')}</figcaption>${drawFlow(before, marks, after, 'before', `${t('before')}: ${label}`)}</figure>`}
${after.length > 0 && html`<figure><figcaption>${t('after')}</figcaption>${drawFlow(after, marks, before, 'after', `${t('after')}: ${label}`)}</figure>`}</div>`}
${change === 'changed' && properties.length > 0 && html`<div class="scroll"><table aria-label="${t('changes')}: ${label}"><thead><tr><th scope="col">${t('node')}</th><th scope="col">${t('property')}</th><th scope="col">${t('before')}</th><th scope="col">${t('after')}</th></tr></thead>
<tbody>${properties.slice(0, 200).map((one) => html`<tr><th scope="row">${one.label}</th><td>${one.property}</td><td>${one.before !== undefined && html`<pre class="before">${one.before}</pre>`}</td><td>${one.after !== undefined && html`<pre class="after">${one.after}</pre>`}</td></tr>`)}</tbody></table></div>`}</section>`
}
