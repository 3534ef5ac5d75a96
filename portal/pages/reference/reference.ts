import { Refused } from '../../../control/contract.ts'
import { html, type Html } from '../../html.ts'
import { layout } from '../../layout.ts'
import type { PortalOptions } from '../../portal.ts'
import { translator, type TextKey } from '../../texts.ts'
import { toTime } from '../../time.ts'
import type { Exchange } from '../../web/exchange.ts'
import { redirect, sendHtml, sendJson } from '../../web/reply.ts'
import type { PageRoute } from '../../web/router.ts'
import { renderMarkdown } from '../docs.ts'
import { drawOperation, type DrawnOperation } from './draw-operation.ts'
import { drawProperties, drawType, toAnchor } from './draw-schema.ts'
import { asList, asObject, asText, type Json } from './read-json.ts'

type T = (key: TextKey) => string

const methods = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options']

/** What callers read of an API, as a page and as an OpenAPI document. Public APIs are everybody's to read. */
export function referenceRoutes({ control, gatewayUrls }: PortalOptions): PageRoute[] {
  const load = async ({ user, from, scopes }: Exchange, id: string) =>
    await control.descriptions.reference(id, user && { name: user.name, role: user.role, from, ...(scopes ? { scopes } : {}) }, { servers: gatewayUrls() })

  return [
    { method: 'GET', path: '/api/v1/apis/:id/openapi.json', access: 'public', scoped: true, handle: async (exchange, { id }) => sendJson(exchange.response, 200, (await load(exchange, id!)).document) },
    { method: 'GET', path: '/apis/:id/reference', access: 'public', handle: async (exchange, { id }) => {
      try {
        const { api, document } = await load(exchange, id!)
        const t = translator(exchange.language)
        sendHtml(exchange.response, 200, layout(exchange, { title: `${api.name} · ${t('apiReference')}`, ...(exchange.user ? { section: 'consumers' as const } : {}), body: drawDocument(document, { id: id!, exchange, t }) }))
      } catch (thrown) {
        // Whoever is not signed in may be somebody who may read it.
        if (!(thrown instanceof Refused) || thrown.code !== 'record.none' || exchange.user) throw thrown
        redirect(exchange.response, `/sign-in?next=${encodeURIComponent(exchange.url.pathname)}`)
      }
    } },
  ]
}

function drawDocument(document: Json, { id, exchange, t }: { readonly id: string; readonly exchange: Exchange; readonly t: T }): Html {
  const info = asObject(document['info'])
  const servers = asList(document['servers']).map((one) => String(asObject(one)['url']))
  const operations = Object.entries(asObject(document['paths'])).flatMap(([path, item]) => methods.flatMap((method): DrawnOperation[] => {
    const operation = asObject(item)[method]
    return operation === undefined ? [] : [{ method: method.toUpperCase(), path, operation: asObject(operation), anchor: `op-${String(asObject(operation)['operationId'] ?? `${method}-${path}`).replace(/[^\w.-]+/g, '-')}` }]
  }))
  // What every API answers with when something is wrong stands behind its own.
  const schemas = Object.entries(asObject(asObject(document['components'])['schemas'])).sort(([a], [b]) => Number(a === 'Fault') - Number(b === 'Fault'))
  const sunset = asText(info['x-sunset'])
  const description = asText(info['description'])
  const crumb = exchange.user ? html`<p class="crumb"><a href="/apis">${t('apis')}</a> › <a href="/apis/${encodeURIComponent(id)}">${String(info['title'])}</a></p>` : ''
  return html`${crumb}<div class="head"><h1>${String(info['title'])} <span class="tag">${String(info['version'])}</span>${info['x-lifecycle'] !== 'PUBLISHED' && html` <span class="tag warn">${t(String(info['x-lifecycle']) as TextKey)}</span>`}</h1><p class="row"><a class="button" href="/api/v1/apis/${encodeURIComponent(id)}/openapi.json">${t('openapiDocument')}</a></p></div>
${description !== undefined && html`<div class="doc">${renderMarkdown(description)}</div>`}
<section class="card"><dl class="facts"><div><dt>${t('referenceServers')}</dt><dd>${servers.map((url) => html`<code>${url}</code> `)}</dd></div>${sunset !== undefined && html`<div><dt>${t('referenceSunset')}</dt><dd>${toTime(sunset, exchange.language)}</dd></div>`}</dl>
${drawSecurity(document, operations, t)}</section>
<h2>${t('referenceOperations')}</h2>${operations.length === 0 ? html`<p>${t('referenceNothing')}</p>` : html`<nav aria-label="${t('referenceOperations')}"><ul class="plain operations">${operations.map(({ method, path, operation, anchor }) => html`<li><a href="#${anchor}"><span class="tag">${method}</span> <code>${path}</code></a> <span class="soft">${asText(operation['summary'])}</span></li>`)}</ul></nav>`}
${operations.map((one) => drawOperation(one, document, (asList(one.operation['servers']).map((server) => String(asObject(server)['url']))[0] ?? servers[0] ?? '').replace(/\/$/, ''), t))}
${schemas.length > 0 && html`<h2>${t('referenceSchemas')}</h2>${schemas.map(([name, schema]) => html`<section class="card" id="${toAnchor(name)}"><h3>${name}</h3>${asText(asObject(schema)['description']) !== undefined && html`<p>${asObject(schema)['description'] as string}</p>`}<p>${drawType(schema)}</p>${drawProperties(schema, t)}</section>`)}`}`
}

function drawSecurity(document: Json, operations: readonly DrawnOperation[], t: T): Html {
  const schemes = Object.entries(asObject(asObject(document['components'])['securitySchemes']))
  const isOpen = operations.length > 0 && operations.every(({ operation }) => asList(operation['security']).length === 0)
  if (schemes.length === 0) return html`${isOpen && html`<h2>${t('referenceAuth')}</h2><p>${t('referenceOpen')}</p>`}`
  return html`<h2>${t('referenceAuth')}</h2>${schemes.length > 1 && html`<p class="soft">${t('referenceAnyOf')}</p>`}<ul>${schemes.map(([, given]) => {
    const scheme = asObject(given)
    const how = scheme['type'] === 'apiKey' ? html`<code>${String(scheme['name'])}</code> (${t(scheme['in'] === 'query' ? 'placeQuery' : 'placeHeader')})` : scheme['type'] === 'http' ? html`<code>Authorization: ${scheme['scheme'] === 'bearer' ? 'Bearer' : 'Basic'}</code>` : html`<code>mTLS</code>`
    return html`<li>${how} ${asText(scheme['description'])}</li>`
  })}</ul>`
}
