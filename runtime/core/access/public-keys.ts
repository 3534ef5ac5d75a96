import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'

/** Algorithms a token may be signed with, and the only key each goes with (RFC 7518 §3.1, RFC 8037). Symmetric ones are none. */
export const algorithms = {
  RS256: 'RSA', RS384: 'RSA', RS512: 'RSA', PS256: 'RSA', PS384: 'RSA', PS512: 'RSA',
  ES256: 'P-256', ES384: 'P-384', ES512: 'P-521', EdDSA: 'Ed25519', Ed25519: 'Ed25519',
} as const

export type Algorithm = keyof typeof algorithms

/** Whether tokens may be signed with it. */
export function isAlgorithm(text: string): text is Algorithm {
  return Object.hasOwn(algorithms, text)
}

/** A set of keys that may check signatures. */
export interface PublicKeys {
  readonly size: number
  /** Whether a key carries this id. */
  has(kid: string): boolean
  /** Keys that fit a token's header, at most four. */
  find(algorithm: Algorithm, kid: string | undefined): readonly KeyObject[]
  /** Same text, same keys. */
  readonly mark: string
}

/** A key as it stands in a set (RFC 7517 §4). */
type Jwk = JsonWebKey & { readonly kid?: unknown; readonly alg?: unknown; readonly use?: unknown; readonly key_ops?: unknown }

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
  const usable: { readonly jwk: Jwk; readonly type: string; readonly kid: string | undefined; readonly key: KeyObject }[] = []
  for (const jwk of list.slice(0, mostKeys) as Jwk[]) {
    const type = typeOf(jwk)
    const key = type instanceof TypeError ? type : readKey(jwk)
    if (type instanceof TypeError || key instanceof TypeError) skipped.push((key as TypeError).message)
    else usable.push({ jwk, type, kid: typeof jwk.kid === 'string' ? jwk.kid : undefined, key })
  }
  const keys: PublicKeys = {
    size: usable.length,
    has: (kid) => usable.some((key) => key.kid === kid),
    mark: JSON.stringify(usable.map(({ jwk }) => [jwk.kid, jwk.kty, jwk.crv, jwk.n, jwk.e, jwk.x, jwk.y, jwk.alg])),
    find(algorithm, kid) {
      const fitting = usable.filter((one) => one.type === algorithms[algorithm] && fits(one.jwk.alg, algorithm) && (kid === undefined || one.kid === undefined || one.kid === kid))
      return fitting.slice(0, tried).map(({ key }) => key)
    },
  }
  return { keys, skipped }
}

function fits(named: unknown, algorithm: Algorithm): boolean {
  if (named === undefined || named === algorithm) return true
  return (named === 'EdDSA' || named === 'Ed25519') && algorithms[algorithm] === 'Ed25519'
}

/** One that is no point of its curve, or the like, is as good as not there. */
function readKey(jwk: Jwk): KeyObject | TypeError {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return new TypeError(`${nameOf(jwk)} cannot be read.`)
  }
}

function nameOf({ kid }: Jwk): string {
  return typeof kid === 'string' ? `The key “${kid.slice(0, 100)}”` : 'A key'
}

/** The kind of key, as `algorithms` names it. */
function typeOf(jwk: Jwk): string | TypeError {
  if (typeof jwk !== 'object' || jwk === null) return new TypeError('An entry is no key.')
  const name = nameOf(jwk)
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
