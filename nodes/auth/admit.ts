import type { Check, DecideRules } from '../../runtime/core/access/client-rules.ts'
import type { Api, Application, ClientCredential, Clients, MessageClient, Plan } from '../../runtime/core/access/clients.ts'
import { closedCode, isPastSunset } from '../../runtime/core/access/closed-api.ts'
import type { FaultCode } from '../../runtime/core/faults.ts'
import { type Call, type Identity, noScopes } from './verdict.ts'

/** What an identified caller gets. */
export type Admission =
  | { readonly client: MessageClient }
  | { readonly code: FaultCode; readonly retryAtMs?: number; readonly missing?: readonly string[] }

/** What a node asks for beside identity. */
export interface Wanted {
  /** All of them. */
  readonly scopes: readonly string[]
  /** One of them; none: whatever the record says. */
  readonly clearances: readonly string[]
}

const defaultPriority = 5
const noAttributes: Readonly<Record<string, string>> = Object.freeze({})

/**
 * Decides whether somebody who is known may call this flow now: application, credential, client rules, scopes, clearance,
 * the API's life and the subscription, in this order. `checks` takes what was looked at: who only lets in needs no list.
 */
export function admit(who: Identity, call: Call, wanted: Wanted, clients: Clients, decideRules: DecideRules, checks?: Check[], makeClient: MakeClient = toClient): Admission {
  const { request, run, nowMs } = call
  const application = who.known?.application
  const credential = who.known?.credential

  if (application && credential) {
    checks?.push({ check: 'application', passed: application.active, application: application.id })
    if (!application.active) return { code: 'client.disabled' }
    checks?.push({ check: 'credential', passed: credential.active, kind: credential.kind })
    if (!credential.active) return { code: 'auth.revoked' }
    if (credential.expiresAt) {
      const expired = hasExpired(credential.expiresAt, nowMs)
      checks?.push({ check: 'credential not expired', passed: !expired, expiresAt: credential.expiresAt })
      if (expired) return { code: 'auth.expired' }
    }
    const rules = decideRules(application.rules, { ip: request.ip, nowMs })
    checks?.push(...rules.checks)
    if (rules.code) return { code: rules.code, ...(rules.retryAtMs === undefined ? {} : { retryAtMs: rules.retryAtMs }) }
  }

  if (wanted.scopes.length > 0) {
    const missing = wanted.scopes.filter((scope) => !who.scopes.includes(scope))
    checks?.push({ check: 'scopes', passed: missing.length === 0, wanted: wanted.scopes, missing })
    if (missing.length > 0) return { code: 'auth.scope', missing }
  }
  if (wanted.clearances.length > 0) {
    const cleared = wanted.clearances.includes(application?.rules.clearance ?? '')
    checks?.push({ check: 'clearance', passed: cleared, wanted: wanted.clearances })
    if (!cleared) return { code: 'auth.clearance' }
  }

  const api = clients.apiOfFlow(run.flow)
  let plan: Plan | undefined
  if (api) {
    const refused = closedCode(api.lifecycle) ?? (isPastSunset(api, nowMs) ? 'api.sunset' : undefined)
    checks?.push({ check: 'API', passed: refused === undefined, api: api.id, lifecycle: api.lifecycle })
    if (refused) return { code: refused }
    plan = planOf(application, api, clients)
    if (!plan && api.lifecycle !== 'PROTOTYPED') {
      const { code, check } = whyNoPlan(application, api)
      checks?.push(check)
      return { code }
    }
  }
  return { client: makeClient(who, application, credential, plan) }
}

/** A time that cannot be read is over. */
function hasExpired(expiresAt: string, nowMs: number): boolean {
  const ms = Date.parse(expiresAt)
  return Number.isNaN(ms) || nowMs >= ms
}

/** The plan of an approved subscription; of several the one that goes first. */
function planOf(application: Application | undefined, api: Api, clients: Clients): Plan | undefined {
  let best: Plan | undefined
  if (!application) return undefined
  for (const subscription of application.subscriptions) {
    if (subscription.api !== api.id || subscription.state !== 'approved') continue
    const plan = clients.plan(subscription.plan)
    if (plan && (!best || plan.priority < best.priority)) best = plan
  }
  return best
}

/** Why there is no plan: no subscription, or none that counts. */
function whyNoPlan(application: Application | undefined, api: Api): { readonly code: FaultCode; readonly check: Check } {
  const states = (application?.subscriptions ?? []).filter((subscription) => subscription.api === api.id).map(({ state }) => state)
  if (states.length === 0) return { code: 'auth.not_subscribed', check: { check: 'subscription', passed: false, reason: 'no subscription' } }
  const reason = states.includes('approved') ? 'its plan is not known' : 'not approved'
  return { code: 'auth.subscription_inactive', check: { check: 'subscription', passed: false, reason, states } }
}

/**
 * What a client without a record counts as. Issuers may call their clients alike, or as an application is called here: none must
 * pass for another, nor use up what is another's. No id of an application has a space.
 */
function strangerOf({ client, issuer = '' }: Identity): string {
  return client === undefined ? '' : `${issuer} ${client}`
}

/** Makes what flows see of a caller. */
export type MakeClient = (who: Identity, application: Application | undefined, credential: ClientCredential | undefined, plan: Plan | undefined) => MessageClient

/**
 * Makes each caller's once for as long as the records are the same: a record is never changed, a new version is a new object.
 */
export function createClientMaker(): MakeClient {
  const known = new WeakMap<ClientCredential, { readonly application: Application; readonly plan: Plan | undefined; readonly client: MessageClient }>()
  return (who, application, credential, plan) => {
    if (!application || !credential || who.subject !== undefined || who.scopes !== noScopes) return toClient(who, application, credential, plan)
    const before = known.get(credential)
    if (before && before.application === application && before.plan === plan) return before.client
    const client = toClient(who, application, credential, plan)
    known.set(credential, { application, plan, client })
    return client
  }
}

function toClient(who: Identity, application: Application | undefined, credential: ClientCredential | undefined, plan: Plan | undefined): MessageClient {
  const clearance = application?.rules.clearance
  return Object.freeze({
    id: who.subject ?? application?.id ?? '',
    application: application?.id ?? strangerOf(who),
    organisation: application?.organisation ?? '',
    environment: credential?.environment ?? 'production',
    ...(plan ? { plan: plan.id } : {}),
    priority: plan?.priority ?? defaultPriority,
    scopes: who.scopes,
    ...(clearance === undefined ? {} : { clearance }),
    attributes: application?.rules.attributes ?? noAttributes,
  })
}
