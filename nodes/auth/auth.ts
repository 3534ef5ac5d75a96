import { type Check, createRulesDecider } from '../../runtime/core/access/client-rules.ts'
import { refuseCall } from '../../runtime/core/access/decision.ts'
import type { Fault } from '../../runtime/core/fault.ts'
import { type FaultCode, faults } from '../../runtime/core/faults.ts'
import { nothing, unchanged } from '../../runtime/core/labels/labels.ts'
import type { Identify, Identities } from '../../runtime/core/access/identities.ts'
import { type Mask, maskMessage } from '../../runtime/core/http/masked-request.ts'
import type { Message } from '../../runtime/core/message.ts'
import { defineNode } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import { markSandboxAnswer } from '../../runtime/core/access/sandbox-call.ts'
import { type Output, SentTo } from '../../runtime/core/step.ts'
import { admit, createClientMaker } from './admit.ts'
import { type AuthConfig, authSchema } from './auth-config.ts'
import { toChallenges } from './challenges.ts'
import { checkAuth } from './check-auth.ts'
import { createMethods } from './create-methods.ts'
import { createSlowDown } from './slow-down.ts'
import { toClaims } from './to-claims.ts'
import type { Call, Identity, Method, Verdict } from './verdict.ts'

type Port = 'ok' | 'refused'

/** Why a call is not let in. */
interface Refused {
  readonly code: FaultCode
  readonly checks: readonly Check[]
  /** Place of the check that decided; the last that failed when absent. */
  readonly decidedBy?: number
  /** Application that the credential is of, or says to be of. */
  readonly application?: string
  readonly passesAtMs?: number
  readonly guess?: boolean
  readonly missing?: readonly string[]
  readonly retryAfterSeconds?: number
}

/** What was said of the credential that the answer is about, and the place of its check. */
interface Worst {
  readonly verdict: Exclude<Verdict, { kind: 'absent' | 'known' }>
  readonly place: number
}

/** Lets in whom it knows and who may call. */
export const auth = defineNode<AuthConfig, Port>({
  type: 'auth',
  category: 'protect',
  label: { en: 'auth', 'zh-TW': '身分驗證' },
  summary: { en: 'Lets in callers that prove who they are and may call this API.', 'zh-TW': '只讓能證明身分且有權呼叫此 API 的呼叫者通過。' },
  icon: 'fa-lock',
  color: '#C0DEED',
  outputs: ['ok', 'refused'],
  labels: unchanged,
  leaks: nothing,
  protects: true,
  credentials: { introspectionClientId: 'text', introspectionClientSecret: 'password' },
  faults: [
    'auth.missing', 'auth.invalid_key', 'auth.invalid_login', 'auth.invalid_token', 'auth.expired', 'auth.revoked', 'auth.signature', 'auth.replayed', 'auth.certificate',
    'auth.unknown_client', 'auth.scope', 'auth.clearance', 'auth.not_subscribed', 'auth.subscription_inactive', 'auth.too_many_attempts', 'auth.unavailable',
    'client.disabled', 'client.rules', 'ip.denied', 'plan.not_yet_valid', 'plan.expired', 'plan.hours', 'api.not_published', 'api.blocked', 'api.retired', 'api.sunset',
  ],
  config: authSchema,
  check: checkAuth,
  claims: toClaims,
  compile(config, scope) {
    const { clients, clock, identities } = scope
    const methods = createMethods(config, scope)
    for (const { proof, identify, alike } of identities ? methods : []) {
      if (!proof || !identify) continue
      // Of nodes that would say the same one is asked.
      const way = scope.share(`identify ${proof} ${alike}`, (): Identify => (request) => identify(request, clock.now()), () => {})
      scope.onRetire((identities as Identities).add(scope.node.id, proof, way))
    }
    const slowDown = scope.share('slow down', () => createSlowDown(clock), () => {})
    const decideRules = scope.share('client rules', createRulesDecider, () => {})
    const makeClient = createClientMaker()
    const wanted = { scopes: config.scopes, clearances: config.clearances }
    const mask: Mask = {
      headers: [...new Set(methods.flatMap(({ carries }) => carries.header ?? []))],
      query: [...new Set(methods.flatMap(({ carries }) => carries.query ?? []))],
    }
    const refusedWired = scope.isWired?.('refused') ?? false

    function decide(who: Identity, method: Method, call: Call, message: Message): Output<Port> | Promise<Output<Port>> {
      const admission = admit(who, call, wanted, clients, decideRules, undefined, makeClient)
      if ('client' in admission) {
        const { environment } = admission.client
        call.run.noteEnvironment?.(environment)
        call.run.noteCaller?.(admission.client)
        if (environment === 'sandbox') markSandboxAnswer(call.run)
        const shown = config.hideCredential ? maskMessage(message, call.request, mask) : message
        return new SentTo(0, { ...shown, client: admission.client })
      }
      const checks: Check[] = []
      admit(who, call, wanted, clients, decideRules, checks)
      const { code, missing, retryAtMs } = admission
      return refuse(message, call.run, {
        code,
        checks: [{ check: method.kind, passed: true }, ...checks],
        ...(who.known ? { application: who.known.application.id } : {}),
        ...(missing ? { missing } : {}),
        ...(retryAtMs === undefined ? {} : { passesAtMs: retryAtMs, retryAfterSeconds: Math.max(1, Math.ceil((retryAtMs - call.nowMs) / 1000)) }),
      })
    }

    /** Answers a refusal: who guesses gets the answer late. */
    function refuse(message: Message, run: Run, refused: Refused): Output<Port> | Promise<Output<Port>> {
      const ready = refused.guess && run.request ? slowDown.failed(run.request.ip, run) : true
      if (ready === true) return answer(message, run, refused)
      if (ready === false) return answer(message, run, { ...refused, code: 'auth.too_many_attempts', retryAfterSeconds: 30 })
      return ready.then(() => answer(message, run, refused))
    }

    function answer(message: Message, run: Run, { code, checks, decidedBy, application, passesAtMs, missing, retryAfterSeconds }: Refused): Output<Port> {
      const headers: Record<string, string> = {}
      if (faults[code].status === 401 || code === 'auth.scope') headers['WWW-Authenticate'] = toChallenges(methods, config.realm, code, missing)
      if (retryAfterSeconds !== undefined) headers['Retry-After'] = String(retryAfterSeconds)
      const made = refuseCall(scope, run, { code, checks, decidedBy, application, passesAtMs, facts: missing && { missing }, headers })
      const shown = run.request ? maskMessage(message, run.request, mask) : message
      if (refusedWired) return { refused: { ...shown, error: toError(made, scope.node) } }
      made.shown = shown
      throw made
    }

    /** Asks one method after the other. What a method cannot say at once is waited for; most say it at once. */
    function identify(call: Call, message: Message, at: number, checks: Check[], first: Worst | undefined): Output<Port> | Promise<Output<Port>> {
      for (let i = at; i < methods.length; i += 1) {
        const method = methods[i] as Method
        const verdict = method.verify(call)
        if (verdict instanceof Promise) {
          return verdict.then((settled) => settled.kind === 'known' ? decide(settled.who, method, call, message) : identify(call, message, i + 1, note(checks, method, settled), worst(first, settled, checks.length - 1)))
        }
        if (verdict.kind === 'known') return decide(verdict.who, method, call, message)
        note(checks, method, verdict)
        first = worst(first, verdict, checks.length - 1)
      }
      if (!first) return refuse(message, call.run, { code: 'auth.missing', checks })
      const { verdict, place } = first
      return refuse(message, call.run, {
        code: verdict.code,
        checks,
        decidedBy: place,
        guess: verdict.kind === 'foreign' || verdict.guess === true,
        ...(verdict.kind === 'refused' && verdict.application !== undefined ? { application: verdict.application } : {}),
        ...(verdict.kind === 'refused' && verdict.retryAfterSeconds !== undefined ? { retryAfterSeconds: verdict.retryAfterSeconds } : {}),
      })
    }

    return function auth(message, run) {
      const { request } = run
      if (!request) return refuse(message, run, { code: 'auth.missing', checks: [{ check: 'request', passed: false, reason: 'the run was not started by a request' }] })
      if (!clients.fresh) return refuse(message, run, { code: 'auth.unavailable', checks: [{ check: 'records', passed: false, reason: 'control was silent for too long' }], retryAfterSeconds: 10 })
      return identify({ request, run, nowMs: clock.now() }, message, 0, [], undefined)
    }
  },
})

function note(checks: Check[], method: Method, verdict: Verdict): Check[] {
  if (verdict.kind === 'absent') checks.push({ check: method.kind, passed: false, reason: 'not there' })
  else if (verdict.kind !== 'known') checks.push({ check: method.kind, passed: false, reason: verdict.reason, ...('application' in verdict ? { application: verdict.application } : {}) })
  return checks
}

/** The verdict to answer with: the first of a credential that was meant for a method goes before one that was not. */
function worst(before: Worst | undefined, verdict: Verdict, place: number): Worst | undefined {
  if (verdict.kind === 'absent' || verdict.kind === 'known') return before
  return before === undefined || (before.verdict.kind === 'foreign' && verdict.kind === 'refused') ? { verdict, place } : before
}

function toError({ code, status, title, message, facts, headers }: Fault, node: { readonly id: string; readonly type: string; readonly name?: string }): object {
  return { code, status, title, message, facts, ...(headers ? { headers } : {}), source: { id: node.id, type: node.type, ...(node.name ? { name: node.name } : {}) } }
}
