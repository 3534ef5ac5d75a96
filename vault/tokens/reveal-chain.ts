import { createHmac, type KeyObject } from 'node:crypto'
import { toCanonicalJson } from '../../ledger/canonical-json.ts'
import type { RevealRow } from '../store/vault-store.ts'

/** Name of the chain, and scope of the key that makes its hashes. */
export const revealChain = 'reveals'

/**
 * Hash of a line of the record of reveals: over the hash before and the line, under a key of the vault, so that who has the database
 * alone cannot make the chain anew.
 */
export function hashReveal(key: KeyObject, before: string, { at, domain, token, client, purpose, run, flow, node, outcome, number }: Omit<RevealRow, 'hash'>): string {
  const content = { at, domain, token, client, purpose, run, flow, node, outcome }
  return createHmac('sha256', key).update(toCanonicalJson([revealChain, before, number, content])).digest('hex')
}
