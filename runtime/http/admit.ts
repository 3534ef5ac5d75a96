import { type Admission, gatewayLimitType, gatewayLine } from '../core/access/admission.ts'
import type { Check } from '../core/access/client-rules.ts'
import type { Route } from '../core/deployment.ts'
import { refuseCall, type Refuser } from '../core/access/decision.ts'
import { fault, toFault, type Fault, type FaultFacts } from '../core/fault.ts'
import type { FaultCode } from '../core/faults.ts'
import { type Holding, holdingHeader } from '../core/lines/holding.ts'
import type { Place } from '../core/lines/lines.ts'
import type { Message } from '../core/message.ts'
import type { Log } from '../core/log.ts'
import { noTurnCodes, retryAfterMsHeader, toRetryAfter, toTurnCheck } from '../core/lines/no-turn.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'
import type { Exchange } from './exchange.ts'

/** As callers are told of it. */
const resource = 'this gateway'

/** How long a call that comes from a run of this gateway waits: a run that waits for itself would never end. */
const ownPatienceMs = 250

/** Calls that come from runs of this gateway. */
export interface OwnCalls {
  /** The line in front of the gateway's limit, as marks call it. */
  readonly line: string
  has(request: RequestFacts): boolean
}

export function toOwnCalls(holding: Holding): OwnCalls {
  const line = holding.idOf('gateway', gatewayLine)
  return { line, has: ({ headers }) => holding.isHeld(line, headers[holdingHeader]) }
}

/** Keeps why calls were refused at the limit. */
export interface LimitRefuser extends Omit<Refuser, 'node'> {
  readonly log: Log
}

/** What takes calls in, or refuses them. */
export interface Gate {
  readonly admission: Admission
  readonly own: OwnCalls | undefined
  /** Absent: refusals are not kept. */
  readonly refuser: LimitRefuser | undefined
}

/** Begins the run when there is room, else when its turn comes; whoever gets no turn is told when to come again. */
export function admit({ admission, own, refuser }: Gate, exchange: Exchange, route: Route, request: RequestFacts, message: Message): void {
  const { deployment } = exchange
  const limitMs = deployment.limitMsOf(route)
  const isOwn = own !== undefined && own.has(request)
  exchange.held = own?.line
  const turn = admission.enter(route, request, isOwn ? Math.min(ownPatienceMs, limitMs) : limitMs, request.wireBody?.length ?? 0, settle)
  exchange.turn = turn
  const { state } = turn.place
  if (state === 'admitted') return exchange.run(request, message)
  if (state === 'refused') return refuse(turn.place)
  // It runs on the deployment that it came in on, which must not be retired before.
  const leave = deployment.expect((reason) => exchange.fail(reason))
  exchange.turn = {
    place: turn.place,
    end() {
      turn.end()
      leave()
    },
  }
  exchange.watch()

  function settle(place: Place): void {
    try {
      if (place.state === 'refused') return refuse(place)
      exchange.waitedMs = place.waitedMs
      exchange.noteWait(place.waitedMs)
      exchange.run(request, message)
    } catch (error) {
      exchange.fail(toFault(error))
    }
  }

  function refuse(place: Place): void {
    exchange.noteWait(place.waitedMs)
    exchange.fail(toRefusal(place))
  }

  function toRefusal(place: Place): Fault {
    const { reason = 'closed', priority, retryAfterMs } = place
    const check = toTurnCheck(place, admission.facts(), Math.min(limitMs, admission.maxWaitMs))
    if (isOwn && (reason === 'expired' || reason === 'hopeless')) return toKept('queue.self', { resource }, { ...check, reason: 'self' })
    const { ms, seconds } = toRetryAfter(retryAfterMs)
    const headers = { 'Retry-After': String(seconds), [retryAfterMsHeader]: String(ms) }
    return toKept(noTurnCodes[reason], { resource, priority }, check, headers, ms)
  }

  function toKept(code: FaultCode, facts: FaultFacts, check: Check, headers?: Readonly<Record<string, string>>, passesInMs?: number): Fault {
    if (!refuser) return fault(code, facts, undefined, headers)
    return refuseCall(
      { ...refuser, node: { id: route.node, type: gatewayLimitType, flow: route.flow } },
      { id: exchange.id, flow: route.flow, request, log: refuser.log },
      { code, facts, headers, checks: [check], application: turn.application, ...(passesInMs === undefined ? {} : { passesAtMs: refuser.clock.now() + passesInMs }) },
    )
  }
}
