import { hash, randomBytes } from 'node:crypto'
import { BoundedMap } from '../core/bounded-map.ts'
import type { Clock } from '../core/time/clock.ts'
import type { Identities, VerifySignature } from '../core/access/identities.ts'

export interface IdentitiesOptions {
  readonly clock: Pick<Clock, 'elapsed'>
  /** Most that are kept; who proved it longest ago goes first. */
  readonly limit?: number
  /** How long a proof is believed after the last time it was given. */
  readonly believedMs?: number
}

interface Proof {
  readonly application: string
  readonly untilMs: number
}

/** Proofs of a minute, by a hash of the credential under a key that lives in this process only. */
export function createIdentities({ clock, limit = 50_000, believedMs = 60_000 }: IdentitiesOptions): Identities {
  const key = randomBytes(32).toString('hex')
  const verifiers = { signature: new Set<VerifySignature>(), 'sign code': new Set<VerifySignature>() }
  const proofs = new BoundedMap<Proof>(limit)
  const markOf = (credential: string) => hash('sha256', `${key}${credential}`, 'base64')
  return {
    proved(credential, application) {
      proofs.set(markOf(credential), { application, untilMs: clock.elapsed() + believedMs })
    },
    refused(credential) {
      proofs.delete(markOf(credential))
    },
    find(credential) {
      const mark = markOf(credential)
      const proof = proofs.get(mark)
      if (!proof) return undefined
      if (clock.elapsed() < proof.untilMs) return proof.application
      proofs.delete(mark)
      return undefined
    },
    addVerifier(kind, verify) {
      verifiers[kind].add(verify)
      return () => verifiers[kind].delete(verify)
    },
    verify(kind, request) {
      for (const verify of verifiers[kind]) {
        const known = verify(request)
        if (known) return known
      }
      return undefined
    },
  }
}
