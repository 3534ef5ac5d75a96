import { type Admission, gatewayLine } from '../core/admission.ts'
import type { Route } from '../core/deployment.ts'
import { fault, toFault, type Fault } from '../core/fault.ts'
import { type Holding, holdingHeader } from '../core/holding.ts'
import type { Place } from '../core/lines.ts'
import type { Message } from '../core/message.ts'
import { noTurnCodes, retryAfterMsHeader, toRetryAfter } from '../core/no-turn.ts'
import type { RequestFacts } from '../core/request-facts.ts'
import type { Exchange } from './exchange.ts'

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

/** Begins the run when there is room, else when its turn comes; whoever gets no turn is told when to come again. */
export function admit(admission: Admission, own: OwnCalls | undefined, exchange: Exchange, route: Route, request: RequestFacts, message: Message): void {
  const { deployment } = exchange
  const limitMs = deployment.limitMsOf?.(route) ?? Infinity
  const isOwn = own !== undefined && own.has(request)
  exchange.held = own?.line
  const turn = admission.enter(route, request, isOwn ? Math.min(ownPatienceMs, limitMs) : limitMs, request.wireBody?.length ?? 0, settle)
  exchange.turn = turn
  const { state } = turn.place
  if (state === 'admitted') return exchange.run(request, message)
  if (state === 'refused') return refuse(turn.place)
  // It runs on the deployment that it came in on, which must not be retired before.
  const leave = deployment.expect?.((reason) => exchange.fail(reason))
  exchange.turn = {
    place: turn.place,
    end() {
      turn.end()
      leave?.()
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
    exchange.fail(isOwn && (place.reason === 'expired' || place.reason === 'hopeless') ? fault('queue.self', { resource: 'this gateway' }) : toRefusal(place))
  }
}

function toRefusal({ reason = 'closed', priority, retryAfterMs }: Place): Fault {
  const { ms, seconds } = toRetryAfter(retryAfterMs)
  return fault(noTurnCodes[reason], { resource: 'this gateway', priority }, undefined, { 'Retry-After': String(seconds), [retryAfterMsHeader]: String(ms) })
}
