import type { Turn } from '../line/turns.ts'
import { priorities } from '../../core/lines/priority.ts'
import type { Claim } from './known-claims.ts'

/** Somebody who waits on this gateway. */
export interface Own {
  readonly priority: number
  /** Since when, by the clock of this gateway. */
  readonly enteredMs: number
}

/**
 * How long somebody more important may wait on another gateway before a slot leaves this one, once for the first class and ten times for
 * the tenth; and how much longer than ours somebody of the same class. A slot that changes gateways stands empty for as long as a message
 * between them takes.
 */
const graceMs = { higher: 10, same: 100 } as const

/** Which claims a turn is for. */
export function claimsOf(turn: Turn): { readonly from: number; readonly to: number; readonly byClass: boolean } {
  if (turn.kind === 'between') return { from: turn.above + 1, to: turn.below, byClass: false }
  return turn.kind === 'class' ? { from: turn.priority, to: turn.priority + 1, byClass: false } : { from: turn.priority, to: priorities, byClass: true }
}

/**
 * Whether a slot that has become free here goes to another gateway. It never does for somebody less important, unless nobody waits here.
 * @param own who of this gateway would take the turn
 * @param claim who elsewhere would
 * @param byClass whether the more important of the two goes first; else who has waited longer does
 */
export function isOwedElsewhere(own: Own | undefined, claim: Claim | undefined, nowMs: number, byClass: boolean): boolean {
  if (!claim) return false
  if (!own) return true
  if (!byClass || own.priority === claim.priority) return own.enteredMs - claim.sinceMs > graceMs.same
  return claim.priority < own.priority && (claim.called || nowMs - claim.sinceMs > graceMs.higher * (claim.priority + 1))
}
