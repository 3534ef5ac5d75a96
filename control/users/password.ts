import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** scrypt's cost (RFC 7914): 2^15 takes 32 MB and some 60 ms. */
export interface PasswordCost {
  readonly n: number
}

export const defaultCost: PasswordCost = { n: 2 ** 15 }
const blockSize = 8
const keyBytes = 32

/** `scrypt$N$r$p$salt$hash`, so that the cost can be raised and old hashes still be read. */
export async function hashPassword(password: string, cost: PasswordCost = defaultCost): Promise<string> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, cost.n, blockSize, 1)
  return ['scrypt', cost.n, blockSize, 1, salt.toString('base64'), hash.toString('base64')].join('$')
}

export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const [kind, n, r, p, salt, hash] = stored.split('$')
  if (kind !== 'scrypt' || !salt || !hash) return false
  const expected = Buffer.from(hash, 'base64')
  const given = await derive(password, Buffer.from(salt, 'base64'), Number(n), Number(r), Number(p))
  return expected.length === given.length && timingSafeEqual(expected, given)
}

/** Twenty characters that nobody mistakes for each other (no 0 O 1 l I): some 115 bits. */
export function generatePassword(): string {
  const alphabet = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
  let text = ''
  while (text.length < 20) {
    for (const byte of randomBytes(32)) {
      // Bytes beyond the last whole multiple are thrown away, so that every character is equally likely.
      if (byte < 256 - (256 % alphabet.length) && text.length < 20) text += alphabet[byte % alphabet.length]
    }
  }
  return text
}

function derive(password: string, salt: Buffer, n: number, r: number, p: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // NFKC: the same password typed on another keyboard or system gives the same bytes (RFC 8265 §4.2).
    scrypt(password.normalize('NFKC'), salt, keyBytes, { N: n, r, p, maxmem: 256 * n * r }, (error, key) => (error ? reject(error) : resolve(key)))
  })
}
