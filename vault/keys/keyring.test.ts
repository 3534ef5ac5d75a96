import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { memoryEnvelope, memoryRecords } from '../../test/kit/vault-memory.ts'
import type { CryptoAsk, VaultAnswer } from '../../runtime/core/secrets/vault.ts'
import type { KeyAlgorithm, KeyKind } from '../contract.ts'
import { createKeyring } from './keyring.ts'

function open() {
  const clock = fakeClock()
  const { records, rows } = memoryRecords()
  const envelope = memoryEnvelope()
  const lines: unknown[] = []
  const note = (facts: object, text: string) => void lines.push([facts, text])
  const log = { debug: note, info: note, warn: note, error: note }
  const another = () => createKeyring({ records, envelope, clock, log })
  return { clock, records, rows, envelope, lines, another, ring: another() }
}

const b64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64url')
const text = (data: string) => Buffer.from(data, 'base64url').toString('utf8')
const data = (answer: VaultAnswer) => {
  if (!('data' in answer) || answer.data === undefined) throw new Error(`no data: ${JSON.stringify(answer)}`)
  return answer.data
}

const made: readonly (readonly [name: string, kind: KeyKind, algorithm: KeyAlgorithm])[] = [
  ['aes', 'aes-256', 'A256GCM'],
  ['hmac', 'hmac-256', 'HS256'],
  ['rsa-pss', 'rsa-2048', 'PS256'],
  ['rsa-v15', 'rsa-2048', 'RS256'],
  ['rsa-enc', 'rsa-3072', 'RSA-OAEP-256'],
  ['p256', 'ec-p256', 'ES256'],
  ['p384', 'ec-p384', 'ES384'],
  ['p256-enc', 'ec-p256', 'ECDH-ES+A256KW'],
  ['p384-enc', 'ec-p384', 'ECDH-ES+A256KW'],
  ['ed', 'ed25519', 'EdDSA'],
  ['x', 'x25519', 'ECDH-ES+A256KW'],
]
const signers = ['hmac', 'rsa-pss', 'rsa-v15', 'p256', 'p384', 'ed']
const ciphers = ['aes', 'rsa-enc', 'p256-enc', 'p384-enc', 'x']

const shared = open()
beforeAll(async () => {
  await Promise.all(made.map(([name, kind, algorithm]) => shared.ring.desk.keys.create(name, { kind, algorithm }, 'ann')))
}, 20_000)

describe('what a key encrypted it decrypts, whatever it was', () => {
  const anything = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('base64url'))

  test.each([...ciphers.map((name) => [name, 'jwe', undefined] as const), ['aes', 'jwe', 'dir'] as const, ['aes', 'aes-gcm', undefined] as const])('%s as %s %s', async (key, form, keyManagement) => {
    await fc.assert(
      fc.asyncProperty(anything, async (plain) => {
        const sealed = await shared.ring.ask({ do: 'encrypt', key, form, data: plain, contentType: 'application/json', ...(keyManagement ? { keyManagement } : {}) })
        expect(await shared.ring.ask({ do: 'decrypt', key, form, data: data(sealed) })).toEqual({ data: plain, version: 1 })
      }),
      { numRuns: 12 },
    )
  })

  test.each(signers.flatMap((name) => (['jws', 'jws-detached', 'raw'] as const).map((form) => [name, form] as const)))('%s signs as %s, and takes no other bytes for it', async (key, form) => {
    await fc.assert(
      fc.asyncProperty(anything, anything, async (plain, other) => {
        const signature = data(await shared.ring.ask({ do: 'sign', key, form, data: plain }))
        const check = (over: string, signed = signature) => shared.ring.ask({ do: 'check', key, form, ...(form === 'jws' ? { data: signed } : { data: over, signature: signed }) })
        expect(await check(plain)).toEqual({ valid: true, version: 1, ...(form === 'jws' ? { data: plain } : {}) })
        if (form !== 'jws' && other !== plain) expect(await check(other)).toEqual({ valid: false })
      }),
      { numRuns: 8 },
    )
  })
})

test('a text that was changed in any one character opens nowhere', async () => {
  const texts = await Promise.all([
    ...ciphers.map(async (key) => [key, 'jwe', data(await shared.ring.ask({ do: 'encrypt', key, form: 'jwe', data: b64('王小明') }))] as const),
    (async () => ['aes', 'aes-gcm', data(await shared.ring.ask({ do: 'encrypt', key: 'aes', form: 'aes-gcm', data: b64('王小明'), contentType: 'text/plain' }))] as const)(),
  ])
  const signed = await Promise.all(signers.map(async (key) => [key, data(await shared.ring.ask({ do: 'sign', key, form: 'jws', data: b64('王小明') }))] as const))
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '.'), async (place, put) => {
      const changed = (whole: string) => {
        const at = place % whole.length
        return whole[at] === put ? undefined : whole.slice(0, at) + put + whole.slice(at + 1)
      }
      for (const [key, form, whole] of texts) {
        const bad = changed(whole)
        if (bad !== undefined) expect(await shared.ring.ask({ do: 'decrypt', key, form, data: bad })).toMatchObject({ fault: 'crypto.invalid' })
      }
      for (const [key, whole] of signed) {
        const bad = changed(whole)
        if (bad !== undefined) expect(await shared.ring.ask({ do: 'check', key, form: 'jws', data: bad })).toEqual({ valid: false })
      }
    }),
    { numRuns: 24 },
  )
})

test('a text that nobody made is refused as such, whatever it is', async () => {
  const part = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('A', 'e', 'y', '_', '=', '1') }), fc.jsonValue().map((value) => b64(JSON.stringify(value) ?? '')), fc.constantFrom('gcm1', '1', b64('{"alg":"dir","enc":"A256GCM"}'), b64('{"alg":"HS256","kid":"hmac.1"}'), b64('{"alg":"EdDSA","kid":"ed.9"}')))
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('.')), async (whole) => {
      for (const form of ['jwe', 'aes-gcm'] as const) expect(await shared.ring.ask({ do: 'decrypt', key: 'aes', form, data: whole })).toEqual({ fault: 'crypto.invalid', facts: {} })
      for (const key of ['hmac', 'ed']) {
        expect(await shared.ring.ask({ do: 'check', key, form: 'jws', data: whole })).toEqual({ valid: false })
        expect(await shared.ring.ask({ do: 'check', key, form: 'jws-detached', data: b64('x'), signature: whole })).toEqual({ valid: false })
        expect(await shared.ring.ask({ do: 'check', key, form: 'raw', data: b64('x'), signature: whole })).toEqual({ valid: false })
      }
    }),
    { numRuns: 100 },
  )
})

test('additional data is part of what is sealed', async () => {
  const sealed = data(await shared.ring.ask({ do: 'encrypt', key: 'aes', form: 'aes-gcm', data: b64('x'), aad: b64('order 7') }))
  expect(sealed).toMatch(/^gcm1\.1\.\.[\w-]+$/)
  const decrypt = (aad?: string) => shared.ring.ask({ do: 'decrypt', key: 'aes', form: 'aes-gcm', data: sealed, ...(aad === undefined ? {} : { aad: b64(aad) }) })
  expect(await decrypt('order 7')).toEqual({ data: b64('x'), version: 1 })
  expect(await decrypt('order 8')).toMatchObject({ fault: 'crypto.invalid' })
  expect(await decrypt()).toMatchObject({ fault: 'crypto.invalid' })
})

test('a key does what it was made for and nothing else, and says why', async () => {
  const ask = async (one: Partial<CryptoAsk>) => await shared.ring.ask({ form: 'jwe', data: b64('x'), ...one } as CryptoAsk)
  expect(await ask({ do: 'encrypt', key: 'nobody' })).toEqual({ fault: 'key.unknown', facts: { key: 'nobody' } })
  expect(await ask({ do: 'encrypt', key: 'rsa-pss' })).toMatchObject({ fault: 'key.unfit', facts: { key: 'rsa-pss', reason: 'it is for signing' } })
  expect(await ask({ do: 'sign', form: 'raw', key: 'rsa-enc' })).toMatchObject({ fault: 'key.unfit', facts: { reason: 'it is for encrypting' } })
  expect(await ask({ do: 'encrypt', form: 'aes-gcm', key: 'rsa-enc' })).toMatchObject({ fault: 'key.unfit' })
  expect(await ask({ do: 'encrypt', key: 'rsa-enc', keyManagement: 'RSA1_5' })).toMatchObject({ fault: 'key.unfit', facts: { reason: 'its key management is RSA-OAEP-256' } })
  expect(await ask({ do: 'sign', form: 'jws', key: 'rsa-pss', algorithm: 'HS256' })).toMatchObject({ fault: 'key.unfit', facts: { reason: 'its algorithm is PS256' } })
  expect(await ask({ do: 'check', form: 'jws', key: 'rsa-pss', algorithm: 'none' })).toMatchObject({ fault: 'key.unfit' })
  expect(await ask({ do: 'encrypt', key: 'aes', aad: b64('x') })).toMatchObject({ fault: 'key.unfit' })
})

test('what is older than a rotation goes on being opened and checked; what is new is under the new version', async () => {
  const { ring } = open()
  for (const [name, kind] of [['seal', 'aes-256'], ['sign', 'ed25519']] as const) await ring.desk.keys.create(name, { kind }, 'ann')
  const sealed = data(await ring.ask({ do: 'encrypt', key: 'seal', form: 'aes-gcm', data: b64('old') }))
  const token = data(await ring.ask({ do: 'encrypt', key: 'seal', form: 'jwe', data: b64('old') }))
  const signed = data(await ring.ask({ do: 'sign', key: 'sign', form: 'jws', data: b64('old') }))
  const raw = data(await ring.ask({ do: 'sign', key: 'sign', form: 'raw', data: b64('old') }))
  for (const name of ['seal', 'sign']) {
    const rotated = await ring.desk.keys.rotate(name, 'bob')
    expect(rotated).toMatchObject({ current: 2, versions: [{ version: 1, state: 'active' }, { version: 2, state: 'active' }] })
  }
  expect(await ring.ask({ do: 'decrypt', key: 'seal', form: 'aes-gcm', data: sealed })).toEqual({ data: b64('old'), version: 1 })
  expect(await ring.ask({ do: 'decrypt', key: 'seal', form: 'jwe', data: token })).toEqual({ data: b64('old'), version: 1 })
  expect(await ring.ask({ do: 'check', key: 'sign', form: 'jws', data: signed })).toMatchObject({ valid: true, version: 1 })
  expect(await ring.ask({ do: 'check', key: 'sign', form: 'raw', data: b64('old'), signature: raw })).toEqual({ valid: true, version: 1 })
  expect(await ring.ask({ do: 'check', key: 'sign', form: 'raw', data: b64('old'), signature: raw, version: 2 })).toEqual({ valid: false })
  const next = await ring.ask({ do: 'sign', key: 'sign', form: 'jws', data: b64('new') })
  expect(next).toMatchObject({ version: 2 })
  expect(JSON.parse(text(data(next).split('.')[0] as string))).toEqual({ alg: 'EdDSA', kid: 'sign.2' })
})

test('what is disabled is of no use until it is enabled: a key, or one version of it', async () => {
  const { ring } = open()
  await ring.desk.keys.create('sign', { kind: 'ed25519', set: 'partners' }, 'ann')
  const old = data(await ring.ask({ do: 'sign', key: 'sign', form: 'jws', data: b64('x') }))
  await ring.desk.keys.rotate('sign', 'ann')
  const sign = () => ring.ask({ do: 'sign', key: 'sign', form: 'jws', data: b64('x') })
  const check = (signed: string) => ring.ask({ do: 'check', key: 'sign', form: 'jws', data: signed })
  const recent = data(await sign())

  await ring.desk.keys.setState('sign', 'disabled', 'bob', 1)
  expect(await check(old)).toEqual({ fault: 'key.disabled', facts: { key: 'sign (version 1)' } })
  expect(await check(recent)).toMatchObject({ valid: true, version: 2 })
  expect((await ring.desk.keys.publicSet('partners')).keys).toMatchObject([{ kid: 'sign.2' }])

  await ring.desk.keys.setState('sign', 'disabled', 'bob', 2)
  expect(await sign()).toMatchObject({ fault: 'key.disabled' })
  await ring.desk.keys.setState('sign', 'active', 'bob', 2)

  await ring.desk.keys.setState('sign', 'disabled', 'bob')
  expect(await sign()).toEqual({ fault: 'key.disabled', facts: { key: 'sign' } })
  expect(await check(recent)).toMatchObject({ fault: 'key.disabled' })
  expect(await ring.desk.keys.publicSet('partners')).toEqual({ keys: [] })
  await ring.desk.keys.setState('sign', 'active', 'bob')
  expect(await check(recent)).toMatchObject({ valid: true })
  expect(await check(old)).toMatchObject({ fault: 'key.disabled' })
})

test('what another vault on the same database changed is seen within a second', async () => {
  const { ring, another, clock } = open()
  const other = another()
  await ring.desk.keys.create('sign', { kind: 'hmac-256' }, 'ann')
  const sign = () => other.ask({ do: 'sign', key: 'sign', form: 'raw', data: '' })
  expect(await sign()).toMatchObject({ version: 1 })
  await ring.desk.keys.rotate('sign', 'ann')
  await clock.advance(1_000)
  expect(await sign()).toMatchObject({ version: 2 })
  await ring.desk.keys.setState('sign', 'disabled', 'ann')
  await clock.advance(1_000)
  expect(await sign()).toMatchObject({ fault: 'key.disabled' })
})

test('a name may have dots, and none of its versions is taken for that of another key', async () => {
  const { ring } = open()
  for (const name of ['a', 'a.1']) await ring.desk.keys.create(name, { kind: 'ed25519' }, 'ann')
  const signed = data(await ring.ask({ do: 'sign', key: 'a.1', form: 'jws', data: b64('x') }))
  expect(JSON.parse(text(signed.split('.')[0] as string))).toMatchObject({ kid: 'a.1.1' })
  expect(await ring.ask({ do: 'check', key: 'a.1', form: 'jws', data: signed })).toMatchObject({ valid: true })
  expect(await ring.ask({ do: 'check', key: 'a', form: 'jws', data: signed })).toEqual({ valid: false })
})

test('of two who rotate at the same time one is told so, and no version is lost', async () => {
  const { ring, another } = open()
  const other = another()
  await ring.desk.keys.create('seal', { kind: 'aes-256' }, 'ann')
  const outcomes = await Promise.allSettled([ring.desk.keys.rotate('seal', 'ann'), other.desk.keys.rotate('seal', 'bob')])
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(outcomes.find((one) => one.status === 'rejected')).toMatchObject({ reason: { code: 'key.conflict', status: 409 } })
  const sealed = data(await ring.ask({ do: 'encrypt', key: 'seal', form: 'aes-gcm', data: '' }))
  expect(await another().ask({ do: 'decrypt', key: 'seal', form: 'aes-gcm', data: sealed })).toEqual({ data: '', version: 2 })
})

test('an RSA key keeps nobody waiting: what is asked after it is answered before it', async () => {
  const order: string[] = []
  const ask = (key: string) => shared.ring.ask({ do: 'sign', key, form: 'raw', data: b64('x') }).then(() => order.push(key))
  await Promise.all(['rsa-pss', 'rsa-pss', 'rsa-v15', 'hmac'].map(ask))
  expect(order[0]).toBe('hmac')
})

test('what this vault changed counts at once, whatever look at the records was under way', async () => {
  const { ring, records, clock, envelope } = open()
  await ring.desk.keys.create('sign', { kind: 'ed25519' }, 'ann')
  let release: () => void = () => {}
  const slow = { ...records, list: async (kind: 'key') => {
    const found = await records.list(kind)
    await new Promise<void>((resolve) => (release = resolve))
    return found
  } }
  const slowRing = createKeyring({ records: slow, envelope, clock })
  const early = slowRing.ask({ do: 'sign', key: 'sign', form: 'raw', data: '' })
  await new Promise((resolve) => setImmediate(resolve))
  const letGo = release
  await slowRing.desk.keys.setState('sign', 'disabled', 'ann')
  letGo()
  const late = slowRing.ask({ do: 'sign', key: 'sign', form: 'raw', data: '' })
  await new Promise((resolve) => setImmediate(resolve))
  release()
  expect([await early, await late]).toMatchObject([{ fault: 'key.disabled' }, { fault: 'key.disabled' }])
})

test('the desk says what is wrong with a key that cannot be made', async () => {
  const { keys } = shared.ring.desk
  await expect(keys.create('.b', { kind: 'aes-256' }, 'ann')).rejects.toMatchObject({ code: 'key.name', status: 422 })
  await expect(keys.create('a', { kind: 'des' as KeyKind }, 'ann')).rejects.toMatchObject({ code: 'key.kind' })
  await expect(keys.create('a', { kind: '__proto__' as KeyKind }, 'ann')).rejects.toMatchObject({ code: 'key.kind' })
  await expect(keys.create('a', { kind: 'ec-p256', algorithm: 'PS256' }, 'ann')).rejects.toMatchObject({ code: 'key.algorithm', message: 'A key of kind ec-p256 does ES256 or ECDH-ES+A256KW.' })
  await expect(keys.create('a', { kind: 'hmac-256', set: 'partners' }, 'ann')).rejects.toMatchObject({ code: 'key.set' })
  await expect(keys.create('aes', { kind: 'aes-256' }, 'ann')).rejects.toMatchObject({ code: 'key.exists', status: 409 })
  await expect(keys.rotate('nobody', 'ann')).rejects.toMatchObject({ code: 'key.unknown', status: 404 })
  await expect(keys.setState('aes', 'disabled', 'ann', 9)).rejects.toMatchObject({ code: 'key.version', status: 404 })
  await expect(keys.publicSet('nobody')).rejects.toMatchObject({ code: 'key_set.unknown', status: 404 })
})

test('whoever can write the open facts cannot make a key do something else', async () => {
  const { ring, rows, another } = open()
  await ring.desk.keys.create('sign', { kind: 'ed25519' }, 'ann')
  await ring.desk.keys.create('other', { kind: 'ed25519' }, 'ann')
  const [sign, other] = [rows.get('key sign'), rows.get('key other')]
  if (!sign || !other) throw new Error('no rows')
  rows.set('key sign', { ...sign, facts: { ...sign.facts, kind: 'hmac-256', algorithm: 'HS256' } })
  rows.set('key other', { ...other, sealed: sign.sealed as NonNullable<typeof sign.sealed> })
  for (const key of ['sign', 'other']) expect(await another().ask({ do: 'sign', key, form: 'raw', data: '' })).toEqual({ fault: 'vault.unavailable' })
})

test('material is in no answer, record, line of the log or fault', async () => {
  const { ring, rows, envelope, lines } = open()
  const said: unknown[] = []
  for (const [name, kind] of [['seal', 'aes-256'], ['mac', 'hmac-256'], ['sign', 'ed25519'], ['curve', 'ec-p256']] as const) {
    said.push(await ring.desk.keys.create(name, { kind, ...(name === 'sign' || name === 'curve' ? { set: 'public' } : {}) }, 'ann'), await ring.desk.keys.rotate(name, 'ann'))
    for (const ask of ['encrypt', 'decrypt', 'sign', 'check'] as const) for (const form of ['jwe', 'aes-gcm', 'jws', 'jws-detached', 'raw'] as const) said.push(await ring.ask({ do: ask, key: name, form, data: b64('x'), signature: 'x' } as CryptoAsk))
  }
  said.push(await ring.desk.keys.list(), await ring.desk.keys.publicSet('public'), lines)
  const everything = JSON.stringify([said, [...rows.values()].map(({ facts }) => facts)]) + [...rows.values()].map(({ sealed }) => Buffer.from(sealed?.bytes ?? []).toString('latin1')).join('')
  const { unpackMaterial } = await import('./material.ts')
  for (const row of rows.values()) {
    const { versions } = unpackMaterial(await envelope.open('keys', `key:${row.name}`, row.sealed as NonNullable<typeof row.sealed>))
    expect(versions.size).toBe(2)
    for (const bytes of versions.values()) {
      // Of a pair, the private number: PKCS #8 begins with what everybody knows.
      const secret = row.name === 'sign' ? bytes.subarray(-32) : row.name === 'curve' ? bytes.subarray(36, 68) : bytes
      for (const coding of ['base64url', 'base64', 'hex', 'latin1'] as const) expect(everything.includes(secret.toString(coding))).toBe(false)
    }
  }
})
