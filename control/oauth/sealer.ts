import { hkdfSync } from 'node:crypto'
import { seal, unseal } from '../../runtime/core/secrets/seal.ts'
import type { SealingKey } from '../keys/key-files.ts'

/** Seals under a key of the authorization server's own, derived from the credential key. */
export interface Sealer {
  seal(text: string, about: string): string
  /** `undefined` when no known key sealed it so. */
  open(sealed: string, about: string): string | undefined
}

export function createSealer(keys: { readonly current: SealingKey; readonly older: readonly SealingKey[] }): Sealer {
  const current = deriveKey(keys.current, 'sluice authorization server')
  const all = [current, ...keys.older.map((key) => deriveKey(key, 'sluice authorization server'))]
  return {
    seal: (text, about) => seal(current, text, about),
    open(sealed, about) {
      for (const key of all) {
        try {
          return unseal(key, sealed, about)
        } catch {
          // perhaps under the next one
        }
      }
      return undefined
    },
  }
}

/** A key for one purpose (RFC 5869). */
export function deriveKey({ key }: SealingKey, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', purpose, 32))
}
