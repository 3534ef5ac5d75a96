import type { IncomingMessage, ServerResponse } from 'node:http'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { Refused, type Actor, type Control, type FlowRights } from '../control/contract.ts'
import type { EditorNode } from '../runtime/core/flow.ts'
import { parseJson, readBody, readJson } from '../portal/web/body.ts'
import { redirect, sendJson, sendText } from '../portal/web/reply.ts'
import { identify, isSameOrigin, toEndedSessionCookie, toSessionCookie } from '../portal/web/session.ts'
import { setSecurityHeaders } from '../portal/web/security-headers.ts'
import { createFlowsReader } from './flows-body.ts'
import type { EditorHost } from './host.ts'
import { createMappingFiles } from './mapping-files.ts'
import { toEditorRefusal } from './runtime-api/refusal.ts'
import { createWatchingApi } from './runtime-api/watching.ts'

export interface EditorFrontOptions {
  readonly control: Control
  readonly host: EditorHost
  /** `/editor/` */
  readonly basePath: string
  /** True when browsers reach this port by TLS. */
  readonly secure: boolean
  /** How long a sign-in lasts, ms. */
  readonly sessionMs: number
  /** Address of whoever asks, for counting failed sign-ins. */
  clientOf(request: IncomingMessage): string
}

/** What is posted; nothing in it is believed before it was looked at. */
interface DeployBody {
  readonly flows?: unknown
  readonly rev?: unknown
  readonly comment?: unknown
}

/** Who came in, and what he may do with flows. */
interface Visitor {
  readonly by: Actor
  readonly rights: FlowRights
  readonly token: string
}

/** Largest estate taken in one deploy, bytes. */
const deployLimitBytes = 20 * 1024 * 1024

/** Files of the stock editor that anybody may have: they say nothing about this installation. */
const publicFiles = /^(red|vendor|theme|types)\/|^favicon\.ico$/

/**
 * The door of the editor: everything below its mount path comes through here. It says who asks, lets
 * nobody in who has not signed in, answers what concerns our control plane, and hands the rest to the
 * stock application.
 */
export function createEditorFront(options: EditorFrontOptions) {
  const { control, host, secure, sessionMs } = options
  const readFlows = createFlowsReader()
  const mappingFiles = createMappingFiles()
  const answerWatching = createWatchingApi(control.watching, deployLimitBytes)

  return async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    setSecurityHeaders(response, 'editor', secure)
    const url = new URL(request.url ?? '/', 'http://sluice')
    const path = url.pathname.slice(options.basePath.length)
    const method = request.method ?? 'GET'
    const reads = method === 'GET' || method === 'HEAD'
    try {
      checkEncoding(path)
      if (reads && (publicFiles.test(path) || path === 'auth/login')) return host.handle(request, response)
      if (method === 'POST' && path === 'auth/token') return await signIn(request, response)

      const { user, token, byCookie } = await identify(request, control.users, secure)
      if (!user || !token) {
        if (reads && path === '') return redirect(response, `/sign-in?next=${encodeURIComponent(options.basePath)}`)
        return sendJson(response, 401, { code: 'auth.required', message: 'Sign in first.' })
      }
      // A cookie travels by itself: without this, a page elsewhere could deploy in its reader's name.
      if (byCookie && !reads && !isSameOrigin(request)) {
        return sendJson(response, 403, { code: 'auth.origin', message: 'This request did not come from the editor itself.' })
      }
      const by: Actor = { name: user.name, role: user.role, from: options.clientOf(request) }
      const rights = await control.flows.rights(by)
      need(rights.mayRead()) // who subscribes to APIs sees nothing of how they are drawn
      if (await answer(request, response, method, path, { by, rights, token })) return
      request.headers.authorization = `Bearer ${token}` // whom the stock application is to believe
      request.headers['x-forwarded-for'] = by.from // and from where
      host.handle(request, response)
    } catch (thrown) {
      const { status, body } = toEditorRefusal(thrown)
      if (response.headersSent) response.destroy()
      else sendJson(response, status, body)
    }
  }

  /** Requests that are ours; false for those of the stock application. */
  async function answer(request: IncomingMessage, response: ServerResponse, method: string, path: string, { by, rights, token }: Visitor): Promise<boolean> {
    const [first = '', second = '', third = ''] = path.split('/')
    if (method === 'POST') {
      if (path === 'flows') return await deploy(request, response, by, rights)
      if (path === 'auth/revoke') return await signOut(request, response, token)
      if (first === 'inject' && second) return await inject(request, response, rights, decodeURIComponent(second))
      if (first === 'debug' && third) return await setDebug(response, rights, [decodeURIComponent(second)], third)
      if (first === 'debug' && second) return await setDebug(response, rights, nodesOf(await readJson(request, 1024 * 1024)), second)
    }
    if (first === 'sluice') return await answerWatching(request, response, method, path.slice('sluice/'.length), by)
    if (method === 'GET' && first === 'mapping') return await sendMapping(response, path.slice('mapping/'.length))
    if (method === 'GET' && first === 'debug' && second === 'view') return await sendDebugView(response, third)
    // The palette is what the definitions say; nobody installs into it. Projects and keys are not offered. The stock application reads paths in any case.
    const lower = path.toLowerCase()
    const closed = /^(?:projects|settings\/user\/keys)(?:\/|$)/.test(lower) || (/^nodes(?:\/|$)/.test(lower) && method !== 'GET' && method !== 'HEAD')
    if (!closed) return false
    sendJson(response, 404, { code: 'not_found', message: 'Not offered here.' })
    return true
  }

  async function deploy(request: IncomingMessage, response: ServerResponse, by: Actor, rights: FlowRights): Promise<true> {
    need(rights.mayWrite())
    const version = request.headers['node-red-api-version'] ?? 'v1'
    if (version !== 'v1' && version !== 'v2') throw new Refused('invalid_api_version', 400, 'Invalid API Version requested')
    if (request.headers['node-red-deployment-type'] === 'reload') {
      sendJson(response, 200, { rev: (await control.flows.current(by)).rev })
      return true
    }
    const body = parseJson(await readBody(request, deployLimitBytes), readFlows)
    const { flows, rev, comment } = version === 'v1' ? { flows: body } as DeployBody : ((body ?? {}) as DeployBody)
    if (!Array.isArray(flows)) throw new Refused('flows.malformed', 400, 'The flows must be a JSON array of nodes.')
    const result = await control.flows.deploy({
      nodes: flows as EditorNode[],
      ...(typeof rev === 'string' ? { rev } : {}),
      ...(typeof comment === 'string' ? { comment } : {}),
      user: by,
    })
    if (version === 'v1') {
      response.writeHead(204)
      response.end()
    } else {
      sendJson(response, 200, result)
    }
    return true
  }

  /** The code that the form of the map node runs: that of the gateway, without its types. */
  async function sendMapping(response: ServerResponse, file: string): Promise<true> {
    const text = await mappingFiles(file)
    if (text === undefined) return sendPlain(response, 404)
    response.setHeader('cache-control', 'no-cache')
    sendText(response, 200, 'text/javascript; charset=utf-8', text)
    return true
  }

  async function signIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fields = await readFields(request)
    const { username, password } = fields
    const user = username && password && fields.grant_type === 'password'
      ? await control.users.authenticate(username, password, options.clientOf(request))
      : undefined
    // Status and body as oauth2orize gives them: Node-RED tooling looks at both.
    if (!user) return sendJson(response, 403, { error: 'invalid_grant', error_description: 'Invalid resource owner credentials' })
    const { token } = await control.users.issueToken(user.name, 'editor', sessionMs)
    // The editor's own dialog renews the page session as well, so that its next reload does not ask again.
    if (isSameOrigin(request)) response.setHeader('set-cookie', toSessionCookie(token, { ttlMs: sessionMs, secure }))
    response.setHeader('cache-control', 'no-store')
    sendJson(response, 200, { access_token: token, expires_in: Math.floor(sessionMs / 1000), token_type: 'Bearer' })
  }

  async function signOut(request: IncomingMessage, response: ServerResponse, token: string): Promise<true> {
    const named = (await readFields(request)).token
    if (named && named !== token) await control.users.revokeToken(named)
    await control.users.revokeToken(token)
    response.setHeader('set-cookie', toEndedSessionCookie(secure))
    sendJson(response, 200, { redirect: '/sign-in' })
    return true
  }

  async function inject(request: IncomingMessage, response: ServerResponse, rights: FlowRights, node: string): Promise<true> {
    need(rights.mayWrite(node))
    const body = await readJson(request, 1024 * 1024)
    const props = (body as { __user_inject_props__?: unknown } | undefined)?.__user_inject_props__
    const answers = await control.gateways.command({ do: 'inject', node, ...(Array.isArray(props) ? { props } : {}) })
    return sendPlain(response, answers.some((one) => one.error === undefined) ? 200 : 404)
  }

  async function setDebug(response: ServerResponse, rights: FlowRights, nodes: readonly string[], state: string): Promise<true> {
    need(rights.mayWrite())
    if (state !== 'enable' && state !== 'disable') return sendPlain(response, 404)
    const active = state === 'enable'
    const { nodes: deployed } = await control.flows.current()
    const known = new Set(deployed.flatMap(({ id, type }) => (type === 'debug' ? [id] : [])))
    // One that he does not see is as none.
    const wanted = [...new Set(nodes)].filter((node) => known.has(node) && rights.mayRead(node))
    if (wanted.length === 0) return sendPlain(response, 404)
    need(wanted.every((node) => rights.mayWrite(node)))
    await Promise.all(wanted.map((node) => control.gateways.command({ do: 'debug', node, active })))
    return sendPlain(response, active ? 200 : 201)
  }
}

/** Whatever takes a path apart decodes it (RFC 3986 §2.1). @throws Refused `request.malformed` 400 when that cannot be done */
function checkEncoding(path: string): void {
  try {
    decodeURIComponent(path)
  } catch {
    throw new Refused('request.malformed', 400, 'The path holds a percent-encoding that is none.')
  }
}

function need(may: boolean): void {
  // 401, not 403: it is what the stock editor shows as "not authorised".
  if (!may) throw new Refused('auth.role', 401, 'Your roles do not allow this.')
}

function sendPlain(response: ServerResponse, status: number): true {
  sendText(response, status, 'text/plain; charset=utf-8', status < 400 ? 'OK' : 'Not Found')
  return true
}

function nodesOf(body: unknown): string[] {
  const nodes = (body as { nodes?: unknown } | undefined)?.nodes
  if (!Array.isArray(nodes)) throw new Refused('body.malformed', 400, 'The body must have a list `nodes`.')
  return nodes.filter((node) => typeof node === 'string')
}

/** Fields of a JSON or form body; texts only. */
async function readFields(request: IncomingMessage): Promise<Readonly<Record<string, string>>> {
  const text = (await readBody(request, 64 * 1024)).toString('utf8')
  const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '')
  if (!isJson) return Object.fromEntries(new URLSearchParams(text))
  try {
    const entries = Object.entries(JSON.parse(text) as object).filter((entry) => typeof entry[1] === 'string')
    return Object.fromEntries(entries) as Record<string, string>
  } catch {
    return {}
  }
}

const debugFiles: Readonly<Record<string, string>> = { 'view.html': 'text/html', 'debug.js': 'text/javascript', 'debug-utils.js': 'text/javascript' }

/** The debug window's page and scripts, which the stock debug node serves by itself. */
async function sendDebugView(response: ServerResponse, file: string): Promise<true> {
  const type = debugFiles[file]
  if (!type) return sendPlain(response, 404)
  const stock = dirname(createRequire(import.meta.url).resolve('@node-red/nodes'))
  const text = await readFile(join(stock, 'core/common/lib/debug', basename(file)), 'utf8')
  sendText(response, 200, `${type}; charset=utf-8`, text.replace('<!-- INSERT-THEME-CSS -->', ''))
  return true
}
