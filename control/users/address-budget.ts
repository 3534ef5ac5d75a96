import { createAllowance, type AllowanceLimits } from '../../runtime/core/access/allowance.ts'
import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { customerNetwork } from '../../runtime/core/access/customer-network.ts'

export interface AddressBudgetLimits extends AllowanceLimits {
  /** Names remembered with the address they signed in from. */
  readonly names: number
}

/** A morning’s mistyped passwords of a large office, and 1800 guesses an hour. */
export const addressBudgetLimits: AddressBudgetLimits = { atOnce: 50, betweenMs: 2000, entries: 10_000, names: 10_000 }

/**
 * Wrong passwords that one address may try, whatever the names: whoever tries one password with many of them is slow. What was
 * right costs nothing, and a name that has signed in from the address is beside the budget (it has its own count, see
 * `createThrottle`), so the guesses of a neighbour behind the same address do not keep people out.
 */
export function createAddressBudget(clock: Pick<Clock, 'elapsed'>, limits: AddressBudgetLimits = addressBudgetLimits) {
  const allowance = createAllowance(clock, limits)
  const known = new BoundedMap<true>(limits.names)
  const keyOf = (name: string, address: string) => `${name}\n${customerNetwork(address)}`
  return {
    /** Takes an attempt. 0: the password may be looked at; else how long until one of this address may be, ms. */
    take: (name: string, address: string): number => (known.get(keyOf(name, address)) ? 0 : allowance.take(address)),
    /** It was right: the attempt is given back. */
    succeeded(name: string, address: string): void {
      const key = keyOf(name, address)
      if (!known.get(key)) allowance.giveBack(address)
      known.set(key, true)
    },
  }
}
