import { Refused, type CachePurge, type CachePurged, type FlowCache, type GatewayInfo } from '../../control/contract.ts'
import { html, type Html } from '../html.ts'
import type { TextKey } from '../texts.ts'

type T = (key: TextKey) => string

/** What flows keep, and a form to purge it: a part of the page of gateways, for operators. */
export function drawCaches(caches: readonly FlowCache[], gateways: readonly GatewayInfo[], t: T, done?: CachePurged): Html {
  const nameOf = (id: string) => gateways.find((gateway) => gateway.id === id)?.name ?? id
  return html`<section class="card" id="caches"><h2>${t('caches')}</h2><p class="soft">${t('cachesHint')}</p>
${done && html`<div role="status"><p><strong>${t('cacheWent')} ${done.entries}</strong></p>${!done.complete && html`<p class="hint">${t('cacheNotAll')}</p>`}
<ul>${done.gateways.map(({ name, entries, error }) => html`<li>${name}: ${error ?? entries}</li>`)}</ul></div>`}
${caches.length === 0
  ? html`<p>${t('noCaches')}</p>`
  : html`<div class="scroll"><table aria-label="${t('caches')}"><thead><tr><th scope="col">${t('cacheOf')}</th><th scope="col">${t('cacheName')}</th><th scope="col">${t('cacheEntries')}</th></tr></thead>
<tbody>${caches.map((cache) => html`<tr><th scope="row">${ofWhom(cache, t)}</th><td>${cache.cache}</td><td>${cache.gateways.map(({ gateway, store, entries }) => html`${nameOf(gateway)}: ${entries === undefined ? (store === 'redis' ? 'Redis' : '–') : entries}<br>`)}</td></tr>`)}</tbody></table></div>
<form method="post" action="/gateways/caches/purge" class="row"><label>${t('cacheName')}<select name="of"><option value="">${t('allCaches')}</option>${caches.map((cache) => html`<option value="${cache.reach}:${cache.cache}:${cache.owner}">${ofWhom(cache, t)} / ${cache.cache}</option>`)}</select></label>
<label>${t('cacheForget')}<select name="by"><option value="tags">${t('cacheByTag')}</option><option value="key">${t('cacheByKey')}</option><option value="all">${t('cacheAll')}</option></select></label>
<label>${t('cacheWhich')}<input name="which" maxlength="2048"></label><button class="danger">${t('cachePurge')}</button></form>`}</section>`
}

/** What the form asks for. @throws Refused `body.malformed` 400 */
export function toPurge(fields: URLSearchParams, caches: readonly FlowCache[]): CachePurge {
  const [by, which, of] = [fields.get('by'), fields.get('which')?.trim() ?? '', fields.get('of') ?? '']
  const chosen = of === '' ? undefined : caches.find((cache) => of === `${cache.reach}:${cache.cache}:${cache.owner}`)
  if (of !== '' && !chosen) throw new Refused('record.none', 404, 'No gateway that is connected has such a cache.')
  const where = chosen && { cache: chosen.cache, ...(chosen.reach === 'flow' ? { flow: chosen.owner } : { organisation: chosen.owner }) }
  if (by === 'all') return { ...where, all: true }
  if (which !== '' && by === 'tags') return { ...where, tags: which.split(',').map((tag) => tag.trim()).filter((tag) => tag !== '') }
  if (which !== '' && by === 'key') return { ...where, key: which }
  throw new Refused('body.malformed', 400, 'A purge names tags, or a key, or all of a cache.')
}

function ofWhom({ reach, owner, label }: FlowCache, t: T): string {
  return reach === 'organisation' ? `${t('ofOrganisation')} ${owner}`.trim() : (label ?? owner)
}
