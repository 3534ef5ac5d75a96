import { randomBytes } from 'node:crypto'
import type { Clients, Credentialed } from '../../runtime/core/access/clients.ts'
import { BoundedMap } from '../../runtime/core/bounded-map.ts'

/** Opens secrets that callers sign with; each once, until its record changes. They stay in memory and go nowhere. */
export function createSigningSecrets(clients: Clients) {
  const opened = new BoundedMap<Buffer>(10_000)
  /** Stands in for the secret of nobody, so that it takes as long to refuse. */
  const nobody = randomBytes(32)
  return {
    nobody,
    /** `undefined` when no record knows the id, or its secret cannot be opened. */
    of(id: string): { readonly known: Credentialed; readonly secret: Buffer } | undefined {
      const known = clients.byHmacId(id)
      if (known?.credential.kind !== 'hmac') return undefined
      const { sealed } = known.credential
      let secret = opened.get(sealed)
      if (!secret) {
        try {
          secret = clients.open(sealed)
        } catch {
          return undefined
        }
        opened.set(sealed, secret)
      }
      return { known, secret }
    },
  }
}

export type SigningSecrets = ReturnType<typeof createSigningSecrets>
