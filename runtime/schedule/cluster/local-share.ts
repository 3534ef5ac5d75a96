import type { Clock } from '../../core/time/clock.ts'
import type { LineFacts, LinePolicy, LineSpec, Place } from '../../core/lines/lines.ts'
import type { Priority } from '../../core/lines/priority.ts'
import { TimedLine } from '../line/timed-line.ts'
import type { ClusterPlace } from './cluster-place.ts'

/** Redis is asked every tenth of a second whether it is back. */
const comeAgainMs = 1000

/** This gateway's part of a shared line's slots, and who waits for them, while Redis is away; nobody has a turn where the policy says so. */
export class LocalShare {
  readonly #clock: Clock
  readonly #shares: number
  readonly #line: TimedLine
  #refuses: boolean

  /** @param shares gateways among which the slots are shared out */
  constructor(spec: LineSpec, clock: Clock, shares: number) {
    this.#clock = clock
    this.#shares = shares
    this.#refuses = spec.policy.whenAway === 'refuse'
    this.#line = new TimedLine({ ...spec, policy: toShare(spec.policy, shares) }, clock)
  }

  setPolicy(policy: LinePolicy): void {
    this.#refuses = policy.whenAway === 'refuse'
    this.#line.setPolicy(toShare(policy, this.#shares))
  }

  /** Gives a place of the shared line one here. @param tell whether it is told when it need not wait */
  enter(place: ClusterPlace, tell: boolean): ClusterPlace {
    if (this.#refuses) return this.#refuse(place, tell)
    const follow = (local: Place) => {
      place.state = local.state
      place.reason = local.reason
      place.retryAfterMs = local.retryAfterMs
      place.waitedMs = this.#clock.elapsed() - place.enteredMs
    }
    const leftMs = Math.max(0, place.untilMs - this.#clock.elapsed())
    place.local = this.#line.enter(place.priority, leftMs, (local) => {
      follow(local)
      place.settled(place)
    })
    follow(place.local)
    if (tell && place.state !== 'waiting') place.settled(place)
    return place
  }

  #refuse(place: ClusterPlace, tell: boolean): ClusterPlace {
    place.state = 'refused'
    place.reason = 'unavailable'
    place.retryAfterMs = comeAgainMs
    place.waitedMs = this.#clock.elapsed() - place.enteredMs
    if (tell) place.settled(place)
    return place
  }

  leave(place: Place): void {
    this.#line.leave(place)
  }

  moveClass(from: Priority, to: Priority): number {
    return this.#line.moveClass(from, to)
  }

  pause(): void {
    this.#line.pause()
  }

  resume(): void {
    this.#line.resume()
  }

  drain(): void {
    this.#line.drain()
  }

  facts(): LineFacts {
    return this.#line.facts()
  }

  close(): void {
    this.#line.close()
  }
}

function toShare(policy: LinePolicy, shares: number): LinePolicy {
  return { ...policy, slots: policy.slots === Infinity ? Infinity : Math.max(1, Math.floor(policy.slots / shares)), ...(policy.ratePerSecond === undefined ? {} : { ratePerSecond: policy.ratePerSecond / shares }) }
}
