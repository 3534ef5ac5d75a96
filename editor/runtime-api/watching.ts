import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refused, type Actor, type FlowCase, type Watching } from '../../control/contract.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { readJson } from '../../portal/web/body.ts'
import { sendJson } from '../../portal/web/reply.ts'

interface Asked {
  readonly method: string
  readonly parts: readonly string[]
  readonly query: URLSearchParams
  readonly by: Actor
  /** The JSON body as an object. */
  body(): Promise<Readonly<Record<string, unknown>>>
}

/**
 * What the sidebars of watching and tests ask, below `/editor/sluice/`: watches, recorded runs, cases. Whether somebody may is
 * decided in control, for each flow.
 */
export function createWatchingApi(watching: Watching, bodyLimitBytes: number) {
  const routes: Readonly<Record<string, (asked: Asked) => Promise<unknown>>> = {
    async 'POST watch'({ body, by }) {
      const { flow, next, forMs, token } = await body()
      return await watching.watch({ flow: textOf(flow, 'flow'), next: Number(next), forMs: Number(forMs), token: token === true }, by)
    },
    async 'DELETE watch'({ parts, query, by }) {
      await watching.unwatch(textOf(parts[1], 'id'), query.get('flow') ?? '', by)
      return {}
    },
    'GET runs': ({ parts, query, by }) =>
      parts[1] === undefined
        ? watching.list({ flow: query.get('flow') ?? '', limit: Number(query.get('limit') ?? 50), ...(query.get('watch') ? { watch: query.get('watch') as string } : {}) }, by)
        : watching.get(parts[1], by),
    async 'POST runs'({ parts, body, by }) {
      const [, id, act] = parts
      const given = await body()
      if (act === 'case') return await watching.toCase(textOf(id, 'id'), textOf(given['name'], 'name'), by)
      if (act === 'replay') return await watching.replay(textOf(id, 'id'), nodesOf(given['nodes']), by)
      throw none()
    },
    async 'GET cases'({ parts, by }) {
      return { cases: await watching.cases(textOf(parts[1], 'flow'), by) }
    },
    async 'PUT cases'({ parts, body, by }) {
      return { cases: await watching.saveCases(textOf(parts[1], 'flow'), casesOf((await body())['cases']), by) }
    },
    async 'POST cases'({ parts, body, by }) {
      if (parts[2] !== 'run') throw none()
      const { nodes, cases } = await body()
      return await watching.runCases(textOf(parts[1], 'flow'), nodesOf(nodes), cases === undefined ? undefined : casesOf(cases), by)
    },
  }

  return async function answer(request: IncomingMessage, response: ServerResponse, method: string, path: string, by: Actor): Promise<true> {
    const parts = path.split('/').map(decodeURIComponent)
    const route = routes[`${method} ${parts[0]}`]
    if (!route || parts.length > 3) throw none()
    const { searchParams } = new URL(request.url ?? '/', 'http://sluice')
    const result = await route({
      method, parts, by,
      query: searchParams,
      async body() {
        const value = await readJson(request, bodyLimitBytes)
        if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Refused('body.malformed', 400, 'The body must be a JSON object.')
        return value as Record<string, unknown>
      },
    })
    response.setHeader('cache-control', 'no-store')
    sendJson(response, 200, result)
    return true
  }
}

function none(): Refused {
  return new Refused('not_found', 404, 'There is nothing here.')
}

function textOf(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '' || value.length > 300) throw new Refused('body.malformed', 400, `“${what}” is missing.`)
  return value
}

function nodesOf(value: unknown): readonly EditorNode[] {
  if (!Array.isArray(value) || !value.every((node) => node !== null && typeof node === 'object' && typeof (node as EditorNode).id === 'string' && typeof (node as EditorNode).type === 'string')) {
    throw new Refused('flows.malformed', 400, '`nodes` must be a JSON array of nodes.')
  }
  return value as EditorNode[]
}

function casesOf(value: unknown): readonly FlowCase[] {
  if (!Array.isArray(value)) throw new Refused('cases.malformed', 422, 'The cases must be a JSON array, as in cases.json.')
  return value as FlowCase[]
}
