import type { Check, DecideRules } from '../../runtime/core/client-rules.ts'
import type { Api, Application, ClientCredential, Clients, MessageClient, Plan } from '../../runtime/core/clients.ts'
import type { FaultCode } from '../../runtime/core/faults.ts'
import type { Call, Identity } from './verdict.ts'

/** What an identified caller gets. */
export type Admission =
  | { readonly client: MessageClient; readonly checks: readonly Check[] }
  | { readonly code: FaultCode; readonly retryAtMs?: number; readonly missing?: readonly string[]; readonly checks: readonly Check[] }

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
 * the API's life and the subscription, in this order.
 */
export function admit(who: Identity, call: Call, wanted: Wanted, clients: Clients, decideRules: DecideRules): Admission {
  const checks: Check[] = []
  const look = (check: string, passed: boolean, facts: object = {}): boolean => {
    checks.push({ check, passed, ...facts })
    return passed
  }
  const { request, run, nowMs } = call
  const application = who.known?.application
  const credential = who.known?.credential

  if (application && credential) {
    if (!look('application', application.active, { application: application.id })) return { code: 'client.disabled', checks }
    if (!look('credential', credential.active, { kind: credential.kind })) return { code: 'auth.revoked', checks }
    if (!look('credential not expired', !hasExpired(credential, nowMs), { expiresAt: credential.expiresAt })) return { code: 'auth.expired', checks }
    const rules = decideRules(application.rules, { ip: request.ip, nowMs })
    checks.push(...rules.checks)
    if (rules.code) return { code: rules.code, checks, ...(rules.retryAtMs === undefined ? {} : { retryAtMs: rules.retryAtMs }) }
  }

  const missing = wanted.scopes.filter((scope) => !who.scopes.includes(scope))
  if (wanted.scopes.length > 0 && !look('scopes', missing.length === 0, { wanted: wanted.scopes, missing })) return { code: 'auth.scope', missing, checks }
  const clearance = application?.rules.clearance
  if (wanted.clearances.length > 0 && !look('clearance', clearance !== undefined && wanted.clearances.includes(clearance), { wanted: wanted.clearances })) return { code: 'auth.clearance', checks }

  const api = clients.apiOfFlow(run.flow)
  let plan: Plan | undefined
  if (api) {
    const refused = lifecycleCode(api)
    if (!look('API', refused === undefined, { api: api.id, lifecycle: api.lifecycle })) return { code: refused as FaultCode, checks }
    const found = subscribe(application, api, clients)
    plan = found.plan
    if (api.lifecycle !== 'PROTOTYPED' && !look('subscription', plan !== undefined, found.facts)) return { code: found.code, checks }
  }
  return { client: toClient(who, application, credential, plan), checks }
}

function hasExpired({ expiresAt }: ClientCredential, nowMs: number): boolean {
  if (!expiresAt) return false
  const ms = Date.parse(expiresAt)
  return Number.isNaN(ms) || nowMs >= ms
}

function lifecycleCode({ lifecycle }: Api): FaultCode | undefined {
  if (lifecycle === 'CREATED') return 'api.not_published'
  if (lifecycle === 'BLOCKED') return 'api.blocked'
  return lifecycle === 'RETIRED' ? 'api.retired' : undefined
}

/** The approved subscription whose plan comes first in line; who has none is told which kind of none. */
function subscribe(application: Application | undefined, api: Api, clients: Clients): { readonly plan?: Plan; readonly code: FaultCode; readonly facts: object } {
  const own = (application?.subscriptions ?? []).filter((subscription) => subscription.api === api.id)
  const plans = own.flatMap(({ state, plan }) => (state === 'approved' ? [clients.plan(plan)] : [])).filter((plan) => plan !== undefined)
  const best = plans.reduce<Plan | undefined>((first, plan) => (first && first.priority <= plan.priority ? first : plan), undefined)
  const states = own.map(({ state }) => state)
  if (best) return { plan: best, code: 'auth.not_subscribed', facts: { plan: best.id } }
  if (own.length === 0) return { code: 'auth.not_subscribed', facts: { reason: 'no subscription' } }
  return { code: 'auth.subscription_inactive', facts: { states, ...(states.includes('approved') ? { reason: 'its plan is not known' } : {}) } }
}

function toClient(who: Identity, application: Application | undefined, credential: ClientCredential | undefined, plan: Plan | undefined): MessageClient {
  const clearance = application?.rules.clearance
  return Object.freeze({
    id: who.subject ?? application?.id ?? '',
    application: application?.id ?? who.client ?? '',
    organisation: application?.organisation ?? '',
    environment: credential?.environment ?? 'production',
    ...(plan ? { plan: plan.id } : {}),
    priority: plan?.priority ?? defaultPriority,
    scopes: who.scopes,
    ...(clearance === undefined ? {} : { clearance }),
    attributes: application?.rules.attributes ?? noAttributes,
  })
}
