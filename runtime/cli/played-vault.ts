import { createHash } from 'node:crypto'
import { BoundedMap } from '../core/bounded-map.ts'
import type { Vault, VaultAnswer, VaultAsk } from '../core/secrets/vault.ts'
import { askPlayedKey, played } from './played-keys.ts'

const remembered = 10_000

/**
 * The vault of cases: it keeps nothing and knows nobody, so that running a case neither fills a domain nor shows what is in one. The same
 * value gets the same token every time, whatever the mode, so that a case can expect it; `played:X` stands for X. Whoever let a caller in may see
 * values. There is a key of every name: {@link askPlayedKey}.
 */
export function createPlayedVault(): Vault {
  const byToken = new BoundedMap<{ readonly domain: string; readonly value: string; readonly json: boolean }>(remembered)

  function find(domain: string, token: string): { readonly value: string; readonly json: boolean } | undefined {
    if (token.startsWith(played)) return { value: token.slice(played.length), json: false }
    const held = byToken.get(token)
    return held?.domain === domain ? held : undefined
  }

  function answer(ask: VaultAsk): VaultAnswer | Promise<VaultAnswer> {
    switch (ask.do) {
      case 'tokenize': {
        const { domain, value, json = false } = ask
        const digest = createHash('sha256').update(JSON.stringify([domain, value, json])).digest()
        const token = ask.mode === 'shape' ? inShape(value, digest, ask.keepLast ?? 0) : digest.toString('base64url').replaceAll(/[-_]/g, 'x').slice(0, 22)
        byToken.set(token, { domain, value, json })
        return { token }
      }
      case 'verify': {
        const held = find(ask.domain, ask.token)
        return { same: held !== undefined && held.value === ask.value && held.json === (ask.json ?? false) }
      }
      case 'reveal': {
        const { domain, token, viewer: { client, purpose } } = ask
        if (client === undefined) return { fault: 'detoken.denied', facts: { domain, purpose } }
        const held = find(domain, token)
        return held ? { value: held.value, ...(held.json ? { json: true } : {}) } : { fault: 'token.unknown', facts: { domain } }
      }
      default:
        return askPlayedKey(ask)
    }
  }

  return { ask: (asks) => Promise.all(asks.map(async (ask) => await answer(ask))) }
}

/** Digits for digits and letters for letters. */
function inShape(value: string, digest: Buffer, keepLast: number): string {
  const characters = Array.from(value)
  return characters.map((character, place) => {
    if (place >= characters.length - keepLast) return character
    const byte = digest[place % digest.length] as number
    if (/\d/.test(character)) return String(byte % 10)
    if (/[a-z]/.test(character)) return String.fromCharCode(97 + (byte % 26))
    return /[A-Z]/.test(character) ? String.fromCharCode(65 + (byte % 26)) : character
  }).join('')
}
