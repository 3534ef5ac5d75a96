import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyAlgorithm, KeyKind } from '../contract.ts'
import { isSecret } from '../words/key-kinds.ts'

const generate = promisify(generateKeyPair) as unknown as (type: string, options: object) => Promise<{ readonly privateKey: KeyObject }>

/** What is sealed of a key: kind and algorithm with it, so that nobody who can write the open facts makes it do something else. */
export interface Material {
  readonly kind: KeyKind
  readonly algorithm: KeyAlgorithm
  /** By version: PKCS #8 of a pair, the bytes of a secret. */
  readonly versions: ReadonlyMap<number, Buffer>
}

/** One version, ready to be used. */
export interface KeyVersion {
  readonly name: string
  readonly version: number
  readonly algorithm: KeyAlgorithm
  /** The secret, or the private half. */
  readonly own: KeyObject
  /** The public half; of a secret the secret itself. */
  readonly other: KeyObject
}

/** Makes the material of one version, in the thread pool: an RSA key takes a while. */
export async function generateMaterial(kind: KeyKind): Promise<Buffer> {
  if (isSecret(kind)) return randomBytes(32)
  const { privateKey } = await generate(...pairOf(kind))
  return privateKey.export({ type: 'pkcs8', format: 'der' })
}

function pairOf(kind: KeyKind): [type: string, options: object] {
  switch (kind) {
    case 'ec-p256':
      return ['ec', { namedCurve: 'P-256' }]
    case 'ec-p384':
      return ['ec', { namedCurve: 'P-384' }]
    case 'ed25519':
    case 'x25519':
      return [kind, {}]
    default:
      return ['rsa', { modulusLength: Number(kind.slice(4)) }]
  }
}

/** Makes keys of the bytes of one version. */
export function toKeyVersion(name: string, version: number, { kind, algorithm }: Pick<Material, 'kind' | 'algorithm'>, bytes: Buffer): KeyVersion {
  if (isSecret(kind)) {
    const own = createSecretKey(bytes)
    return { name, version, algorithm, own, other: own }
  }
  const own = createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' })
  return { name, version, algorithm, own, other: createPublicKey(own) }
}

/** As it is sealed: a line of JSON, then the bytes of each version. Whoever has sealed it wipes it. */
export function packMaterial({ kind, algorithm, versions }: Material): Buffer {
  const head = JSON.stringify({ kind, algorithm, versions: [...versions].map(([version, bytes]) => [version, bytes.length]) })
  return Buffer.concat([Buffer.from(`${head}\n`), ...versions.values()])
}

/** What {@link packMaterial} wrote; the bytes of versions are views of `bytes`. @throws when it is something else */
export function unpackMaterial(bytes: Buffer): Material {
  const end = bytes.indexOf(0x0a)
  const { kind, algorithm, versions } = JSON.parse(bytes.subarray(0, end).toString('utf8')) as { kind: KeyKind; algorithm: KeyAlgorithm; versions: [number, number][] }
  let at = end + 1
  return { kind, algorithm, versions: new Map(versions.map(([version, length]) => [version, bytes.subarray(at, (at += length))])) }
}
