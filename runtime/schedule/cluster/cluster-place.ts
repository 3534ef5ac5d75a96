import type { Place } from '../../core/lines/lines.ts'
import { Ticket } from '../line/ticket.ts'
import type { HeldSlot } from './slots-here.ts'

/** A place in a line that many gateways share. The run behind it never leaves this gateway, and Redis knows nothing of it. */
export class ClusterPlace extends Ticket {
  /** Rank of the ticket that it wants to stand in Redis for it. */
  rank = 0
  slot: HeldSlot | undefined
  cancelTimer: (() => void) | undefined
  /** Place in the line of this gateway alone, while the shared one is away. */
  local: Place | undefined
}
