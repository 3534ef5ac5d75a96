import type { Place } from '../../core/lines.ts'
import { Ticket } from '../line/ticket.ts'
import type { Slot } from './shared-tickets.ts'

/** A slot that this gateway holds: whoever of its own waits may have it next. */
export interface HeldSlot extends Slot {
  /** Policy of the line when it was taken; under a newer one it goes back first, as there may be fewer now. */
  readonly policyNumber: number
  /** Its lock ended before it was renewed: somebody else may hold it. */
  lost: boolean
  /** Since when nobody uses it. */
  idleSinceMs: number
}

/** A place in a line that many gateways share. The run behind it never leaves this gateway; only the place's name does. */
export class ClusterPlace extends Ticket {
  /** Name of its ticket in Redis; it says since when it waits. */
  id = ''
  slot: HeldSlot | undefined
  cancelTimer: (() => void) | undefined
  /** Place in the line of this gateway alone, while the shared one is away. */
  local: Place | undefined
}

/** @param enteredAt milliseconds since epoch */
export function toTicketId(gateway: string, enteredAt: number, sequence: number): string {
  return `${gateway}-${Math.round(enteredAt)}-${sequence}`
}

/** When a ticket came, by the clock of its gateway, milliseconds since epoch. */
export function enteredAtOf(ticketId: string): number {
  return Number(ticketId.split('-')[1])
}
