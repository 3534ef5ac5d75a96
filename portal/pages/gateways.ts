import type { CachePurged, GatewayInfo } from '../../control/contract.ts'
import { html, type Html } from '../html.ts'
import { layout } from '../layout.ts'
import type { PortalOptions } from '../portal.ts'
import { translator, type TextKey } from '../texts.ts'
import { toTime } from '../time.ts'
import { toActor, type Exchange } from '../web/exchange.ts'
import { readForm } from '../web/body.ts'
import { redirect, sendHtml } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'
import { mayUse } from '../web/session.ts'
import { drawCaches, toPurge } from './caches.ts'

const operates: readonly string[] = ['admin', 'operator']

/** Gateways: what each runs, what flows keep there, letting one join, taking a key away. */
export function gatewayRoutes({ control, secure, publicOrigin }: PortalOptions): PageRoute[] {
  return [
    { method: 'GET', path: '/gateways', access: 'viewer', handle: (exchange) => show(exchange) },
    {
      method: 'POST', path: '/gateways/join-token', access: 'admin',
      handle: async (exchange) => show(exchange, await control.gateways.createJoinToken(toActor(exchange))),
    },
    {
      method: 'POST', path: '/gateways/caches/purge', access: 'signed-in',
      async handle(exchange) {
        const by = toActor(exchange)
        const fields = await readForm(exchange.request)
        const purged = await control.caches.purge(toPurge(fields, await control.caches.list(by)), by)
        await show(exchange, undefined, purged)
      },
    },
    { method: 'GET', path: '/gateways/:id/revoke', access: 'admin', handle: (exchange, { id }) => askRevoke(exchange, id!) },
    {
      method: 'POST', path: '/gateways/:id/revoke', access: 'admin',
      async handle(exchange, { id }) {
        await control.gateways.revoke(id!, toActor(exchange))
        redirect(exchange.response, '/gateways')
      },
    },
  ]

  async function show(exchange: Exchange, fresh?: { token: string; expiresAt: string }, purged?: CachePurged): Promise<void> {
    const t = translator(exchange.language)
    const gateways = await control.gateways.list()
    const isAdmin = mayUse(exchange.user, 'admin')
    const caches = operates.includes(exchange.user?.role ?? '') ? await control.caches.list(toActor(exchange)) : undefined
    const skewed = gateways.some((gateway) => gateway.connected && gateway.state !== 'live')
    const body = html`<h1>${t('gateways')}</h1>
${gateways.length === 0
  ? html`<p>${t('noGateways')}</p>`
  : html`<div class="scroll card"><table aria-label="${t('gateways')}"><thead><tr><th scope="col">${t('gateway')}</th><th scope="col">${t('state')}</th><th scope="col">${t('release')}</th><th scope="col">${t('callers')}</th><th scope="col">${t('address')}</th>${isAdmin && html`<th scope="col">${t('actions')}</th>`}</tr></thead>
<tbody>${gateways.map((gateway) => toRow(gateway, exchange, isAdmin, t))}</tbody></table></div>`}
${caches && drawCaches(caches, gateways, t, purged)}
${isAdmin && html`<section class="card"><h2>${t('joinGateway')}</h2>
${fresh
  ? html`<div role="status"><pre class="secret"><code>SLUICE_CONTROL_URL=${publicOrigin ?? `${secure ? 'https' : 'http'}://${exchange.request.headers.host}`} SLUICE_GATEWAY_TOKEN=${fresh.token} npx sluice gateway</code></pre><p class="row"><button type="button" data-copy="${fresh.token}" data-copied="${t('copied')}">${t('copy')}</button> ${t('tokenOnce')} ${toTime(fresh.expiresAt, exchange.language)}</p></div>`
  : html`<p>${t('joinExplain')}</p><form method="post" action="/gateways/join-token"><button class="primary">${t('makeToken')}</button></form>`}</section>`}`
    const notice = skewed ? ({ kind: 'bad', text: t('skew') } as const) : undefined
    sendHtml(exchange.response, 200, layout(exchange, { title: t('gateways'), section: 'gateways', body, ...(notice ? { notice } : {}) }))
  }

  async function askRevoke(exchange: Exchange, id: string): Promise<void> {
    const t = translator(exchange.language)
    const gateway = (await control.gateways.list()).find((one) => one.id === id)
    if (!gateway) return redirect(exchange.response, '/gateways')
    const body = html`<section class="card narrow"><h1>${t('revoke')}: ${gateway.name}</h1><p>${t('revokeConfirm')}</p>
<form method="post" action="/gateways/${encodeURIComponent(id)}/revoke" class="row"><button class="danger">${t('revoke')}</button><a class="button" href="/gateways">${t('cancel')}</a></form></section>`
    sendHtml(exchange.response, 200, layout(exchange, { title: t('revoke'), section: 'gateways', body }))
  }
}

const states: Readonly<Record<GatewayInfo['state'], { text: TextKey; kind: string }>> = {
  live: { text: 'live', kind: 'good' },
  behind: { text: 'behind', kind: 'warn' },
  refused: { text: 'refused', kind: 'bad' },
  never: { text: 'neverLoaded', kind: 'warn' },
}

const callerStates: Readonly<Record<NonNullable<GatewayInfo['clients']>['state'], { text: TextKey; kind: string }>> = {
  current: { text: 'callersCurrent', kind: 'good' },
  behind: { text: 'callersBehind', kind: 'warn' },
  refused: { text: 'callersRefused', kind: 'bad' },
  away: { text: 'callersAway', kind: 'bad' },
}

/** How far a gateway's copy of the callers' records is, and what follows when it is out of touch. */
function callersCell({ version, state, whenStale, detail }: NonNullable<GatewayInfo['clients']>, t: (key: TextKey) => string): Html {
  const { text, kind } = callerStates[state]
  const hint = state === 'away' ? t(whenStale === 'refuse' ? 'callersRefuses' : 'callersServes') : detail
  return html`<span class="tag ${kind}">${t(text)}</span> <span class="soft">${t('callersVersion')} ${version}</span>${hint && html`<br><span class="hint">${hint}</span>`}`
}

function toRow(gateway: GatewayInfo, { language }: Exchange, isAdmin: boolean, t: (key: TextKey) => string): Html {
  const state = states[gateway.state]
  return html`<tr><th scope="row">${gateway.name}${gateway.version && html`<br><span class="soft">${gateway.version}</span>`}</th>
<td><span class="tag ${state.kind}">${t(state.text)}</span> <span class="tag ${gateway.connected ? 'good' : 'bad'}">${t(gateway.connected ? 'connected' : 'notConnected')}</span>${!gateway.connected && html`<br><span class="soft">${t('lastSeen')}: ${gateway.lastSeenAt ? toTime(gateway.lastSeenAt, language) : t('never')}</span>`}${gateway.detail && html`<br><span class="hint">${gateway.detail}</span>`}</td>
<td>${gateway.release !== undefined && html`<a href="/releases/${gateway.release}">${gateway.release}</a>`}${gateway.hash && html`<br><code title="${gateway.hash}">${gateway.hash.slice(0, 12)}</code>`}</td>
<td>${gateway.clients && callersCell(gateway.clients, t)}</td>
<td>${gateway.url && html`<code>${gateway.url}</code>`}</td>
${isAdmin && html`<td><a class="button danger" href="/gateways/${encodeURIComponent(gateway.id)}/revoke">${t('revoke')}</a></td>`}</tr>`
}
