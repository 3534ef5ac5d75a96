import type { LinePolicy } from '../../core/lines/lines.ts'
import { priorities, zeroPerClass } from '../../core/lines/priority.ts'

/** What is assumed to be left where arrivals of higher classes take everything. */
const leastShare = 0.01

const none: readonly number[] = zeroPerClass()

/** Starts per millisecond when nobody rests; undefined while nothing is known. */
export function capacityPerMs({ slots, ratePerSecond }: LinePolicy, serviceMs: number | undefined): number | undefined {
  const byRate = ratePerSecond === undefined ? undefined : ratePerSecond / 1000
  if (slots === Infinity || serviceMs === undefined) return byRate
  const bySlots = slots / Math.max(serviceMs, 0.001)
  const capacity = byRate === undefined ? bySlots : Math.min(bySlots, byRate)
  return capacity > 0 ? capacity : undefined
}

/**
 * How long somebody of a class who came now would wait behind those that wait: 0 while nothing is known.
 * @param waiting how many wait, by class; not none of all
 * @param arrivalsPerMs of late, by class: in strict order those of higher classes go first when they come
 */
export function estimateMs(policy: LinePolicy, serviceMs: number | undefined, waiting: readonly number[], priority: number, arrivalsPerMs: readonly number[] = none): number {
  const capacity = capacityPerMs(policy, serviceMs)
  const total = waiting.reduce((sum, count) => sum + count, 0)
  if (capacity === undefined || total === 0) return 0
  switch (policy.order) {
    case 'deadline': return (total + 1) / capacity
    case 'weighted': {
      let weights = 0
      for (let at = 0; at < priorities; at += 1) if (at === priority || (waiting[at] as number) > 0) weights += policy.weights[at] as number
      return (((waiting[priority] as number) + 1) * weights) / (capacity * (policy.weights[priority] as number))
    }
    default: {
      const share = policy.ageingShare
      let top = priorities
      let lowest = -1
      for (let at = 0; at < priorities; at += 1) {
        if ((waiting[at] as number) === 0) continue
        if (top === priorities) top = at
        lowest = at
      }
      let ahead = 1
      let higher = 0
      let between = 1
      for (let at = 0; at < priorities; at += 1) {
        if (at <= priority) ahead += waiting[at] as number
        if (at < priority) higher += arrivalsPerMs[at] as number
        if (at > top && at < lowest) between += waiting[at] as number
      }
      const own = capacity * (lowest > priority ? 1 - share : 1) - higher
      const inOrder = own > 0 ? ahead / own : Infinity
      // However many come of higher classes, the lowest has its share, and those between have theirs.
      const aged = priority <= top ? Infinity : (priority >= lowest ? (waiting[priority] as number) + 1 : between) / (capacity * share)
      const least = Math.min(inOrder, aged)
      return least === Infinity ? ahead / (capacity * leastShare) : least
    }
  }
}
