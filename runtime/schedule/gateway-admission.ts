import { type Admission, gatewayLine, type StandingOf, type Turn } from '../core/access/admission.ts'
import type { Clock } from '../core/time/clock.ts'
import type { LineObserver } from '../core/lines/line-observer.ts'
import { defaultAgeingShare, defaultWeights, type LinePolicy, type Place } from '../core/lines/lines.ts'
import { lowestPriority, priorities } from '../core/lines/priority.ts'
import type { AdaptiveLimit } from './adaptive-limit.ts'
import { TimedLine } from './line/timed-line.ts'
import { tellObserver } from './tell-observer.ts'

export interface GatewayAdmissionOptions {
  /** Requests in flows at once; of no account with an adaptive limit. */
  readonly limit: number
  /** Finds the limit by itself. Absent: it is fixed. */
  readonly adaptive?: AdaptiveLimit
  /** Share of the limit that only priority 0 may use, 0 … 0.5. */
  readonly reservedShare: number
  readonly maxWaitMs: number
  readonly maxDepth: number
  /** Bodies of all that wait, together; those of callers nobody knows have no more than half of it. */
  readonly bodiesLimitBytes: number
}

export interface GatewayAdmissionParts {
  readonly clock: Clock
  readonly standingOf: StandingOf
  readonly observer: LineObserver
}

/** The limit, and the line as operators see it. */
export interface GatewayAdmission extends Admission {
  readonly line: TimedLine
}

/** The limit of one gateway on requests in flows, with a line in front of it: by priority, then by arrival, with ageing. */
export function createGatewayAdmission(options: GatewayAdmissionOptions, { clock, standingOf, observer }: GatewayAdmissionParts): GatewayAdmission {
  const { adaptive, maxWaitMs, bodiesLimitBytes } = options
  const line = new TimedLine({ name: gatewayLine, scope: 'gateway', policy: policyOf(adaptive?.limit ?? options.limit) }, clock)
  let waitingBytes = 0
  let underWay = 0

  function policyOf(slots: number): LinePolicy {
    const reserved = Math.floor(slots * options.reservedShare)
    return {
      order: 'strict', slots, ageingShare: defaultAgeingShare, weights: defaultWeights, maxDepth: options.maxDepth,
      ...(reserved > 0 ? { reserve: [reserved, ...Array.from({ length: priorities - 1 }, () => 0)] } : {}),
    }
  }

  class Entered implements Turn {
    place!: Place
    application: string | undefined = undefined
    #startedMs = -1
    #bodyBytes = 0

    begin(): void {
      underWay += 1
      this.#startedMs = clock.elapsed()
    }

    keep(bodyBytes: number): void {
      this.#bodyBytes = bodyBytes
      waitingBytes += bodyBytes
    }

    letGo(): void {
      waitingBytes -= this.#bodyBytes
      this.#bodyBytes = 0
    }

    end(): void {
      this.letGo()
      const startedMs = this.#startedMs
      if (startedMs >= 0) {
        this.#startedMs = -1
        const atOnce = underWay
        underWay -= 1
        if (adaptive) learn(startedMs, atOnce)
      }
      line.leave(this.place)
    }
  }

  function learn(startedMs: number, atOnce: number): void {
    const now = clock.elapsed()
    if ((adaptive as AdaptiveLimit).note(now - startedMs, atOnce, now)) line.setPolicy(policyOf((adaptive as AdaptiveLimit).limit))
  }

  return {
    line,
    enter(route, request, patienceMs, bodyBytes, settled) {
      const turn = new Entered()
      if (line.hasRoom) {
        turn.place = line.enter(lowestPriority, patienceMs, settled)
        turn.begin()
        observer.served(gatewayLine, undefined, 0)
        return turn
      }
      const { priority, application } = standingOf(route, request)
      turn.application = application
      const fits = waitingBytes + bodyBytes <= (priority === lowestPriority ? bodiesLimitBytes / 2 : bodiesLimitBytes)
      const note = (place: Place) => {
        if (place.state === 'admitted') turn.begin()
        tellObserver(observer, gatewayLine, place)
      }
      const place = (turn.place = line.enter(priority, fits ? Math.min(patienceMs, maxWaitMs) : 0, (now) => {
        turn.letGo()
        note(now)
        settled(now)
      }))
      if (place.state === 'waiting') turn.keep(bodyBytes)
      else note(place)
      return turn
    },
    maxWaitMs,
    facts: () => line.facts(),
    close: () => line.close(),
  }
}
