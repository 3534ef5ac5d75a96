import { createHash, randomBytes, scrypt } from 'node:crypto'
import { clientSecretPurpose, seal } from '../../runtime/core/secrets/seal.ts'

/** scrypt's cost for Basic secrets. They have 256 random bits: the cost is for whoever reads a store, not for guesses. */
export interface SecretCost {
  readonly n: number
}

export const defaultSecretCost: SecretCost = { n: 2 ** 14 }

const blockSize = 8
const secretBytes = 32

/** A secret just made: what is shown once, and what is kept. */
export interface MadeSecret {
  readonly shown: string
  readonly kept: string
}

/** `prefix.secret`; kept is the SHA-256 of the secret's text, base64url. 256 random bits need no slow hash. */
export function makeKey(): MadeSecret & { readonly prefix: string } {
  const prefix = `slk_${randomBytes(9).toString('base64url')}`
  const secret = randomText()
  return { prefix, shown: `${prefix}.${secret}`, kept: createHash('sha256').update(secret, 'utf8').digest('base64url') }
}

/** Kept: `scrypt$N$r$p$salt$hash` (RFC 7914), base64url. */
export async function makeBasicSecret({ n }: SecretCost): Promise<MadeSecret> {
  const shown = randomText()
  const salt = randomBytes(16)
  const hash = await new Promise<Buffer>((resolve, reject) => {
    scrypt(shown, salt, 32, { N: n, r: blockSize, p: 1, maxmem: 256 * n * blockSize }, (error, key) => (error ? reject(error) : resolve(key)))
  })
  return { shown, kept: ['scrypt', n, blockSize, 1, salt.toString('base64url'), hash.toString('base64url')].join('$') }
}

/** Kept: sealed under the key that gateways have, because they must have the secret itself to check a signature. */
export function makeSigningSecret(clientKey: Buffer): MadeSecret {
  const shown = randomText()
  return { shown, kept: seal(clientKey, shown, clientSecretPurpose) }
}

export function makeName(prefix: string): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`
}

function randomText(): string {
  return randomBytes(secretBytes).toString('base64url')
}
