import { Alarm } from './alarm.ts'
import type { ClusterLink } from './cluster-link.ts'
import type { ClusterPlace } from './cluster-place.ts'
import type { KnownClaims } from './known-claims.ts'
import type { Quietly } from './quietly.ts'

/** Somebody waits so long, once for the first class and ten times for the tenth, before other gateways are called. */
const callAfterMs = 8
/** When the gateway that was called has not helped by then, the next one is. */
const callEveryMs = 8
/** Of those that may wait so long before others are called, the others learn in time by themselves. */
const callWithinMs = 20

export interface CallsForHelpOptions {
  readonly line: string
  readonly link: ClusterLink
  readonly known: KnownClaims
  /** The most important that waits here, if others would help. */
  readonly best: () => ClusterPlace | undefined
  readonly quietly: Quietly
}

/** Calls one gateway after the other for whoever waits here longer than one so important should. */
export class CallsForHelp {
  readonly #options: CallsForHelpOptions
  readonly #alarm: Alarm
  /** For whom others were called last, and which. */
  #called: { readonly place: ClusterPlace; readonly gateways: Set<string> } | undefined

  constructor(options: CallsForHelpOptions) {
    this.#options = options
    this.#alarm = new Alarm(options.link.clock, () => this.#call())
  }

  /** Somebody waits. */
  watch(place: ClusterPlace): void {
    if (isUrgent(place)) this.#alarm.setFor(callAtMs(place))
  }

  stop(): void {
    this.#alarm.stop()
  }

  #call(): void {
    const { line, link, known, quietly } = this.#options
    const best = this.#options.best()
    if (!best || !isUrgent(best)) return
    const now = link.clock.elapsed()
    if (now < callAtMs(best)) return this.#alarm.setFor(callAtMs(best))
    if (this.#called?.place !== best) this.#called = { place: best, gateways: new Set() }
    const { gateways } = this.#called
    const helper = known.helperFor(best.priority, gateways)
    if (helper === undefined) return
    gateways.add(helper)
    this.#alarm.setFor(now + callEveryMs)
    void quietly(() => link.tell(helper, { line, priority: best.priority, waitedMs: Math.round(now - best.enteredMs) }))
  }
}

/** When others are called for somebody: the more important, the sooner. */
function callAtMs({ enteredMs, priority }: ClusterPlace): number {
  return enteredMs + callAfterMs * (priority + 1)
}

/** Whether others would learn of somebody too late by themselves. */
function isUrgent({ priority }: ClusterPlace): boolean {
  return callAfterMs * (priority + 1) < callWithinMs
}
