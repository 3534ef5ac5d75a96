import type { Control } from '../../control/contract.ts'
import type { Exchange } from '../web/exchange.ts'
import { sendJson, sendPieces, sendText } from '../web/reply.ts'
import type { PageRoute } from '../web/router.ts'
import type { Endpoint } from './endpoint.ts'
import { endpoints } from './endpoints.ts'
import { toOpenApi } from './openapi.ts'
import { readCallBody, readExpected, readQuery, readVersion, toUnmet } from './read-call.ts'

/** The admin API of the records of consumers, and its own description. Who may do what is decided behind it, by control. */
export function recordsApiRoutes({ control }: { readonly control: Control }): PageRoute[] {
  return [
    { method: 'GET', path: '/api/v1/openapi.json', access: 'public', handle: ({ response }) => sendJson(response, 200, toOpenApi(endpoints, control.consumers.schemas)) },
    ...endpoints.map((endpoint): PageRoute => ({
      method: endpoint.method,
      path: endpoint.path,
      access: 'signed-in',
      scoped: true,
      handle: async (exchange, { id = '' }) => await answer(control, endpoint, exchange, id),
    })),
  ]
}

async function answer(control: Control, endpoint: Endpoint, exchange: Exchange, id: string): Promise<void> {
  const { response, request, user, from, scopes } = exchange
  const { name, role } = user!
  const query = readQuery(exchange.url, endpoint.query ?? [])
  const expected = endpoint.ifMatch === 'if-there' ? readExpected(exchange) : endpoint.ifMatch ? readVersion(exchange) : undefined
  const version = expected === 'none' ? undefined : expected
  const body = await readCallBody(exchange, endpoint)
  if (endpoint.request !== undefined && endpoint.request !== 'yaml') control.consumers.check(endpoint.request, body)
  const reply = await endpoint.handle({ consumers: control.consumers, decisions: control.decisions, publishing: control.publishing, queues: control.queues, caches: control.caches, accepted: control.accepted, dataProtection: control.dataProtection, ledgers: control.ledgers, by: { name, role, from, ...(scopes ? { scopes } : {}) }, id, body, version, expected, query }).catch((thrown: unknown) => {
    throw expected === 'none' ? toUnmet(thrown, exchange) : thrown
  })
  if (reply.location !== undefined) response.setHeader('location', reply.location)
  if (reply.version !== undefined) {
    const etag = `"${reply.version}"`
    response.setHeader('etag', etag)
    if (endpoint.method === 'GET' && request.headers['if-none-match'] === etag) {
      response.writeHead(304)
      return void response.end()
    }
  }
  if (endpoint.answer === 'yaml') sendText(response, endpoint.status, 'application/yaml; charset=utf-8', reply.body as string)
  else if (endpoint.answer === 'csv') {
    response.setHeader('content-disposition', `attachment; filename="${endpoint.path.slice(endpoint.path.lastIndexOf('/') + 1)}"`)
    await sendPieces(response, endpoint.status, 'text/csv; charset=utf-8', reply.body as AsyncIterable<string>)
  } else sendJson(response, endpoint.status, reply.body)
}
