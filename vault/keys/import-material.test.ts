import { createHash, createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { memoryEnvelope, memoryRecords } from '../../test/kit/vault-memory.ts'
import type { VaultAnswer } from '../../runtime/core/secrets/vault.ts'
import type { KeyKind } from '../contract.ts'
import { createKeyring } from './keyring.ts'

function open() {
  const { records, rows } = memoryRecords()
  const lines: unknown[] = []
  const note = (facts: object, text: string) => void lines.push([facts, text])
  return { rows, lines, ring: createKeyring({ records, envelope: memoryEnvelope(), clock: fakeClock(), log: { debug: note, info: note, warn: note, error: note } }) }
}

const b64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64url')
const data = (answer: VaultAnswer) => {
  if (!('data' in answer) || answer.data === undefined) throw new Error(`no data: ${JSON.stringify(answer)}`)
  return answer.data
}

describe('imported keys', () => {
  const pem = (type: string, options: object = {}) => (generateKeyPairSync as any)(type, options).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

  test('sign what their other owner signs, and nothing answers or logs their material', async () => {
    const { ring, lines, rows } = open()
    const secret = Buffer.from('a secret that is shared with a partner, and not short')
    const answer = await ring.desk.keys.create('partner', { kind: 'hmac-256', material: `${secret.toString('base64url')}\n` }, 'ann')
    const { signature } = { signature: data(await ring.ask({ do: 'sign', key: 'partner', form: 'raw', data: b64('body') })) }
    expect(signature).toBe(createHmac('sha256', secret).update('body').digest('base64url'))
    expect(JSON.stringify([answer, await ring.desk.keys.list(), lines, [...rows]])).not.toContain(secret.toString('base64url'))
    const kinds = [['ed25519', pem('ed25519')], ['x25519', pem('x25519')], ['ec-p256', pem('ec', { namedCurve: 'P-256' })], ['ec-p384', pem('ec', { namedCurve: 'P-384' })], ['rsa-2048', pem('rsa', { modulusLength: 2048 })], ['aes-256', randomBytes(32).toString('base64url')]] as const
    for (const [kind, material] of kinds) {
      expect(await ring.desk.keys.create(`of-${kind}`, { kind, material }, 'ann')).toMatchObject({ kind, current: 1 })
      const made = await ring.ask(kind.endsWith('25519') && kind[0] === 'x' || kind === 'aes-256' ? { do: 'encrypt', key: `of-${kind}`, form: 'jwe', data: b64('x') } : { do: 'sign', key: `of-${kind}`, form: 'jws', data: b64('x') })
      expect(made).toMatchObject({ version: 1 })
    }
    expect(await ring.desk.keys.rotate('partner', 'ann')).toMatchObject({ current: 2 })
    expect(await ring.ask({ do: 'check', key: 'partner', form: 'raw', data: b64('body'), signature })).toMatchObject({ valid: true, version: 1 })
  })

  test('of another kind, too short, encrypted or no key at all are refused without a word of them, and nothing is kept', async () => {
    const { ring, lines } = open()
    const encrypted = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string
    const p256 = pem('ec', { namedCurve: 'P-256' })
    const wrong = [
      ['aes-256', 'canary'], ['aes-256', b64('canary '.repeat(6))], ['hmac-256', b64('canary')], ['hmac-256', 'can ary+/'], ['hmac-256', b64('canary '.repeat(100))], ['hmac-256', ''], ['ec-p384', p256], ['ed25519', p256], ['rsa-2048', pem('rsa', { modulusLength: 1024 })],
      ['rsa-3072', pem('rsa', { modulusLength: 2048 })], ['rsa-2048', pem('rsa', { modulusLength: 2048, publicExponent: 3 })], ['rsa-2048', pem('rsa-pss', { modulusLength: 2048 })], ['ed25519', encrypted], ['ed25519', p256 + p256],
      ['ed25519', p256.replace(/[A-Z]/g, 'Q')], ['ed25519', '-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----'], ['ed25519', 7],
    ] as const
    for (const [kind, material] of wrong) {
      const refused = await ring.desk.keys.create('wrong', { kind, material: material as string }, 'ann').catch((error: unknown) => error)
      expect([kind, material, refused]).toEqual([kind, material, expect.objectContaining({ code: 'key.material', status: 422 })])
      expect((refused as Error).message).not.toContain('canary')
    }
    expect(await ring.desk.keys.list()).toEqual([])
    expect(JSON.stringify(lines)).not.toContain('canary')
  })

  test('that anybody could guess are refused whatever their length, and what a generator made is taken', async () => {
    const { ring, rows, lines } = open()
    const why = async (kind: KeyKind, material: string) => (await ring.desk.keys.create('x', { kind, material }, 'ann').catch((error: unknown) => error)) as Error & { code: string }
    const ed25519 = (seed: Buffer) => createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }) as string
    const guessed = fc.oneof(
      fc.integer({ min: 0, max: 255 }).map((byte) => Buffer.alloc(32, byte)),
      fc.uint8Array({ minLength: 1, maxLength: 16 }).map((part) => Buffer.alloc(32, part)),
      fc.tuple(fc.nat(255), fc.nat(255)).map(([first, step]) => Buffer.from(Array.from({ length: 32 }, (_, place) => first + place * step))),
    )
    await fc.assert(
      fc.asyncProperty(guessed, fc.constantFrom('aes-256' as const, 'hmac-256' as const, 'ed25519' as const), async (bytes, kind) => {
        const refused = await why(kind, kind === 'ed25519' ? ed25519(bytes) : bytes.toString('base64url'))
        expect(refused).toMatchObject({ code: 'key.material', message: expect.stringContaining('can be guessed') })
        expect(refused.message).not.toContain(bytes.toString('base64url'))
      }),
      { numRuns: 40 },
    )
    // A short secret that somebody filled up, at either end; a number of a curve that is none.
    const short = randomBytes(20)
    for (const padded of [Buffer.concat([short, Buffer.alloc(44)]), Buffer.concat([Buffer.alloc(12, 0x20), short])]) expect(await why('hmac-256', padded.toString('base64url'))).toMatchObject({ code: 'key.material', message: expect.stringContaining('shorter than it looks') })
    expect(await why('ed25519', JSON.stringify({ ...createPrivateKey(ed25519(Buffer.concat([Buffer.alloc(24), randomBytes(8)]))).export({ format: 'jwk' }) }))).toMatchObject({ code: 'key.material' })
    expect([rows.size, lines]).toEqual([0, []])
    for (let made = 0; made < 30; made++) {
      const material = createHash('sha256').update(String(made)).digest('base64url')
      expect(await ring.desk.keys.create(`of-${made}`, { kind: 'aes-256', material }, 'ann')).toMatchObject({ current: 1 })
    }
    expect(await ring.desk.keys.create('text', { kind: 'hmac-256', material: b64('a sentence that two partners agreed upon') }, 'ann')).toMatchObject({ current: 1 })
  })

  test('the kind is told by the material where it says it: PEM old and new, JWKs of pairs and of secrets', async () => {
    const { ring, rows } = open()
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    const jwk = (key: KeyObject, more: object = {}) => JSON.stringify({ ...key.export({ format: 'jwk' }), ...more })
    const secret = randomBytes(32).toString('base64url')
    const given = [
      [pem('ed25519'), 'ed25519', 'EdDSA'], [ec.export({ type: 'sec1', format: 'pem' }), 'ec-p256', 'ES256'], [`-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${ec.export({ type: 'sec1', format: 'pem' })}`, 'ec-p256', 'ES256'],
      [rsa.export({ type: 'pkcs1', format: 'pem' }), 'rsa-2048', 'PS256'], [jwk(rsa, { alg: 'RS256', kid: 'x' }), 'rsa-2048', 'RS256'], [jwk(rsa, { use: 'enc' }), 'rsa-2048', 'RSA-OAEP-256'], [jwk(ec, { alg: 'ECDH-ES' }), 'ec-p256', 'ECDH-ES+A256KW'],
      [jwk(generateKeyPairSync('x25519').privateKey), 'x25519', 'ECDH-ES+A256KW'], [JSON.stringify({ kty: 'oct', alg: 'HS256', k: secret }), 'hmac-256', 'HS256'], [JSON.stringify({ kty: 'oct', use: 'enc', k: secret }), 'aes-256', 'A256GCM'],
    ] as const
    for (const [place, [material, kind, algorithm]] of given.entries()) expect(await ring.desk.keys.create(`of-${place}`, { material: material as string }, 'ann')).toMatchObject({ kind, algorithm, revision: 1 })
    expect(await ring.desk.keys.create('named', { material: jwk(ec), algorithm: 'ECDH-ES+A256KW', kind: 'ec-p256' }, 'ann')).toMatchObject({ algorithm: 'ECDH-ES+A256KW' })
    expect(JSON.stringify([...rows])).not.toContain(secret)
  })

  test('what cannot be taken is named, so that whoever pasted it knows what to do', async () => {
    const { ring } = open()
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
    const own = pair.privateKey.export({ format: 'jwk' })
    const why = async (material: string, kind?: 'aes-256' | 'ed25519') => (await ring.desk.keys.create('x', { material, ...(kind ? { kind } : {}) }, 'ann').catch((error: unknown) => error)) as Error & { code: string }
    const said = [
      [pair.publicKey.export({ type: 'spki', format: 'pem' }), 'This is a public key'], [JSON.stringify(pair.publicKey.export({ format: 'jwk' })), 'This is a public key'], ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 'This is a certificate'],
      [pair.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }), 'is encrypted'], ['-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----', 'format of OpenSSH'], ['-----BEGIN PRIVATE KEY-----\nMC4C', 'no whole private key'],
      ['{"kty":"EC","d":"canary', 'is no JSON'], ['{"keys":[]}', 'set of keys'], ['{"kty":"canary"}', 'no type of key'], [JSON.stringify({ ...own, x: stranger.x, y: stranger.y }), /public half|cannot be read/], [pem('ec', { namedCurve: 'secp256k1' }), 'of no kind that is taken'],
      [pem('rsa', { modulusLength: 1024 }), 'at least 2048 bits; this one has 1024'], [pem('rsa', { modulusLength: 2048, publicExponent: 3 }), 'public exponent'], ['x'.repeat(20_000), 'longer than'],
    ] as const
    for (const [material, text] of said) {
      const refused = await why(material as string)
      expect(refused).toMatchObject({ code: 'key.material', message: typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text) })
      expect(refused.message).not.toContain('canary')
    }
    expect(await why('q'.repeat(42) + 'A')).toMatchObject({ code: 'key.kind' })
    expect(await why('{"kty":"oct","k":"AAAA"}')).toMatchObject({ code: 'key.kind' })
    expect(await why(JSON.stringify({ ...own, alg: 'ES512' }))).toMatchObject({ code: 'key.algorithm' })
    expect(await why(JSON.stringify(own), 'ed25519')).toMatchObject({ code: 'key.material', message: 'The private key is not of kind ed25519; it is of kind ec-p256.' })
    expect(await ring.desk.keys.list()).toEqual([])
  })
})
