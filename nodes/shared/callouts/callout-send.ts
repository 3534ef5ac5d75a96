import { createHash } from 'node:crypto'
import { fault } from '../../../runtime/core/fault.ts'
import type { Message } from '../../../runtime/core/message.ts'
import { toText } from '../../../runtime/core/values/path-template.ts'
import type { Scope } from '../../../runtime/core/node.ts'
import type { Run } from '../../../runtime/core/run.ts'
import { compileTypedValue } from '../../../runtime/core/values/typed-value.ts'
import type { UpstreamSecret } from '../../../runtime/core/upstream/upstream.ts'
import type { CallOptions, ServiceSpec } from '../../../runtime/core/upstream/upstream-service.ts'
import { toPlainWay, toServiceWay, type Way } from './callout-way.ts'
import { admitCredentials } from './credential-uses.ts'
import { type CalloutAuth, openAuth } from './open-auth.ts'
import { openService, toOwnSpec, toServiceSpec } from './open-upstream.ts'
import { toUpstreamConfig, type UpstreamConfig } from './upstream-config.ts'
import { toTries, type UpstreamOptions } from './upstream-options.ts'

/** What of a callout's config says how its requests go out. */
export interface SendConfig {
  /** Id of an upstream; empty: none. */
  readonly upstream: string
  readonly url: string
  /** Id of what proves who calls; empty: the upstream's, if it has any; undefined: it proves it itself. */
  readonly auth: string | undefined
  readonly tellBudget: 'auto' | 'yes' | 'no'
  /** `own`: as `options` say. */
  readonly resilience: 'upstream' | 'own'
}

/** How a callout's requests go out, and what of its config its upstream decides. */
export interface Sender extends Way {
  /** The callout's URL, whole. */
  readonly url: string
  readonly tellBudget: boolean
  /** The TLS configuration is the callout's own matter. */
  readonly ownTls: boolean
}

/** @throws Fault `config.invalid` when something that it refers to is missing */
export async function compileSend(config: SendConfig, scope: Scope, options?: UpstreamOptions): Promise<Sender> {
  const named = config.upstream === '' ? undefined : toNamed(config, scope)
  // Where callouts are answered by a case nothing is sent anywhere.
  if (scope.upstream.open) admitCredentials(config, scope)
  const auth = config.auth === undefined ? undefined : config.auth !== '' ? openAuth(config.auth, scope) : named !== undefined && named.auth !== '' ? openAuth(named.auth, scope) : undefined
  const tellBudget = config.tellBudget === 'auto' ? named?.tellBudget === true : config.tellBudget === 'yes'
  const place = named && toPlace(config.upstream, toServiceSpec(named, scope))
  const way = named && place ? await compileNamed(config, options, named, place, scope) : config.resilience === 'own' && options ? compileOwn(config, options, scope) : toPlainWay(scope)
  return {
    ...(auth ? withAuth(way, auth) : way),
    url: place ? place.origin + config.url.trim() : config.url,
    tellBudget,
    ownTls: named === undefined,
  }
}

function toNamed(config: SendConfig, scope: Scope): UpstreamConfig {
  const view = scope.configNode(config.upstream)
  if (view?.type !== 'upstream') throw fault('config.invalid', { message: 'The upstream that the callout names does not exist.' })
  return toUpstreamConfig(view)
}

/** A named upstream, and the origin that stands for its servers in the URLs of requests. */
interface Place {
  readonly spec: ServiceSpec
  readonly origin: string
}

/** Other servers, another origin: what is remembered of answers by their URL is not taken for an answer of somebody else. */
function toPlace(id: string, spec: ServiceSpec): Place {
  const servers = createHash('sha256').update(JSON.stringify([id, spec.targets?.targets.map(({ url }) => url)])).digest('hex')
  return { spec, origin: `http://${servers.slice(0, 16)}.upstream` }
}

async function compileNamed(config: SendConfig, own: UpstreamOptions | undefined, named: UpstreamConfig, { spec, origin }: Place, scope: Scope): Promise<Way> {
  const targets = spec.targets?.targets ?? []
  // Tabs whose environment gives other targets have an upstream of their own.
  const fromEnv = named.targets.some(({ url }) => /\$\{/.test(url)) || named.name.includes('${')
  const service = openService(scope, `upstream:${config.upstream}${fromEnv ? `:${targets.map(({ url }) => url).join(' ')}` : ''}`, spec)
  const tries = config.resilience === 'own' && own ? toTries(own) : undefined
  // As whoever writes the run down, or plays the service, knows it: which server it was is nobody's matter there.
  const shown = (url: string) => (targets[0]?.url ?? '').replace(/\/+$/, '') + url.slice(origin.length)
  if (!service) return toPlainWay(scope, shown)
  const options: CallOptions = tries ? { tries } : {}
  if (named.balance !== 'hash') return toServiceWay(service, scope, () => options, shown)
  const key = await compileTypedValue(named.hashKey, named.hashKeyType, scope)
  const withKey = (value: unknown): CallOptions => (value === undefined || value === null || value === '' ? options : { ...options, key: toText(value) })
  return toServiceWay(service, scope, (message, run) => {
    const found: unknown = key.evaluate(message, run)
    return found instanceof Promise ? found.then(withKey) : withKey(found)
  }, shown)
}

/** A memory of its own, for a callout that calls a URL. */
function compileOwn(config: SendConfig, options: UpstreamOptions, scope: Scope): Way {
  const service = openService(scope, `callout:${scope.node.path}/${scope.node.id}`, toOwnSpec(scope.node.name ?? hostOf(config.url), options))
  const none: CallOptions = {}
  return service ? toServiceWay(service, scope, () => none) : toPlainWay(scope)
}

/** With what proves who calls. */
function withAuth({ send, openStream, openTunnel }: Way, auth: CalloutAuth): Way {
  return {
    send: proving(send, auth, () => {}),
    openStream: openStream && proving(openStream, auth, ({ body }) => body.discard()),
    openTunnel: openTunnel && proving(openTunnel, auth, (reply) => ('tunnel' in reply ? reply.tunnel : reply.body).discard()),
  }
}

/** A token that the service does not take is replaced by another one, once: 401 says that nothing was done, whatever the method. */
function proving<Q extends { readonly secret?: UpstreamSecret }, R extends { readonly status: number }>(ask: (request: Q, message: Message, run: Run) => Promise<R>, auth: CalloutAuth, drop: (reply: R) => void): (request: Q, message: Message, run: Run) => Promise<R> {
  return async (request, message, run) => {
    const secret = await auth.secret(run)
    const reply = await ask({ ...request, secret }, message, run)
    if (reply.status !== 401 || !auth.refused(secret)) return reply
    drop(reply)
    return await ask({ ...request, secret: await auth.secret(run) }, message, run)
  }
}

function hostOf(url: string): string {
  const text = url.replace(/\$\{[^}]+\}/g, 'env')
  return URL.canParse(text) ? new URL(text).host : url
}
