import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { CompactSign, exportJWK, generateKeyPair } from 'jose'
import { describe, expect, it } from 'vitest'
import { type Algorithm, algorithms } from '../../runtime/core/access/public-keys.ts'
import { isSignedBy } from './verify-signature.ts'

/** A signature made by another implementation. */
async function signWith(algorithm: Algorithm): Promise<{ readonly key: KeyObject; readonly data: Buffer; readonly signature: Buffer }> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const text = await new CompactSign(Buffer.from('{"sub":"somebody"}')).setProtectedHeader({ alg: algorithm }).sign(privateKey)
  const dot = text.lastIndexOf('.')
  return { key: createPublicKey({ key: await exportJWK(publicKey) as never, format: 'jwk' }), data: Buffer.from(text.slice(0, dot)), signature: Buffer.from(text.slice(dot + 1), 'base64url') }
}

describe.each(Object.keys(algorithms) as Algorithm[])('a signature by %s', (algorithm) => {
  it('is taken as another implementation made it, and not with a bit changed, cut, of other bytes or by another key', async () => {
    const { key, data, signature } = await signWith(algorithm)
    expect(isSignedBy(key, algorithm, data, signature)).toBe(true)
    const changed = Buffer.from(signature)
    changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1
    expect(isSignedBy(key, algorithm, data, changed)).toBe(false)
    expect(isSignedBy(key, algorithm, data, signature.subarray(1))).toBe(false)
    expect(isSignedBy(key, algorithm, data, Buffer.alloc(0))).toBe(false)
    expect(isSignedBy(key, algorithm, data, Buffer.alloc(signature.length))).toBe(false)
    expect(isSignedBy(key, algorithm, Buffer.concat([data, Buffer.from(' ')]), signature)).toBe(false)
    expect(isSignedBy((await signWith(algorithm)).key, algorithm, data, signature)).toBe(false)
  })
})

it.each([['RS256', 'PS256'], ['RS256', 'RS512'], ['PS256', 'PS384']] as const)('a signature by %s is none by %s, although the key fits both', async (made, claimed) => {
  const { key, data, signature } = await signWith(made)
  expect(isSignedBy(key, claimed, data, signature)).toBe(false)
})

it.each([['RS256', constants.RSA_PKCS1_PADDING], ['PS256', constants.RSA_PKCS1_PSS_PADDING]] as const)('a signature by %s that begins with a zero is taken with it only: one text for one signature', (algorithm, padding) => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const data = (n: number) => Buffer.from(`bytes ${n}`)
  const signed = (n: number) => sign('sha256', data(n), { key: privateKey, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
  let n = 0
  let signature = signed(n)
  while (signature[0] !== 0) signature = signed((n += 1))
  expect(isSignedBy(publicKey, algorithm, data(n), signature)).toBe(true)
  expect(isSignedBy(publicKey, algorithm, data(n), signature.subarray(1))).toBe(false)
  expect(isSignedBy(publicKey, algorithm, data(n), Buffer.concat([Buffer.alloc(1), signature]))).toBe(false)
})

it('a signature on a curve is taken in the form of tokens only, not in that of certificates (DER)', async () => {
  const { key, data, signature } = await signWith('ES256')
  const integer = (bytes: Buffer) => {
    const padded = (bytes[0] as number) & 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes
    return Buffer.concat([Buffer.from([2, padded.length]), padded])
  }
  const body = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))])
  expect(isSignedBy(key, 'ES256', data, Buffer.concat([Buffer.from([0x30, body.length]), body]))).toBe(false)
})

it.each([['ES256', 'P-256', 'sha256', 700], ['ES512', 'P-521', 'sha512', 60]] as const)('signatures by %s are taken whatever their numbers begin with, zeros and high bits too', (algorithm, namedCurve, hash, count) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  const data = Buffer.from('the same bytes')
  const wrong = Array.from({ length: count }, () => sign(hash, data, { key: privateKey, dsaEncoding: 'ieee-p1363' })).filter((signature) => !isSignedBy(publicKey, algorithm, data, signature))
  expect(wrong).toEqual([])
})
