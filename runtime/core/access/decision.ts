import type { Check } from './client-rules.ts'
import type { Clients } from './clients.ts'
import { refusalFault, type Fault, type FaultFacts } from '../fault.ts'
import { faults, type FaultCode } from '../faults.ts'
import type { Log } from '../log.ts'
import type { RequestFacts } from '../http/request-facts.ts'

/** Why a call was refused. Holds no secret: no header, no body, no query, no credential; a counter's key has what is the caller's own as a hash. */
export interface Decision {
  /** Of the run; with a number behind it when something else of that name was refused before. */
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** What the caller sees as `X-Request-Id`. */
  readonly run: string
  readonly flow: string
  readonly node: string
  readonly nodeType: string
  readonly nodeName?: string
  readonly code: string
  readonly status: number
  /** Application that the credential is of, or names. */
  readonly application?: string
  /** Of the application. */
  readonly organisation?: string
  readonly api?: string
  /** Organisation of the API. */
  readonly provider?: string
  readonly plan?: string
  readonly method?: string
  /** Pattern of the route, never what the caller wrote. */
  readonly route?: string
  readonly ip?: string
  /** What was looked at, in order, with what it was compared with. */
  readonly checks: readonly Check[]
  /** Place of the check that decided. */
  readonly decidedBy: number
  /** When the same call can pass, ms since the epoch, if time alone makes it so. */
  readonly passesAtMs?: number
}

/** Where decisions are kept. */
export interface Decisions {
  /** Keeps a decision and gives its id. Never throws, never waits, and costs the same however many there are. */
  record(decision: Omit<Decision, 'id'>): string
  /** One of the newest. */
  get(id: string): Decision | undefined
  /**
   * Whether the log is to have a line of its own for another refusal like this: how many were like it since the last that had one;
   * `undefined` when it is to have none. Absent: every refusal has its line.
   */
  say?(node: string, code: string): number | undefined
}

/** Decisions on their way to control: oldest first, no more than its rate allows. */
export interface DecisionQueue {
  /** The oldest that wait, and how many were left out since they were last told; nothing is taken out. */
  peek(limit: number): { readonly decisions: readonly Decision[]; readonly dropped: number }
  /** What `peek` gave has arrived. */
  sent(decisions: readonly Decision[], dropped: number): void
  /** Told when something waits; one listener. */
  onWaiting(listener: () => void): void
}

/** What refuses. */
export interface Refuser {
  readonly node: { readonly id: string; readonly type: string; readonly name?: string; readonly flow: string }
  readonly clients: Pick<Clients, 'application' | 'apiOfFlow'>
  readonly decisions: Pick<Decisions, 'record' | 'say'>
  readonly clock: { now(): number }
}

/** What is refused. */
export interface RefusedCall {
  readonly id: string
  /** Flow (tab) it entered by. */
  readonly flow: string
  readonly request?: RequestFacts
  readonly log: Log
}

export interface Refusal {
  readonly code: FaultCode
  readonly checks: readonly Check[]
  /** Place of the check that decided; the last that failed when absent. */
  readonly decidedBy?: number | undefined
  /** What the caller may know besides the id of the decision. */
  readonly facts?: FaultFacts | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly cause?: unknown
  /** When the same call can pass, ms since the epoch. */
  readonly passesAtMs?: number | undefined
  /** Id of the application that calls, or that the credential names. */
  readonly application?: string | undefined
  readonly plan?: string | undefined
}

/**
 * Refuses a call: the one way for all that refuse. What was looked at is kept under an id, which the fault carries to the caller as its fact
 * `decision`, and logged, of many alike a few.
 */
export function refuseCall({ node, clients, decisions, clock }: Refuser, call: RefusedCall, refusal: Refusal): Fault {
  const { code, facts, headers, cause, passesAtMs, plan } = refusal
  const { request } = call
  const application = refusal.application === undefined ? undefined : clients.application(refusal.application)
  const api = clients.apiOfFlow(call.flow)
  const checks = toPlainChecks(refusal.checks)
  const decision = decisions.record({
    at: clock.now(),
    run: call.id,
    flow: call.flow,
    node: node.id,
    nodeType: node.type,
    ...(node.name === undefined ? {} : { nodeName: cut(node.name) }),
    code,
    status: faults[code].status,
    ...(application ? { application: application.id, organisation: application.organisation } : {}),
    ...(api ? { api: api.id, provider: api.organisation } : {}),
    ...(plan === undefined ? {} : { plan: cut(plan) }),
    ...(request ? { method: cut(request.method), route: cut(request.route), ip: request.ip } : {}),
    checks,
    decidedBy: placeOf(checks, refusal.decidedBy),
    ...(passesAtMs !== undefined && Number.isFinite(passesAtMs) ? { passesAtMs: Math.ceil(passesAtMs) } : {}),
  })
  const alike = decisions.say ? decisions.say(node.id, code) : 0
  if (alike !== undefined) call.log.info({ decision, code, node: node.id, ip: request?.ip, checks, ...(alike > 0 ? { alike } : {}) }, 'A call was refused.')
  return refusalFault(code, { ...facts, decision }, cause, headers)
}

function placeOf(checks: readonly Check[], given: number | undefined): number {
  if (given !== undefined && given >= 0 && given < checks.length) return given
  const last = checks.findLastIndex(({ passed }) => !passed)
  return last === -1 ? Math.max(0, checks.length - 1) : last
}

const checksKept = 50
const itemsKept = 20
const charactersKept = 200

/** Checks as plain, bounded data: whatever a record or a configuration is long of does not make decisions long. */
function toPlainChecks(checks: readonly Check[]): readonly Check[] {
  return checks.slice(0, checksKept).map((check) => {
    const plain: Record<string, unknown> = {}
    for (const name in check) if (check[name] !== undefined) plain[name] = toPlain(check[name], 0)
    return plain as Check
  })
}

function toPlain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cut(value)
  if (typeof value === 'boolean' || value === null || (typeof value === 'number' && Number.isFinite(value))) return value
  if (typeof value !== 'object' || depth > 3) return String(value).slice(0, charactersKept)
  if (Array.isArray(value)) return value.slice(0, itemsKept).map((item) => toPlain(item, depth + 1))
  return Object.fromEntries(Object.entries(value).slice(0, itemsKept).map(([name, item]) => [name, toPlain(item, depth + 1)]))
}

function cut(text: string): string {
  return text.length > charactersKept ? `${text.slice(0, charactersKept - 1)}…` : text
}
