import { createHmac, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clients, Credentialed } from '../../runtime/core/access/clients.ts'
import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import { keyOfBytes } from '../../runtime/core/secrets/key-of-bytes.ts'

/** Who signs, and whether something is signed by it. */
export interface Signer {
  readonly known: Credentialed
  fits(text: string, signature: Buffer): boolean
}

/** Opens secrets that callers sign with; each once, until its record changes. They stay in memory and go nowhere. */
export function createSigningSecrets(clients: Clients) {
  const opened = new BoundedMap<KeyObject>(10_000)
  /** Stands in for the secret of nobody, so that it takes as long to refuse. */
  const nobody = keyOfBytes(randomBytes(32))
  return {
    nobody: { fits: (text: string, signature: Buffer) => isSignedWith(nobody, text, signature) },
    /** `undefined` when no record knows the id, or its secret cannot be opened. */
    of(id: string): Signer | undefined {
      const known = clients.bySigner(id)
      if (known?.credential.kind !== 'hmac') return undefined
      const { sealed } = known.credential
      const secret = opened.get(sealed) ?? open(sealed)
      return secret && { known, fits: (text, signature) => isSignedWith(secret, text, signature) }
    },
  }

  function open(sealed: string): KeyObject | undefined {
    try {
      const secret = keyOfBytes(clients.open(sealed))
      opened.set(sealed, secret)
      return secret
    } catch {
      return undefined
    }
  }
}

export type SigningSecrets = ReturnType<typeof createSigningSecrets>

/** HMAC-SHA256, compared in constant time. */
function isSignedWith(secret: KeyObject, text: string, signature: Buffer): boolean {
  const right = createHmac('sha256', secret).update(text).digest()
  return signature.length === right.length && timingSafeEqual(signature, right)
}
