import { hash } from 'node:crypto'
import { Fault } from '../../runtime/core/fault.ts'
import type { State } from '../../runtime/core/state/state.ts'
import { refused, type Refusal } from './verdict.ts'

/** How far a caller's clock may be off, before and after, ms. */
export const skewMs = 300_000
/** A signature made by a clock that is ahead is good until the skew has passed twice; gateways' clocks differ as well. */
const keptMs = 3 * skewMs

/**
 * Lets a nonce of a key pass once, whichever gateway it comes to. While the shared store is away nothing signed is let in:
 * nobody could tell the first from the second.
 * @returns what refuses it, if anything
 */
export async function useNonce(state: State, keyId: string, nonce: string, run: string): Promise<Refusal | undefined> {
  const key = `auth/nonce/${hash('sha256', JSON.stringify([keyId, nonce]), 'base64url')}`
  try {
    const before = await state.records.setIfAbsent(key, run, keptMs)
    return before === undefined ? undefined : refused('auth.replayed', 'its nonce was used before')
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return refused('auth.unavailable', 'whether it was used before cannot be found out', { retryAfterSeconds: 5 })
  }
}
