import type { IncomingMessage, ServerResponse } from 'node:http'
import { Refused, type Control } from '../control/contract.ts'
import type { NodeDefinition } from '../runtime/core/node.ts'
import { apiRoutes } from './api.ts'
import { sendAsset } from './assets.ts'
import { html } from './html.ts'
import { keySetRoutes } from './key-sets.ts'
import { layout } from './layout.ts'
import { accountRoutes } from './pages/account.ts'
import { consumerRoutes } from './pages/consumers/consumers.ts'
import { dataFlowRoutes } from './pages/data-flows.ts'
import { docsRoutes } from './pages/docs.ts'
import { gatewayRoutes } from './pages/gateways.ts'
import { acceptedWorkRoutes } from './pages/accepted-work.ts'
import { queueRoutes } from './pages/queues.ts'
import { referenceRoutes } from './pages/reference/reference.ts'
import { releaseRoutes } from './pages/releases.ts'
import { signInRoutes } from './pages/sign-in.ts'
import { startRoutes } from './pages/start.ts'
import { userRoutes } from './pages/users.ts'
import { vaultRoutes } from './pages/vault/vault.ts'
import { sayProblem, sayWhy } from './refusals.ts'
import type { SignInElsewhere } from './sign-in-elsewhere.ts'
import { recordsApiRoutes } from './records-api/routes.ts'
import { translator } from './texts.ts'
import type { Exchange } from './web/exchange.ts'
import { toLanguage } from './web/language.ts'
import { redirect, sendHtml, sendJson, sendProblem, toRefused } from './web/reply.ts'
import { findRoute, type PageRoute } from './web/router.ts'
import { setSecurityHeaders } from './web/security-headers.ts'
import { identify, isSameOrigin, mayUse } from './web/session.ts'

/** An API that the start page offers to try. `path` begins with a slash and is ready to be called. */
export interface SampleApi {
  readonly title: { readonly en: string; readonly 'zh-TW': string }
  readonly path: string
  readonly method?: string
}

/** A node of Node-RED's core that does not run here: not yet, or never. */
export interface AbsentNode {
  readonly type: string
  /** What a person calls it; the type if left out. */
  readonly name?: string
  readonly never?: boolean
}

export interface PortalOptions {
  readonly control: Control
  readonly definitions: readonly NodeDefinition[]
  readonly notYet: readonly AbsentNode[]
  /** True when browsers arrive by TLS, wherever it ends. */
  readonly secure: boolean
  /** Where browsers find the pages when that is not the host they name. */
  readonly publicOrigin?: string
  /** How long a sign-in lasts, ms. */
  readonly sessionMs: number
  /** Address of whoever asks, for counting failed sign-ins. */
  clientOf(request: IncomingMessage): string
  /** Signing in at the authorization server. Absent: there is none. */
  readonly elsewhere?: SignInElsewhere | undefined
  /** Another provider at which people may sign in there. */
  readonly upstream?: { readonly issuer: string; readonly name: string } | undefined
  readonly editorPath: string
  gatewayUrls(): readonly string[]
  readonly samples: readonly SampleApi[]
  readonly log?: ((level: 'error' | 'warn', text: string, cause?: unknown) => void) | undefined
}

export interface Portal {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** What it answers and who may ask, for the test that tries every one of them. */
  readonly routes: readonly PageRoute[]
}

/** The pages beside the editor, and the JSON API of the command line. */
export function createPortal(options: PortalOptions): Portal {
  const routes: readonly PageRoute[] = [
    ...signInRoutes(options), ...startRoutes(options), ...accountRoutes(options), ...userRoutes(options),
    ...releaseRoutes(options), ...gatewayRoutes(options), ...queueRoutes(options), ...acceptedWorkRoutes(options), ...vaultRoutes(options), ...dataFlowRoutes(options), ...keySetRoutes(options), ...consumerRoutes(options), ...referenceRoutes(options), ...docsRoutes(options), ...apiRoutes(options), ...recordsApiRoutes(options),
  ]

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    setSecurityHeaders(response, 'page', options.secure)
    const url = new URL(request.url ?? '/', 'http://sluice')
    const method = request.method ?? 'GET'
    if (url.pathname === '/healthz') return sendJson(response, 200, { status: 'ok', connectorsInTrouble: options.control.consumers.connectors.alarms().length, ledgerWitnessesAway: options.control.ledgers.witnessesAway })
    if (url.pathname.startsWith('/assets/')) return sendAsset(response, url.pathname.slice('/assets/'.length))
    response.setHeader('cache-control', 'no-store') // pages show what only the signed-in may see
    const isApi = url.pathname.startsWith('/api/')
    const identity = await identify(request, options.control.users, options.secure, isApi ? options.control.accessTokens : undefined)
    const { user } = identity
    const from = options.clientOf(request)
    const exchange: Exchange = {
      request, response, method, url, ...identity,
      ...(user && !isApi ? { flows: await options.control.flows.rights({ name: user.name, role: user.role, from }) } : {}),
      language: toLanguage(request.headers.cookie, request.headers['accept-language']),
      from,
    }
    try {
      await answer(exchange, isApi)
    } catch (thrown) {
      if (response.headersSent) return void response.destroy()
      const refused = toRefused(thrown)
      if (refused.status >= 500) options.log?.('error', `${method} ${url.pathname} failed.`, thrown)
      if (exchange.scopes && refused.code === 'auth.role') response.setHeader('www-authenticate', 'Bearer error="insufficient_scope"')
      if (isApi) sendProblem(response, refused)
      else sendRefusal(exchange, refused)
    }
  }

  async function answer(exchange: Exchange, isApi: boolean): Promise<void> {
    const { method, url, user, response } = exchange
    const match = findRoute(routes, method, url.pathname)
    if (match.kind === 'method') {
      response.setHeader('allow', match.allow.join(', '))
      throw new Refused('method.none', 405, `${url.pathname} does not answer ${method}.`)
    }
    const access = match.kind === 'found' ? match.route.access : 'viewer' // nobody learns what is not there
    if (!mayUse(user, access)) {
      if (user) throw new Refused('auth.role', 403, translator(exchange.language)('notAllowed'))
      if (isApi) {
        response.setHeader('www-authenticate', 'Bearer')
        throw new Refused('auth.required', 401, 'Send a bearer token.')
      }
      return redirect(response, `/sign-in?next=${encodeURIComponent(method === 'GET' ? url.pathname + url.search : '/')}`)
    }
    if (match.kind === 'none') throw new Refused('route.none', 404, translator(exchange.language)('notFound'))
    // A token that was given for less than everything opens nothing that does not look at what it is good for.
    if (exchange.scopes && match.route.access !== 'public' && (!match.route.scoped || exchange.scopes.length === 0)) throw new Refused('auth.role', 403, 'This access token is not good for it.')
    const writes = method !== 'GET' && method !== 'HEAD'
    // A form, also the one that signs in. A bearer token is sent knowingly, and the API's sign-in sets no cookie.
    const byBrowser = exchange.byCookie || (!user && !isApi)
    if (writes && byBrowser && !isSameOrigin(exchange.request)) throw new Refused('auth.origin', 403, translator(exchange.language)('wrongOrigin'))
    await match.route.handle(exchange, match.params)
  }

  return { handle, routes }
}

function sendRefusal(exchange: Exchange, refused: Refused): void {
  const t = translator(exchange.language)
  const body = html`<h1>${t('wentWrong')}</h1>
${refused.problems.length > 0 && html`<ul class="problems">${refused.problems.map((problem) => html`<li>${sayProblem(problem, t)}</li>`)}</ul>`}
<p><a class="button" href="${exchange.request.headers.referer && isSameOrigin(exchange.request) ? exchange.request.headers.referer : '/'}">${t('back')}</a></p>`
  sendHtml(exchange.response, refused.status, layout(exchange, { title: t('wentWrong'), body, notice: { kind: 'bad', text: sayWhy(refused, exchange.language) } }))
}
