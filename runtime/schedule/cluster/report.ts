import type { WaitingHere } from './waiting-here.ts'

/** What a gateway says of itself. */
export interface Report {
  /** How many slots it has. */
  readonly held: number
  /** Who waits there, by class: how many, and for how many ms the first does. */
  readonly waits: readonly (readonly [priority: number, count: number, waitedMs: number, ticket?: string])[]
  /** How many of a class begin there in a second of late, where that is known. */
  readonly paces?: readonly (readonly [priority: number, perSecond: number])[]
}

/**
 * What this gateway says of itself.
 * @param held how many slots it has
 * @param ticketOf the first ticket of a rank, where the others have to know it
 */
export function reportOf(waiting: WaitingHere, held: number, nowMs: number, ticketOf: (rank: number) => string | undefined): Report {
  const { firsts } = waiting
  const waits = firsts.map(({ priority, enteredMs, rank }) => {
    const said = [priority, waiting.sizeOf(priority), Math.round(nowMs - enteredMs)] as const
    const ticket = ticketOf(rank)
    return ticket === undefined ? said : ([...said, ticket] as const)
  })
  const paces = firsts.flatMap(({ priority }) => {
    const perMs = waiting.paceOf(priority, nowMs)
    return perMs === undefined ? [] : [[priority, Math.round(perMs * 100_000) / 100] as const]
  })
  return { held, waits, ...(paces.length > 0 && { paces }) }
}
