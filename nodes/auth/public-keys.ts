import { importJWK, type CryptoKey, type JWK } from 'jose'

/** Algorithms a token may be signed with, and the only key each goes with (RFC 7518 §3.1, RFC 8037). Symmetric ones are none. */
export const algorithms = {
  RS256: 'RSA', RS384: 'RSA', RS512: 'RSA', PS256: 'RSA', PS384: 'RSA', PS512: 'RSA',
  ES256: 'P-256', ES384: 'P-384', ES512: 'P-521', EdDSA: 'Ed25519', Ed25519: 'Ed25519',
} as const

export type Algorithm = keyof typeof algorithms

export function isAlgorithm(text: string): text is Algorithm {
  return Object.hasOwn(algorithms, text)
}

/** A set of keys that may check signatures. */
export interface PublicKeys {
  readonly size: number
  /** Whether a key carries this id. */
  has(kid: string): boolean
  /** Keys that fit a token's header, at most four. */
  find(algorithm: Algorithm, kid: string | undefined): Promise<readonly CryptoKey[]>
  /** Same text, same keys. */
  readonly mark: string
}

const mostKeys = 100
const tried = 4
/** RFC 7518 §3.3. */
const rsaBits = 2048

/**
 * Reads a JWK Set (RFC 7517 §5). A key that is secret, weak, of another type, or not for signatures is as good as not
 * there; `skipped` says why.
 * @throws TypeError when it is no set
 */
export function parsePublicKeys(value: unknown): { readonly keys: PublicKeys; readonly skipped: readonly string[] } {
  const list = (value as { keys?: unknown } | null | undefined)?.keys
  if (!Array.isArray(list)) throw new TypeError('It is no JWK set: an object with a list “keys”.')
  const skipped: string[] = []
  const usable: { readonly jwk: JWK; readonly type: string; readonly kid: string | undefined; readonly imported: Map<Algorithm, Promise<CryptoKey>> }[] = []
  for (const jwk of list.slice(0, mostKeys) as JWK[]) {
    const type = typeOf(jwk)
    if (type instanceof TypeError) skipped.push(type.message)
    else usable.push({ jwk, type, kid: typeof jwk.kid === 'string' ? jwk.kid : undefined, imported: new Map() })
  }
  const keys: PublicKeys = {
    size: usable.length,
    has: (kid) => usable.some((key) => key.kid === kid),
    mark: JSON.stringify(usable.map(({ jwk }) => [jwk.kid, jwk.kty, jwk.crv, jwk.n, jwk.e, jwk.x, jwk.y, jwk.alg])),
    async find(algorithm, kid) {
      const fitting = usable.filter((key) => key.type === algorithms[algorithm] && fits(key.jwk.alg, algorithm) && (kid === undefined || key.kid === undefined || key.kid === kid))
      const ready = await Promise.allSettled(fitting.slice(0, tried).map(({ jwk, imported }) => {
        let key = imported.get(algorithm)
        if (!key) imported.set(algorithm, (key = importJWK({ ...jwk, alg: algorithm }, algorithm) as Promise<CryptoKey>))
        return key
      }))
      // One that is no point of its curve, or the like, is as good as not there.
      return ready.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    },
  }
  return { keys, skipped }
}

function fits(named: unknown, algorithm: Algorithm): boolean {
  if (named === undefined || named === algorithm) return true
  return (named === 'EdDSA' || named === 'Ed25519') && algorithms[algorithm] === 'Ed25519'
}

/** The kind of key, as `algorithms` names it. */
function typeOf(jwk: JWK): string | TypeError {
  if (typeof jwk !== 'object' || jwk === null) return new TypeError('An entry is no key.')
  const name = typeof jwk.kid === 'string' ? `The key “${jwk.kid.slice(0, 100)}”` : 'A key'
  if (jwk.kty === 'oct' || jwk.d !== undefined || jwk.k !== undefined) return new TypeError(`${name} is secret; a set holds public keys only.`)
  if (jwk.use !== undefined && jwk.use !== 'sig') return new TypeError(`${name} is not for signatures.`)
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify'))) return new TypeError(`${name} is not for checking signatures.`)
  if (jwk.kty === 'RSA') {
    const modulus = typeof jwk.n === 'string' ? Buffer.from(jwk.n, 'base64url') : Buffer.alloc(0)
    const first = modulus.findIndex((byte) => byte !== 0)
    const bits = first === -1 ? 0 : (modulus.length - first) * 8 - (Math.clz32(modulus[first] as number) - 24)
    const exponent = typeof jwk.e === 'string' ? BigInt(`0x${Buffer.from(jwk.e, 'base64url').toString('hex') || '0'}`) : 0n
    if (bits < rsaBits || bits > 16_384) return new TypeError(`${name} has ${bits} bits; RSA needs ${rsaBits} or more.`)
    if (exponent < 3n || exponent % 2n === 0n) return new TypeError(`${name} has a weak exponent.`)
    return 'RSA'
  }
  if (jwk.kty === 'EC' && ['P-256', 'P-384', 'P-521'].includes(String(jwk.crv))) return String(jwk.crv)
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return 'Ed25519'
  return new TypeError(`${name} is of a type that is not taken.`)
}
