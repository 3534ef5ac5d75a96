import { scrypt, timingSafeEqual } from 'node:crypto'

/** What a password is checked against. */
export interface Verifier {
  readonly n: number
  readonly r: number
  readonly p: number
  readonly salt: Buffer
  readonly hash: Buffer
}

/** Stands in for a name that is not there: the cost that control uses for clients, and a hash that nothing gives. */
export const nobody: Verifier = Object.freeze({ n: 2 ** 14, r: 8, p: 1, salt: Buffer.alloc(16), hash: Buffer.alloc(32) })

/** `scrypt$N$r$p$salt$hash` (RFC 7914); `undefined` when it is none, or costs more than a gateway can give. */
export function parseVerifier(text: string): Verifier | undefined {
  const [kind, n, r, p, salt, hash, more] = text.split('$')
  const cost = [n, r, p].map((part) => (/^\d{1,7}$/.test(part ?? '') ? Number(part) : 0)) as [number, number, number]
  const verifier = { n: cost[0], r: cost[1], p: cost[2], salt: Buffer.from(salt ?? '', 'base64url'), hash: Buffer.from(hash ?? '', 'base64url') }
  const affordable = verifier.n >= 2 && (verifier.n & (verifier.n - 1)) === 0 && verifier.r >= 1 && verifier.p >= 1 && verifier.p <= 16 && verifier.n * verifier.r <= 2 ** 20
  return kind === 'scrypt' && more === undefined && affordable && verifier.hash.length >= 16 && verifier.hash.length <= 128 ? verifier : undefined
}

/** Whether it is the password; computed on a thread of its own. */
export function checkPassword(password: string, { n, r, p, salt, hash }: Verifier): Promise<boolean> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, hash.length, { N: n, r, p, maxmem: 256 * n * r }, (error, key) => {
      if (error) reject(error)
      else resolve(timingSafeEqual(key, hash))
    })
  })
}
