import { hash, timingSafeEqual } from 'node:crypto'
import type { Clients } from '../../runtime/core/access/clients.ts'
import type { SlowDown } from './slow-down.ts'
import { absent, type Method, noScopes, refused } from './verdict.ts'

/** Stands in for the hash of a key that is not there, so that it takes as long to refuse. */
const nobody = '-'.repeat(43)
const longest = 512

const hashLength = nobody.length
/** Written over by every comparison, which nothing interrupts. */
const keptBytes = Buffer.alloc(hashLength)
const givenBytes = Buffer.alloc(hashLength)

/** In a time that says nothing of where they differ. */
function isSameHash(kept: string, given: string): boolean {
  if (kept.length !== hashLength || given.length !== hashLength) return false
  keptBytes.write(kept, 'latin1')
  givenBytes.write(given, 'latin1')
  return timingSafeEqual(keptBytes, givenBytes)
}

/** `prefix.secret` in a header or a query parameter. Only the SHA-256 of the secret is known here. */
export function createKeyMethod(place: { readonly header: string } | { readonly query: string }, clients: Clients, slowDown: Pick<SlowDown, 'mayTry' | 'proved'>): Method {
  const header = 'header' in place ? place.header.toLowerCase() : undefined
  const query = 'query' in place ? place.query : undefined
  return {
    kind: 'key',
    scheme: 'ApiKey',
    parameters: header === undefined ? `in="query", name="${query}"` : `in="header", name="${header}"`,
    carries: header === undefined ? { query: query as string } : { header },
    verify({ request }) {
      const given = header === undefined ? request.query[query as string] : request.headers[header]
      if (given === undefined || given === '') return absent
      if (typeof given !== 'string' || given.length > longest) return refused('auth.invalid_key', 'malformed', { guess: true })
      const dot = given.indexOf('.')
      const text = hash('sha256', given.slice(dot + 1), 'base64url')
      if (!slowDown.mayTry(request.ip, text)) return refused('auth.too_many_attempts', 'too many wrong keys came from this address at once', { retryAfterSeconds: 1 })
      const known = dot > 0 ? clients.byKey(given.slice(0, dot)) : undefined
      const credential = known?.credential.kind === 'key' ? known.credential : undefined
      const equal = isSameHash(credential?.hash ?? nobody, text)
      if (known && credential && equal) {
        slowDown.proved(request.ip, text)
        return { kind: 'known', who: { known, scopes: noScopes } }
      }
      return refused('auth.invalid_key', known ? 'wrong secret' : 'unknown key', { guess: true, ...(known ? { application: known.application.id } : {}) })
    },
  }
}
