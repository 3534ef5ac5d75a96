import type { LinePolicy } from '../../core/lines/lines.ts'
import type { ClusterPlace } from './cluster-place.ts'

/** Deadlines become ranks in steps of so many milliseconds, again from the start every 29 hours. */
const deadlineStepMs = 50
const deadlineSteps = 2 ** 21 - 2
/** Longest wait that tells deadlines apart. */
const longestMs = 3_600_000

/** Rank of a class: BullMQ's 0 goes before all others and is kept for those whose turn it is out of order. */
export const rankOfClass = (priority: number): number => priority + 1
export const classOfRank = (rank: number): number => rank - 1

/** Where a place stands among those of all gateways: smaller goes first. */
export function toRank(place: ClusterPlace, { order }: LinePolicy, wallNow: number, nowMs: number): number {
  if (order !== 'deadline') return rankOfClass(place.priority)
  const untilMs = wallNow - nowMs + Math.min(place.untilMs, place.enteredMs + longestMs)
  return 1 + (Math.floor(untilMs / deadlineStepMs) % deadlineSteps)
}
