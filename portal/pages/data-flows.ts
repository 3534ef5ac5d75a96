import type { DataFlow, LabelledData, NamedNode } from '../../runtime/compile/labels/data-flow.ts'
import type { Text } from '../../runtime/core/node.ts'
import { sayCarrier } from '../data-flow-texts.ts'
import { html, type Html } from '../html.ts'
import type { PortalOptions } from '../portal.ts'
import { translator, type TextKey } from '../texts.ts'
import { toActor, type Exchange } from '../web/exchange.ts'
import { sendJson } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'
import { openView } from './consumers/view.ts'
import { sendVaultPage } from './vault/vault-page.ts'

type T = (key: TextKey) => string

const places = { answer: 'toAnswer', callout: 'toCallout', log: 'toLog', cache: 'toCache', queue: 'toQueue', store: 'toStore' } as const satisfies Record<string, TextKey>
const ways = { token: 'asToken', mask: 'asMask', cipher: 'asCipher', released: 'asReleased', clear: 'asClear' } as const satisfies Record<string, TextKey>
const kinds = { token: 'good', mask: 'good', cipher: 'good', released: 'warn', clear: 'bad' } as const

/** Where labelled data goes, for auditors: a page to read and print, and the same as JSON. */
export function dataFlowRoutes({ control, editorPath }: PortalOptions): PageRoute[] {
  async function show(exchange: Exchange): Promise<void> {
    const flows = await control.dataFlows.list(toActor(exchange))
    exchange.response.setHeader('vary', 'Accept, Accept-Language, Cookie')
    if (wantsJson(exchange)) return sendJson(exchange.response, 200, { items: flows })
    const t = translator(exchange.language)
    const body = html`<h1>${t('dataFlows')}</h1>
<p class="soft">${t('dataFlowsIntro')}</p>
${flows.length === 0 ? html`<p>${t('noDataFlows')}</p>` : flows.map((flow) => drawFlow(flow, editorPath, t, exchange.language))}`
    sendVaultPage(await openView(exchange, control.consumers), 'dataFlows', { title: t('dataFlows'), body })
  }
  return [{ method: 'GET', path: '/data-flows', access: 'viewer', handle: show }]
}

/** Browsers ask for HTML first; whoever asks for JSON and not for that gets JSON. */
function wantsJson({ request }: Exchange): boolean {
  const accept = request.headers.accept ?? ''
  return /\bapplication\/json\b/.test(accept) && !/\btext\/html\b/.test(accept)
}

function drawFlow({ flow, label, organisation, routes, data }: DataFlow, editorPath: string, t: T, language: keyof Text): Html {
  return html`<section class="card" aria-labelledby="flow-${flow}"><h2 id="flow-${flow}">${label}${organisation !== undefined && html` <span class="tag">${organisation}</span>`}</h2>
${routes.length > 0 && html`<p>${t('dataFlowsOfRoutes')} ${routes.map((route, at) => html`${at > 0 && ', '}<code>${route}</code>`)}</p>`}
<div class="scroll" tabindex="0" role="region" aria-labelledby="flow-${flow}"><table aria-label="${label}"><thead><tr>${(['dataLabel', 'comesInAt', 'goesThrough', 'isProtectedBy', 'leavesIn'] as const).map((key) => html`<th scope="col">${t(key)}</th>`)}</tr></thead>
<tbody>${data.map((one) => drawData(one, editorPath, t, language))}</tbody></table></div></section>`
}

function drawData({ label, from, passes, protected: by, leaves }: LabelledData, editorPath: string, t: T, language: keyof Text): Html {
  const leads = (node: NamedNode) => html`<a href="${editorPath}#flow/${node.flow}/node/${node.node}">${node.name ?? node.type}</a>`
  return html`<tr><th scope="row"><span class="tag">${label}</span></th>
<td>${leads(from)}<br><code>${from.path}</code></td>
<td><ol class="plain">${passes.map((one) => html`<li>${leads(one)} <span class="soft">${t(one.inClear ? 'inClearHere' : 'protectedHere')}: <code>${one.at.join(', ')}</code></span></li>`)}</ol></td>
<td>${by.length === 0 ? html`<span class="soft">${t('protectedNowhere')}</span>` : html`<ul class="plain">${by.map((one) => html`<li><span class="tag ${kinds[one.by]}">${t(ways[one.by])}</span> ${leads(one)}${one.reason !== undefined && html`<br><span class="soft">${t('releasedBecause')} ${one.reason}</span>`}</li>`)}</ul>`}</td>
<td>${leaves.length === 0 ? html`<span class="soft">${t('leavesNowhere')}</span>` : html`<ul class="plain">${leaves.map((one) => html`<li><span class="tag ${kinds[one.as]}">${t(ways[one.as])}</span> ${t(places[one.to])}: ${leads(one)} <span class="soft">${sayCarrier(one.what, language)}</span></li>`)}</ul>`}</td></tr>`
}
