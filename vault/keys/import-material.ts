import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { Refused } from '../refused.ts'
import { keyMaterialLimit } from '../words/input-limits.ts'
import { isSecret, keyKinds, type KeyKind } from '../words/key-kinds.ts'
import { fromBase64url } from './base64url.ts'
import { findGuessable, leastSecretBytes } from './find-guessable.ts'

/** A longer secret than the block of SHA-256 is hashed before its use (RFC 2104 §2): nobody needs one longer than this. */
const hmacLimitBytes = 512
const curves: Readonly<Record<string, KeyKind>> = { prime256v1: 'ec-p256', secp384r1: 'ec-p384' }
/** Smaller moduli have been broken (NIST SP 800-131A §3), smaller exponents attacked. */
const leastModulusBits = 2048
const leastExponent = 65_537n
const block = /-----BEGIN ([A-Z0-9 ]+)-----\s[\s\S]*?-----END \1-----/g
/** PKCS #8 (RFC 5958), and what OpenSSL wrote before: PKCS #1 (RFC 8017) and SEC 1 (RFC 5915). */
const pemTypes: Readonly<Record<string, 'pkcs8' | 'pkcs1' | 'sec1'>> = { 'PRIVATE KEY': 'pkcs8', 'RSA PRIVATE KEY': 'pkcs1', 'EC PRIVATE KEY': 'sec1' }
/** Algorithms of JWKs of secrets that say which kind they are. */
const secretsByAlgorithm: Readonly<Record<string, KeyKind>> = { HS256: 'hmac-256', A256GCM: 'aes-256', A256KW: 'aes-256', A256GCMKW: 'aes-256', dir: 'aes-256' }

/** Material as it is sealed, and what it says of itself. Whoever has sealed it wipes the bytes. */
export interface ImportedMaterial {
  readonly kind: KeyKind
  /** What a JWK says it is for; nobody has looked whether a key of the kind does it. */
  readonly algorithm?: string
  readonly bytes: Buffer
}

type Jwk = Readonly<Record<string, unknown>>

/**
 * Material that was made elsewhere: a private key in PEM, not encrypted; a JWK (RFC 7517) of a private key or a secret; base64url of the bytes
 * of a secret, whose kind has to be said.
 * @throws Refused `key.material` that says what is wrong, and nothing of what came; `key.kind` when the kind cannot be told
 */
export function importMaterial(kind: KeyKind | undefined, material: unknown): ImportedMaterial {
  if (typeof material !== 'string') throw wrong('The material of a key is a text.')
  if (material.length > keyMaterialLimit) throw wrong(`The material is longer than ${keyMaterialLimit} characters: no key is.`)
  const text = material.trim()
  if (text.startsWith('{')) return importJwk(kind, text)
  if (text.includes('-----BEGIN ')) return importPem(kind, text)
  if (kind === undefined) throw new Refused('key.kind', 422, 'A secret in base64url does not say whether it is for AES or for HMAC: say the kind.')
  if (!isSecret(kind)) throw wrong(`A key of kind ${kind} is imported as a private key in PEM (“BEGIN PRIVATE KEY”) or as a JWK.`)
  return { kind, bytes: importSecret(kind, text) }
}

function importSecret(kind: KeyKind, text: string): Buffer {
  const bytes = fromBase64url(text)
  if (!bytes) throw wrong(`The material of a key of kind ${kind} is base64url, without padding.`)
  if (kind === 'aes-256' && bytes.length !== leastSecretBytes) throw wrong(`An AES key has ${leastSecretBytes} bytes; this one has ${bytes.length}.`)
  if (bytes.length < leastSecretBytes || bytes.length > hmacLimitBytes) throw wrong(`An HMAC key has ${leastSecretBytes} to ${hmacLimitBytes} bytes (RFC 7518 §3.2); this one has ${bytes.length}.`)
  checkGuessable(bytes)
  return bytes
}

/** @throws Refused when the bytes of a secret, or of a private number, protect nothing; they are wiped then */
function checkGuessable(bytes: Buffer): void {
  const found = findGuessable(bytes)
  if (found === undefined) return
  bytes.fill(0)
  if (found === 'filled') throw wrong(`The key is shorter than it looks: fewer than ${leastSecretBytes} bytes are its own, the rest is one byte over and over. Make a new one with a generator: openssl rand`)
  throw wrong('The key can be guessed: its bytes are all the same or nearly, repeat a short part, or count up. Make a new one with a generator: openssl rand')
}

function importPem(kind: KeyKind | undefined, text: string): ImportedMaterial {
  const blocks = [...text.matchAll(block)]
  const labels = blocks.map(([, label]) => label as string).filter((label) => label !== 'EC PARAMETERS')
  const found = blocks.find(([, label]) => Object.hasOwn(pemTypes, label as string))
  if (labels.includes('ENCRYPTED PRIVATE KEY') || /^Proc-Type: 4,ENCRYPTED/m.test(text)) throw wrong('The private key is encrypted. Take the password away first: openssl pkey -in key.pem -out plain.pem')
  if (!found && labels.includes('OPENSSH PRIVATE KEY')) throw wrong('The private key is in the format of OpenSSH. Convert it first: ssh-keygen -p -m PKCS8')
  if (!found && labels.some((label) => label.endsWith('PUBLIC KEY'))) throw wrong('This is a public key. What is imported is the private key.')
  if (!found && labels.some((label) => label.endsWith('CERTIFICATE'))) throw wrong('This is a certificate. What is imported here is the private key.')
  if (!found) throw wrong('There is no whole private key in PEM: from “BEGIN PRIVATE KEY” to “END PRIVATE KEY”.')
  if (labels.length > 1 || text.replaceAll(block, '').trim() !== '') throw wrong('There is more than one private key in the text. Paste the key alone.')
  const [pem, label] = found
  if (kind !== undefined && isSecret(kind)) throw wrong(`The material of a key of kind ${kind} is base64url, without padding; this is a private key.`)
  return importPair(kind, () => createPrivateKey({ key: pem, format: 'pem', type: pemTypes[label as string] as 'pkcs8' }))
}

function importJwk(kind: KeyKind | undefined, text: string): ImportedMaterial {
  let jwk: Jwk
  try {
    jwk = JSON.parse(text) as Jwk
  } catch {
    // The parser's own words quote the text.
    throw wrong('The text begins as a JWK does, and is no JSON.')
  }
  if (Array.isArray(jwk.keys)) throw wrong('This is a set of keys. Paste one of them.')
  if (jwk.kty === 'oct') {
    const said = (typeof jwk.alg === 'string' && Object.hasOwn(secretsByAlgorithm, jwk.alg) ? secretsByAlgorithm[jwk.alg] : undefined) ?? (jwk.use === 'sig' ? 'hmac-256' : jwk.use === 'enc' ? 'aes-256' : undefined)
    const own = kind ?? said
    if (own === undefined) throw new Refused('key.kind', 422, 'The JWK does not say whether the secret is for AES or for HMAC (“alg”): say the kind.')
    if (!isSecret(own) || (said !== undefined && said !== own)) throw wrong(`The key is not of kind ${own}.`)
    return { kind: own, bytes: importSecret(own, typeof jwk.k === 'string' ? jwk.k : '') }
  }
  if (jwk.kty !== 'RSA' && jwk.kty !== 'EC' && jwk.kty !== 'OKP') throw wrong('The JWK says no type of key (“kty”) that is known: RSA, EC, OKP or oct.')
  if (kind !== undefined && isSecret(kind)) throw wrong(`The key is not of kind ${kind}.`)
  if (typeof jwk.d !== 'string') throw wrong('This is a public key. What is imported is the private key.')
  const does = algorithmOfPair(jwk)
  return { ...importPair(kind, () => createPrivateKey({ key: jwk as never, format: 'jwk' })), ...(does === undefined ? {} : { algorithm: does }) }
}

/** What the JWK of a pair says it is for, by `alg`, else by `use` where the pair could sign as well. */
function algorithmOfPair({ alg, kty, use }: Jwk): string | undefined {
  // ECDH-ES names a way of several to agree on a key, which the same pair does.
  if (typeof alg === 'string') return alg.startsWith('ECDH-ES') ? 'ECDH-ES+A256KW' : alg
  if (use !== 'enc') return undefined
  if (kty === 'EC') return 'ECDH-ES+A256KW'
  return kty === 'RSA' ? 'RSA-OAEP-256' : undefined
}

function importPair(kind: KeyKind | undefined, read: () => KeyObject): ImportedMaterial {
  let key: KeyObject
  try {
    key = read()
  } catch {
    // What the library says of it may hold a part of it.
    throw wrong('The private key cannot be read.')
  }
  checkRsa(key)
  const found = kindOf(key)
  if (kind !== undefined && kind !== found) throw wrong(`The private key is not of kind ${kind}${found === undefined ? '' : `; it is of kind ${found}`}.`)
  if (found === undefined) throw wrong(`The private key is of no kind that is taken: ${keyKinds.filter((one) => !isSecret(one)).join(', ')}.`)
  if (!holdsTogether(key)) throw wrong('The public half in the text is not that of the private key.')
  // The private number of a curve is as good as a secret is; that of RSA follows from the primes.
  if (key.asymmetricKeyType !== 'rsa') checkGuessable(Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url'))
  return { kind: found, bytes: key.export({ type: 'pkcs8', format: 'der' }) }
}

/** @throws Refused */
function checkRsa({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): void {
  if (type !== 'rsa') return
  const { modulusLength = 0, publicExponent = 0n } = details ?? {}
  if (modulusLength < leastModulusBits) throw wrong(`An RSA key has at least ${leastModulusBits} bits; this one has ${modulusLength}.`)
  if (publicExponent < leastExponent) throw wrong(`The public exponent of an RSA key is at least ${leastExponent}.`)
}

function kindOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): KeyKind | undefined {
  if (type === 'rsa') return keyKinds.find((kind) => kind === `rsa-${details?.modulusLength}`)
  if (type === 'ec') return curves[details?.namedCurve ?? '']
  return keyKinds.find((kind) => kind === type)
}

/** Of RSA and EC keys the text brings both halves. */
function holdsTogether(key: KeyObject): boolean {
  if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'ec') return true
  try {
    const data = Buffer.from('both halves')
    return verify('sha256', data, createPublicKey(key), sign('sha256', data, key))
  } catch {
    return false
  }
}

function wrong(message: string): Refused {
  return new Refused('key.material', 422, message)
}
