import { Refused, type Actor } from '../control/contract.ts'
import type { EditorNode } from '../runtime/core/flow.ts'
import type { PortalOptions } from './portal.ts'
import { asRecord, readJson } from './web/body.ts'
import { toActor, type Exchange } from './web/exchange.ts'
import { sendJson } from './web/reply.ts'
import type { PageRoute } from './web/router.ts'
import { mergeFlows } from './merge-flows.ts'

const estateLimitBytes = 20 * 1024 * 1024
const tokenMs = 30 * 24 * 3600 * 1000

/** The JSON API of the command line. Errors are problem documents (RFC 9457). */
export function apiRoutes({ control }: PortalOptions): PageRoute[] {
  return [
    { method: 'POST', path: '/api/v1/token', access: 'public', handle: signIn },
    { method: 'GET', path: '/api/v1/flows', access: 'signed-in', scoped: true, handle: async (exchange) => sendJson(exchange.response, 200, await control.flows.current(toActor(exchange))) },
    // Whose flows somebody may read and change is decided where they are kept: it depends on the flow.
    { method: 'POST', path: '/api/v1/check', access: 'signed-in', scoped: true, handle: check },
    { method: 'POST', path: '/api/v1/deploy', access: 'signed-in', scoped: true, handle: deploy },
    { method: 'POST', path: '/api/v1/rollback', access: 'signed-in', scoped: true, handle: (exchange) => rollback(exchange) },
    { method: 'GET', path: '/api/v1/releases', access: 'viewer', handle: listReleases },
    { method: 'POST', path: '/api/v1/releases/:id/rollback', access: 'signed-in', scoped: true, handle: (exchange, { id }) => rollback(exchange, Number(id)) },
    // Without a version in the path: whatever is newest.
    { method: 'GET', path: '/api/releases', access: 'viewer', handle: listReleases },
    { method: 'POST', path: '/api/releases/:id/rollback', access: 'signed-in', handle: (exchange, { id }) => rollback(exchange, Number(id)) },
    { method: 'GET', path: '/api/v1/gateways', access: 'viewer', handle: async ({ response }) => sendJson(response, 200, await control.gateways.list()) },
    {
      method: 'POST', path: '/api/v1/gateways/join-token', access: 'admin',
      handle: async (exchange) => sendJson(exchange.response, 201, await control.gateways.createJoinToken(toActor(exchange))),
    },
  ]

  async function signIn({ request, response, from }: Exchange): Promise<void> {
    const { name, password } = asRecord(await readJson(request, 64 * 1024))
    const user = typeof name === 'string' && typeof password === 'string' ? await control.users.authenticate(name, password, from) : undefined
    if (!user) throw new Refused('auth.failed', 401, 'This name and password do not belong together, or the user is disabled.')
    sendJson(response, 201, await control.users.issueToken(user.name, 'cli', tokenMs))
  }

  async function check(exchange: Exchange): Promise<void> {
    const by = toActor(exchange)
    const { mayRead } = await control.flows.rights(by)
    if (!mayRead()) throw new Refused('auth.role', 403, 'You may not see flows.')
    sendJson(exchange.response, 200, { problems: await control.flows.check(await toEstate(await readJson(exchange.request, estateLimitBytes), by), by) })
  }

  async function deploy(exchange: Exchange): Promise<void> {
    const by = toActor(exchange)
    const { mayWrite } = await control.flows.rights(by)
    if (!mayWrite()) throw new Refused('auth.role', 403, 'You may not change flows.')
    const body = await readJson(exchange.request, estateLimitBytes)
    const { rev, comment } = Array.isArray(body) ? {} as Record<string, unknown> : asRecord(body)
    const result = await control.flows.deploy({
      nodes: await toEstate(body, by),
      user: by,
      ...(typeof rev === 'string' ? { rev } : {}),
      ...(typeof comment === 'string' ? { comment } : {}),
    })
    sendJson(exchange.response, 200, result)
  }

  async function rollback(exchange: Exchange, id?: number): Promise<void> {
    const { release = id, comment, flow } = asRecord((await readJson(exchange.request, 64 * 1024)) ?? {})
    if (!Number.isSafeInteger(release)) throw new Refused('body.malformed', 400, '`release` must be the number of a release.')
    sendJson(exchange.response, 200, await control.releases.rollback(release as number, toActor(exchange), typeof comment === 'string' ? comment : undefined, typeof flow === 'string' && flow !== '' ? flow : undefined))
  }

  async function listReleases({ url, response }: Exchange): Promise<void> {
    const before = Number(url.searchParams.get('before')) || undefined
    const limit = Math.min(Math.max(Number(url.searchParams.get('limit')) || 30, 1), 200)
    sendJson(response, 200, await control.releases.list({ limit, ...(before ? { before } : {}) }))
  }

  /** `[…]` or `{nodes}` is the whole estate; `{merge}` puts flows into what is there, replacing those of the same id. */
  async function toEstate(body: unknown, by: Actor): Promise<readonly EditorNode[]> {
    if (Array.isArray(body)) return toNodes(body)
    const { nodes, merge } = asRecord(body)
    if (nodes !== undefined) return toNodes(nodes)
    if (merge !== undefined) return mergeFlows((await control.flows.current(by)).nodes, toNodes(merge))
    throw new Refused('body.malformed', 400, 'Send `nodes` (the whole estate) or `merge` (flows to add or replace).')
  }
}

function toNodes(value: unknown): readonly EditorNode[] {
  const good = Array.isArray(value) && value.every((node: unknown) => {
    if (typeof node !== 'object' || node === null) return false
    const { id, type } = node as Partial<EditorNode>
    return typeof id === 'string' && typeof type === 'string'
  })
  if (!good) throw new Refused('flows.malformed', 422, 'Flows are a JSON array of nodes, each with `id` and `type`.')
  return value as EditorNode[]
}
