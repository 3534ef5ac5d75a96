import type { Slot } from './line-tickets.ts'

/** A slot for a gateway that asked: from then on it holds the lock. */
export interface SlotMessage {
  readonly line: string
  readonly slot: Slot
  /** How long ago its lock was renewed, ms. */
  readonly lockAgeMs: number
  /** The ticket whose turn it was, when the slot comes by way of the queue; it says the class. */
  readonly ticket?: string
  /** The class that it was sent for, when it comes without a ticket. */
  readonly priority?: number
  /** The turn is for that class, also when somebody more important has come meanwhile. */
  readonly inClass: boolean
}

/** A ticket's turn was lost with a gateway that died: it is not given again. */
export interface LostMessage {
  readonly line: string
  readonly lost: string
}

/** Somebody waits on a gateway longer than one so important should: the next slot that becomes free on the one called is to go there. */
export interface CallMessage {
  readonly line: string
  readonly priority: number
  readonly waitedMs: number
}

/** What gateways tell each other: never anything of a request. */
export type LineMessage = SlotMessage | LostMessage | CallMessage
