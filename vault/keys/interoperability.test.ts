import { execFileSync } from 'node:child_process'
import { createHmac, createPrivateKey, createPublicKey, createSecretKey, constants, type JsonWebKey, publicEncrypt, verify } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { base64url, compactDecrypt, CompactEncrypt, CompactSign, compactVerify, createLocalJWKSet, flattenedVerify, importJWK, type JWK, SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { memoryEnvelope, memoryRecords } from '../../test/kit/vault-memory.ts'
import type { VaultAnswer } from '../../runtime/core/secrets/vault.ts'
import type { KeyAlgorithm, KeyKind } from '../contract.ts'
import { createKeyring } from './keyring.ts'
import { packMaterial } from './material.ts'

const { records } = memoryRecords()
const envelope = memoryEnvelope()
const ring = createKeyring({ records, envelope, clock: fakeClock() })
const data = (answer: VaultAnswer) => ('data' in answer ? (answer.data as string) : JSON.stringify(answer))
const b64 = (text: string) => Buffer.from(text).toString('base64url')
const text = '{"name":"王小明"}'

/** A key that was made elsewhere, as only a test can bring it in. */
async function bring(name: string, kind: KeyKind, algorithm: KeyAlgorithm, bytes: Buffer): Promise<void> {
  const sealed = await envelope.seal('keys', `key:${name}`, packMaterial({ kind, algorithm, versions: new Map([[1, bytes]]) }))
  await records.put({ kind: 'key', name, version: 1, facts: { kind, algorithm, state: 'active', current: 1, versions: [{ version: 1, createdAt: '', state: 'active' }], by: 'test' }, sealed })
}

const pkcs8 = (jwk: JsonWebKey) => createPrivateKey({ key: jwk, format: 'jwk' }).export({ type: 'pkcs8', format: 'der' })

let set: readonly JWK[]
const published = (name: string) => set.find(({ kid }) => kid === `${name}.1`) as JWK
/** RFC 7515 appendix A.1.1. */
const rfcSecret = Buffer.from('AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow', 'base64url')

beforeAll(async () => {
  await bring('rfc-hmac', 'hmac-256', 'HS256', rfcSecret)
  await bring('rfc-p256', 'ec-p256', 'ES256', pkcs8({ kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0', d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI' }))
  await bring('rfc-ed', 'ed25519', 'EdDSA', pkcs8({ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A' }))
  await bring('known-aes', 'aes-256', 'A256GCM', Buffer.alloc(32, 7))
  const kinds = [['pss', 'rsa-2048', 'PS256'], ['v15', 'rsa-2048', 'RS256'], ['oaep', 'rsa-2048', 'RSA-OAEP-256'], ['p256', 'ec-p256', 'ES256'], ['p384', 'ec-p384', 'ES384'], ['ed', 'ed25519', 'EdDSA'], ['ecdh', 'ec-p256', 'ECDH-ES+A256KW'], ['ecdh384', 'ec-p384', 'ECDH-ES+A256KW'], ['x', 'x25519', 'ECDH-ES+A256KW']] as const
  await Promise.all(kinds.map(([name, kind, algorithm]) => ring.desk.keys.create(name, { kind, algorithm, set: 'public' }, 'ann')))
  set = (await ring.desk.keys.publicSet('public')).keys as readonly JWK[]
}, 20_000)

test('a key set says of every key what it is for, and holds no private half', () => {
  expect(set.map(({ kid, use, alg, kty }) => [kid, use, alg, kty])).toEqual([
    ['ecdh.1', 'enc', 'ECDH-ES+A256KW', 'EC'],
    ['ecdh384.1', 'enc', 'ECDH-ES+A256KW', 'EC'],
    ['ed.1', 'sig', 'EdDSA', 'OKP'],
    ['oaep.1', 'enc', 'RSA-OAEP-256', 'RSA'],
    ['p256.1', 'sig', 'ES256', 'EC'],
    ['p384.1', 'sig', 'ES384', 'EC'],
    ['pss.1', 'sig', 'PS256', 'RSA'],
    ['v15.1', 'sig', 'RS256', 'RSA'],
    ['x.1', 'enc', 'ECDH-ES+A256KW', 'OKP'],
  ])
  for (const jwk of set) for (const part of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(jwk).not.toHaveProperty(part)
})

test.each(['pss', 'v15', 'p256', 'p384', 'ed'])('whoever has the key set checks what %s signed', async (key) => {
  const jwks = createLocalJWKSet({ keys: [...set] })
  const signed = data(await ring.ask({ do: 'sign', key, form: 'jws', data: b64(text), contentType: 'application/json' }))
  const { payload, protectedHeader } = await compactVerify(signed, jwks)
  expect(Buffer.from(payload).toString()).toBe(text)
  expect(protectedHeader).toEqual({ alg: published(key).alg, kid: `${key}.1`, cty: 'json' })
  const [encoded = '', between, signature = ''] = data(await ring.ask({ do: 'sign', key, form: 'jws-detached', data: b64(text) })).split('.')
  expect(between).toBe('')
  await flattenedVerify({ protected: encoded, payload: Buffer.from(text), signature }, await importJWK(published(key)))
})

test.each(['oaep', 'ecdh', 'ecdh384', 'x'])('what anybody encrypted to %s of the key set is decrypted here, with its kid or without', async (key) => {
  const jwk = published(key)
  for (const kid of [{ kid: jwk.kid as string }, {}]) {
    const sealed = await new CompactEncrypt(Buffer.from(text)).setProtectedHeader({ alg: jwk.alg as string, enc: 'A256GCM', ...kid }).encrypt(await importJWK(jwk))
    expect(await ring.ask({ do: 'decrypt', key, form: 'jwe', data: sealed })).toEqual({ data: b64(text), version: 1 })
  }
})

test('what was encrypted with a secret key is read by others who have it, and the other way', async () => {
  const secret = new Uint8Array(32).fill(7)
  for (const alg of ['A256KW', 'dir']) {
    const ours = data(await ring.ask({ do: 'encrypt', key: 'known-aes', form: 'jwe', data: b64(text), keyManagement: alg }))
    expect(Buffer.from((await compactDecrypt(ours, secret)).plaintext).toString()).toBe(text)
    const theirs = await new CompactEncrypt(Buffer.from(text)).setProtectedHeader({ alg, enc: 'A256GCM' }).encrypt(secret)
    expect(await ring.ask({ do: 'decrypt', key: 'known-aes', form: 'jwe', data: theirs })).toEqual({ data: b64(text), version: 1 })
  }
})

test('a JWE made by hand, with OAEP of node:crypto, is decrypted', async () => {
  const { createCipheriv, randomBytes } = await import('node:crypto')
  const header = b64(JSON.stringify({ alg: 'RSA-OAEP-256', enc: 'A256GCM' }))
  const [cek, iv] = [randomBytes(32), randomBytes(12)]
  const wrapped = publicEncrypt({ key: createPublicKey({ key: published('oaep') as JsonWebKey, format: 'jwk' }), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, cek)
  const cipher = createCipheriv('aes-256-gcm', cek, iv).setAAD(Buffer.from(header))
  const sealed = Buffer.concat([cipher.update(text), cipher.final()])
  const jwe = [header, ...[wrapped, iv, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.')
  expect(await ring.ask({ do: 'decrypt', key: 'oaep', form: 'jwe', data: jwe })).toEqual({ data: b64(text), version: 1 })
})

test('raw signatures are those of node:crypto and of openssl', async () => {
  const sign = async (key: string) => Buffer.from(data(await ring.ask({ do: 'sign', key, form: 'raw', data: b64(text) })), 'base64url')
  const half = (key: string) => createPublicKey({ key: published(key) as JsonWebKey, format: 'jwk' })
  const bytes = Buffer.from(text)
  expect(verify('sha256', bytes, { key: half('pss'), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, await sign('pss'))).toBe(true)
  expect(verify('sha256', bytes, { key: half('p256'), dsaEncoding: 'ieee-p1363' }, await sign('p256'))).toBe(true)
  expect(verify('sha384', bytes, { key: half('p384'), dsaEncoding: 'ieee-p1363' }, await sign('p384'))).toBe(true)
  expect(verify(null, bytes, half('ed'), await sign('ed'))).toBe(true)
  expect(await sign('rfc-hmac')).toEqual(createHmac('sha256', rfcSecret).update(bytes).digest())
  const folder = mkdtempSync(join(tmpdir(), 'sluice-keys-'))
  try {
    const file = (name: string, content: string | Buffer) => {
      writeFileSync(join(folder, name), content)
      return join(folder, name)
    }
    const message = file('message', bytes)
    for (const [key, ...options] of [['pss', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'], ['v15']] as const) {
      const said = execFileSync('openssl', ['dgst', '-sha256', '-verify', file('key.pem', half(key).export({ type: 'spki', format: 'pem' })), '-signature', file('signature', await sign(key)), ...options, message])
      expect(said.toString()).toContain('Verified OK')
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a PSS signature that begins with a zero is good with it only', async () => {
  const verified = async (signature: Buffer) => ((await ring.ask({ do: 'check', key: 'pss', form: 'raw', data: b64(text), signature: signature.toString('base64url') })) as { readonly valid?: boolean }).valid
  // Each has a salt of its own.
  let signature = Buffer.alloc(0)
  do signature = Buffer.from(data(await ring.ask({ do: 'sign', key: 'pss', form: 'raw', data: b64(text) })), 'base64url')
  while (signature[0] !== 0)
  expect(await verified(signature)).toBe(true)
  expect(await verified(signature.subarray(1))).toBe(false)
}, 30_000)

describe('examples of the specifications', () => {
  const claims = 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ'

  test.each([
    ['RFC 7515 A.1', 'rfc-hmac', `eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.${claims}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`],
    ['RFC 7515 A.3', 'rfc-p256', `eyJhbGciOiJFUzI1NiJ9.${claims}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`],
    ['RFC 7797 4.1, for comparison', 'rfc-hmac', 'eyJhbGciOiJIUzI1NiJ9.JC4wMg.5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ'],
    ['RFC 8037 A.4', 'rfc-ed', 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg'],
  ])('%s', async (_, key, jws) => {
    expect(await ring.ask({ do: 'check', key, form: 'jws', data: jws })).toEqual({ valid: true, version: 1, data: jws.split('.')[1] })
  })

  test('RFC 7797 4.2: unencoded and detached; RFC 7515 appendix F: encoded and detached', async () => {
    const unencoded = 'eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY'
    const check = (signature: string, payload: string) => ring.ask({ do: 'check', key: 'rfc-hmac', form: 'jws-detached', data: b64(payload), signature })
    expect(await check(unencoded, '$.02')).toEqual({ valid: true, version: 1 })
    expect(await check(unencoded, '$.03')).toEqual({ valid: false })
    expect(await check('eyJhbGciOiJIUzI1NiJ9..5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ', '$.02')).toEqual({ valid: true, version: 1 })
  })
})

describe('what must not be believed', () => {
  const check = (key: string, jws: string) => ring.ask({ do: 'check', key, form: 'jws', data: jws })
  const decrypt = (key: string, jwe: string) => ring.ask({ do: 'decrypt', key, form: 'jwe', data: jwe })

  test('a token without a signature', async () => {
    const unsecured = new UnsecuredJWT({ sub: 'ann' }).encode()
    for (const key of ['pss', 'ed', 'rfc-hmac']) for (const jws of [unsecured, unsecured.replace(/\.$/, '.AA')]) expect(await check(key, jws)).toEqual({ valid: false })
  })

  test('an HMAC that was made with the public key as its secret', async () => {
    const half = createPublicKey({ key: published('pss') as JsonWebKey, format: 'jwk' })
    for (const secret of [half.export({ type: 'spki', format: 'pem' }) as string, half.export({ type: 'spki', format: 'der' }), Buffer.from(published('pss').n as string, 'base64url')]) {
      for (const kid of [{ kid: 'pss.1' }, {}]) {
        const forged = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'HS256', ...kid }).sign(createSecretKey(Buffer.from(secret)))
        expect(await check('pss', forged)).toEqual({ valid: false })
      }
    }
  })

  test('another algorithm of the same key, a key that the token brings along, a kid of another key', async () => {
    const own = pkcs8({ kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0', d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI' })
    const brought = await new CompactSign(Buffer.from(text)).setProtectedHeader({ alg: 'ES256', jwk: { kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' } }).sign(createPrivateKey({ key: own, format: 'der', type: 'pkcs8' }))
    expect(await check('p256', brought)).toEqual({ valid: false })
    expect(await check('rfc-p256', brought)).toMatchObject({ valid: true })
    const other = await new CompactSign(Buffer.from(text)).setProtectedHeader({ alg: 'HS256', kid: 'rfc-ed.1' }).sign(rfcSecret)
    expect(await check('rfc-hmac', other)).toEqual({ valid: false })
    const signed = data(await ring.ask({ do: 'sign', key: 'v15', form: 'jws', data: b64(text) }))
    expect(await check('pss', signed)).toEqual({ valid: false })
  })

  test('extensions that have to be understood', async () => {
    for (const header of [{ alg: 'HS256', crit: ['exp'], exp: 1 }, { alg: 'HS256', crit: [] }, { alg: 'HS256', crit: ['b64'], b64: true }, { alg: 'HS256', b64: false }]) {
      const encoded = b64(JSON.stringify(header))
      const mac = (over: string) => createHmac('sha256', rfcSecret).update(`${encoded}.${over}`).digest('base64url')
      expect(await check('rfc-hmac', `${encoded}.${b64(text)}.${mac(b64(text))}`)).toEqual({ valid: false })
      expect(await ring.ask({ do: 'check', key: 'rfc-hmac', form: 'jws-detached', data: b64(text), signature: `${encoded}..${mac(text)}` })).toEqual({ valid: false })
    }
    const compact = b64('{"alg":"HS256","b64":false,"crit":["b64"]}')
    expect(await check('rfc-hmac', `${compact}.${b64('x')}.${createHmac('sha256', rfcSecret).update(`${compact}.${b64('x')}`).digest('base64url')}`)).toEqual({ valid: false })
  })

  test('a JWE that is compressed, has extensions, or is under another algorithm', async () => {
    const secret = new Uint8Array(32).fill(7)
    const invalid = { fault: 'crypto.invalid', facts: {} }
    const seal = (header: object, key: Uint8Array = secret) => new CompactEncrypt(Buffer.from(text)).setProtectedHeader({ alg: 'A256KW', enc: 'A256GCM', ...header } as never).encrypt(key, { crit: { ours: true } })
    expect(await decrypt('known-aes', await seal({}))).toMatchObject({ data: b64(text) })
    expect(await decrypt('known-aes', await seal({ zip: 'DEF' }))).toEqual(invalid)
    expect(await decrypt('known-aes', await seal({ crit: ['ours'], ours: 1 }))).toEqual(invalid)
    expect(await decrypt('known-aes', await seal({ enc: 'A128CBC-HS256' }))).toEqual(invalid)
    expect(await decrypt('known-aes', await seal({ alg: 'A256GCMKW' }))).toEqual(invalid)
    expect(await decrypt('known-aes', await seal({ kid: 'rfc-hmac.1' }))).toEqual(invalid)
    expect(await decrypt('known-aes', await seal({ kid: 'known-aes.2' }))).toEqual(invalid)
    const sha1 = await new CompactEncrypt(Buffer.from(text)).setProtectedHeader({ alg: 'RSA-OAEP', enc: 'A256GCM' }).encrypt(await importJWK({ ...published('oaep'), alg: 'RSA-OAEP' }))
    expect(await decrypt('oaep', sha1)).toEqual(invalid)
    const password = await new CompactEncrypt(Buffer.from(text)).setProtectedHeader({ alg: 'PBES2-HS256+A128KW', enc: 'A256GCM' }).encrypt(secret)
    expect(await decrypt('known-aes', password)).toEqual(invalid)
    for (const bad of ['', '....', 'a.b.c.d.e', base64url.encode('x'), `${(await seal({})).replace('.', '=.')}`]) expect(await decrypt('known-aes', bad)).toEqual(invalid)
  })
})
