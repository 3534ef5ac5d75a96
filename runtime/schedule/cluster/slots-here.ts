import { zeroPerClass } from '../../core/lines/priority.ts'
import type { ClusterPlace } from './cluster-place.ts'
import { lockMs, type Slot } from './line-tickets.ts'

/** A slot that this gateway holds: whoever of its own waits may have it next, or another gateway. */
export interface HeldSlot extends Slot {
  /** Policy of the line when it came here; under a newer one it goes back first, as there may be fewer now. */
  readonly policyNumber: number
  /** When its lock was last known to be renewed. */
  renewedMs: number
  /** Its lock ended before it was renewed: somebody else may hold it. */
  lost: boolean
  /** Since when nobody uses it. */
  restsSinceMs: number
}

/** A lock whose renewal is further back may be over before a word of that is heard. */
const trustedMs = lockMs - 500
/** So long a slot that nobody needs stays with the gateway that had it: the next caller costs no message. */
export const restMs = 10

/** Slots of a shared line that this gateway has: in use, or at rest for a moment. */
export class SlotsHere {
  readonly #inUse = new Map<string, ClusterPlace>()
  /** The one that is longest so first. */
  readonly #resting: HeldSlot[] = []

  get all(): HeldSlot[] {
    return [...this.#resting, ...this.#inUse.values().map(({ slot }) => slot as HeldSlot)]
  }

  get size(): number {
    return this.#inUse.size + this.#resting.length
  }

  get someRest(): boolean {
    return this.#resting.length > 0
  }

  use(slot: HeldSlot, place: ClusterPlace): void {
    place.slot = slot
    this.#inUse.set(slot.id, place)
  }

  /** Whoever used it is through. */
  free(place: ClusterPlace): HeldSlot {
    const slot = place.slot as HeldSlot
    this.#inUse.delete(slot.id)
    return slot
  }

  rest(slot: HeldSlot, nowMs: number): void {
    slot.restsSinceMs = nowMs
    this.#resting.push(slot)
  }

  /** The one that has rested shortest. */
  takeRested(): HeldSlot | undefined {
    return this.#resting.pop()
  }

  /** Takes out those that have rested long enough. */
  takeOverdue(nowMs: number): HeldSlot[] {
    const staying = this.#resting.findIndex(({ restsSinceMs }) => nowMs - restsSinceMs < restMs)
    return this.#resting.splice(0, staying < 0 ? this.#resting.length : staying)
  }

  /** When the next has rested long enough. */
  get nextOverdueMs(): number {
    return (this.#resting[0]?.restsSinceMs ?? Infinity) + restMs
  }

  /** How many are in use, by class. */
  countByClass(): number[] {
    const counts = zeroPerClass()
    for (const { priority } of this.#inUse.values()) counts[priority] = (counts[priority] as number) + 1
    return counts
  }
}

/** Whether nobody else can have a slot by now, as far as its lock says. */
export function isSurelyHeld(slot: HeldSlot, nowMs: number): boolean {
  return !slot.lost && nowMs - slot.renewedMs <= trustedMs
}
