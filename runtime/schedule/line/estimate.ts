import type { LinePolicy } from '../../core/lines.ts'
import { priorities } from '../../core/priority.ts'

const none: readonly number[] = Array.from({ length: priorities }, () => 0)

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
      let ahead = 1
      let lower = 0
      let higher = 0
      for (let at = 0; at < priorities; at += 1) {
        if (at <= priority) ahead += waiting[at] as number
        else lower += waiting[at] as number
        if (at < priority) higher += arrivalsPerMs[at] as number
      }
      const share = policy.ageingShare
      const own = capacity * (lower > 0 ? 1 - share : 1) - higher
      // What arrives may be more than can be served; then the class lives on the share that ageing leaves it.
      return ahead / Math.max(own, capacity * Math.max(share, 0.01))
    }
  }
}
