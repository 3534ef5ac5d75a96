import fc from 'fast-check'
import { compactDecrypt, importJWK, type JWK } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { Body, payloadOf } from '../../runtime/core/http/body.ts'
import { LabelMap } from '../../runtime/core/labels/label-map.ts'
import type { Vault, VaultAnswer, VaultAsk } from '../../runtime/core/secrets/vault.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { memoryEnvelope, memoryRecords } from '../../test/kit/vault-memory.ts'
import type { CryptoAsk } from '../../runtime/core/secrets/vault.ts'
import { createKeyring } from '../../vault/keys/keyring.ts'
import { crypto } from './crypto.ts'

const clock = fakeClock()
const ring = createKeyring({ records: memoryRecords().records, envelope: memoryEnvelope(), clock })
beforeAll(async () => {
  for (const [name, kind] of [['seal', 'aes-256'], ['mac', 'hmac-256'], ['sign', 'ed25519'], ['off', 'ed25519']] as const) await ring.desk.keys.create(name, { kind }, 'ann')
  await ring.desk.keys.create('partner', { kind: 'ec-p256', algorithm: 'ECDH-ES+A256KW', set: 'ours' }, 'ann')
  await ring.desk.keys.setState('off', 'disabled', 'ann')
})

/** A vault with nothing between, that notes how often it was asked, and for what. */
function nearVault() {
  const calls: (readonly VaultAsk[])[] = []
  const vault: Vault = {
    async ask(asks): Promise<readonly VaultAnswer[]> {
      calls.push(asks)
      return Promise.all(asks.map((ask) => ring.ask(ask as CryptoAsk)))
    },
  }
  return { vault, calls }
}

/** A pair of nodes: what the first makes the second takes apart. */
async function pair(make: object, open: object) {
  const { vault, calls } = nearVault()
  const [first, second] = await Promise.all([testNode(crypto, make, { vault, wired: ['ok'] }), testNode(crypto, open, { vault, wired: ['ok'] })])
  return {
    calls,
    make: async (message: object) => (await first.send(message))[0]?.message as Record<string, unknown>,
    open: async (message: object) => (await second.send(message))[0]?.message as Record<string, unknown>,
  }
}

test('what an organisation draws uses its own keys, and what is nobody’s uses all', async () => {
  const { vault } = nearVault()
  const of = (organisation: string | undefined, key: string) => testNode(crypto, { operation: 'sign', key }, { vault, wired: ['ok'], ...(organisation === undefined ? {} : { node: { organisation } }) })
  for (const key of ['seal', 'bank.seal', 'shop', 'shop.eu.seal', 'shopping.seal']) await expect(of('shop', key), key).rejects.toMatchObject({ code: 'config.invalid', facts: { property: 'key', remedy: expect.stringContaining('shop.name') } })
  await of('shop', 'shop.seal')
  await of(undefined, 'bank.seal')
})

describe('a whole body', () => {
  test.each([['jwe', 'seal'], ['aes-gcm', 'seal'], ['jwe', 'partner']])('comes back from %s under %s as it went in', async (cipher, key) => {
    const nodes = await pair({ operation: 'encrypt', cipher, key }, { operation: 'decrypt', cipher, key })
    const body = Body.ofJsonBytes(Buffer.from('{"name": "王小明"}'))
    for (const payload of [{ a: [1, null, 'ü'] }, 'text 王', '', 'half \ud800', 7, null, Buffer.from([0, 255]), body]) {
      const sealed = await nodes.make({ payload })
      expect(sealed.payload).toMatch(cipher === 'jwe' ? /^[\w-]+(\.[\w-]*){4}$/ : /^gcm1\.1\.[\w-]*\.[\w-]+$/)
      expect((await nodes.open({ payload: sealed.payload })).payload).toEqual(payload instanceof Body ? { name: '王小明' } : payload)
    }
  })

  test('is read by a partner who has the private half, and says what it is', async () => {
    const nodes = await pair({ operation: 'encrypt', cipher: 'jwe', key: 'seal', contentKey: 'dir' }, { operation: 'decrypt', cipher: 'jwe', key: 'partner' })
    const header = JSON.parse(Buffer.from(String((await nodes.make({ payload: { a: 1 } })).payload).split('.')[0] as string, 'base64url').toString()) as object
    expect(header).toEqual({ alg: 'dir', enc: 'A256GCM', kid: 'seal.1', cty: 'json' })
    const [jwk] = (await ring.desk.keys.publicSet('ours')).keys as JWK[]
    const { CompactEncrypt } = await import('jose')
    const sealed = await new CompactEncrypt(Buffer.from('{"a":1}')).setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', cty: 'json' }).encrypt(await importJWK(jwk as JWK))
    expect((await nodes.open({ payload: sealed })).payload).toEqual({ a: 1 })
    await expect(compactDecrypt(sealed, await importJWK(jwk as JWK))).rejects.toThrow()
  })

  test('is signed and verified with its content in it', async () => {
    const nodes = await pair({ operation: 'sign', signature: 'jws', key: 'sign' }, { operation: 'verify', signature: 'jws', key: 'sign' })
    const { payload } = await nodes.make({ payload: { amount: 12 } })
    const verified = await nodes.open({ payload: `${payload as string}\n` })
    expect(verified).toMatchObject({ payload: { amount: 12 }, crypto: { valid: true, key: 'sign', version: 1 } })
    await expect(nodes.open({ payload: String(payload).replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) })).rejects.toMatchObject({ code: 'crypto.signature', status: 401 })
  })

  test('is signed beside it: bytes as they came, in a header or a property', async () => {
    const asCame = Body.ofJsonBytes(Buffer.from('{ "amount": 12.0 }'))
    const inHeader = await pair({ operation: 'sign', signature: 'jws-detached', key: 'sign' }, { operation: 'verify', signature: 'jws-detached', key: 'sign' })
    const signed = await inHeader.make({ payload: asCame, headers: { accept: 'x', 'x-jws-signature': 'old' } })
    expect(signed.payload).toBe(asCame)
    expect(Object.keys(signed.headers as object)).toEqual(['accept', 'X-JWS-Signature'])
    const request = { headers: { 'x-jws-signature': (signed.headers as Record<string, string>)['X-JWS-Signature'] } }
    expect(await inHeader.open({ payload: asCame, req: request })).toMatchObject({ crypto: { valid: true } })
    await expect(inHeader.open({ payload: Body.ofJsonBytes(Buffer.from('{"amount":12.0}')), req: request })).rejects.toMatchObject({ code: 'crypto.signature' })
    await expect(inHeader.open({ payload: asCame, headers: request.headers, req: { headers: {} } })).rejects.toMatchObject({ code: 'crypto.signature' })

    for (const coding of ['base64url', 'base64', 'hex']) {
      const inField = await pair({ operation: 'sign', signature: 'raw', key: 'mac', putInto: 'field', field: 'proof.mac', coding }, { operation: 'verify', signature: 'raw', key: 'mac', lookIn: 'field', field: 'proof.mac', coding })
      const sent = await inField.make({ payload: { b: 1, a: 2 } })
      expect((sent.payload as Body).text()).toBe('{"b":1,"a":2}')
      expect(await inField.open(sent)).toMatchObject({ crypto: { valid: true, key: 'mac' } })
      await expect(inField.open({ ...sent, proof: { mac: '%' } })).rejects.toMatchObject({ code: 'crypto.signature' })
      await expect(inField.open({ ...sent, proof: {} })).rejects.toMatchObject({ code: 'crypto.signature' })
    }
  })
})

describe('fields', () => {
  test('whatever they hold comes back, and the vault is asked once per message', async () => {
    const fields = [{ path: '$.people[*].id' }, { path: '$.total' }]
    for (const cipher of ['jwe', 'aes-gcm']) {
      const nodes = await pair({ operation: 'encrypt', cipher, key: 'seal', what: 'fields', fields }, { operation: 'decrypt', cipher, key: 'seal', what: 'fields', fields })
      await fc.assert(
        fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 5 }), fc.string({ unit: 'binary' }), async (ids, total) => {
          const payload = JSON.parse(JSON.stringify({ people: ids.map((id) => ({ id, name: 'n' })), total })) as object
          nodes.calls.length = 0
          const sealed = await nodes.make({ payload })
          expect(nodes.calls.map((asks) => asks.length)).toEqual([ids.length + 1])
          expect((await nodes.open({ payload: sealed.payload })).payload).toEqual(payload)
        }),
        { numRuns: 10 },
      )
    }
  })

  test('are signed one by one, and the wrong one is named by its path', async () => {
    const fields = [{ path: '$.a' }, { path: '$.b' }]
    const nodes = await pair({ operation: 'sign', key: 'sign', what: 'fields', fields }, { operation: 'verify', key: 'sign', what: 'fields', fields })
    const { payload } = await nodes.make({ payload: { a: 'x', b: 2, c: 3 } })
    expect((await nodes.open({ payload })).payload).toEqual({ a: 'x', b: 2, c: 3 })
    await expect(nodes.open({ payload: { ...(payload as object), b: 'secret-value' } })).rejects.toMatchObject({ code: 'crypto.signature', facts: { path: '$.b' }, message: 'The signature at $.b does not fit.' })
    await expect(nodes.open({ payload: { ...(payload as object), b: 5 } })).rejects.toMatchObject({ code: 'crypto.signature' })
  })

  test('that are not there are passed over, or refused', async () => {
    const config = { operation: 'encrypt', cipher: 'aes-gcm', key: 'seal', what: 'fields', fields: [{ path: '$.nothing' }] }
    const { vault, calls } = nearVault()
    const message = { payload: { a: 1 } }
    expect(await (await testNode(crypto, config, { vault })).send(message)).toMatchObject([{ port: 'ok', message }])
    expect(calls).toEqual([])
    await expect((await testNode(crypto, { ...config, missing: 'refuse' }, { vault })).send(message)).rejects.toMatchObject({ code: 'field.missing', facts: { path: '$.nothing' } })
  })

  test('bound to a value open with that value only', async () => {
    const config = { cipher: 'aes-gcm', key: 'seal', what: 'fields', fields: [{ path: '$.account' }], aad: 'payload.order' }
    const nodes = await pair({ operation: 'encrypt', ...config }, { operation: 'decrypt', ...config })
    const { payload } = await nodes.make({ payload: { account: '012', order: 7 } })
    expect((await nodes.open({ payload })).payload).toEqual({ account: '012', order: 7 })
    await expect(nodes.open({ payload: { ...(payload as object), order: 8 } })).rejects.toMatchObject({ code: 'crypto.invalid', facts: { path: '$.account' } })
    await expect(nodes.make({ payload: { account: '012' } })).rejects.toMatchObject({ code: 'step.config' })
  })
})

describe('what goes wrong', () => {
  const text = 'gcm1.1.dGV4dA.AAAA'

  test('goes to the port when it is wired, and is a fault when not; a fault of the key is always one', async () => {
    const { vault } = nearVault()
    const config = { operation: 'decrypt', cipher: 'aes-gcm', key: 'seal' }
    const wired = await testNode(crypto, config, { vault })
    expect(await wired.send({ payload: text })).toMatchObject([{ port: 'invalid', message: { payload: text, error: { code: 'crypto.invalid', status: 422 } } }])
    await expect((await testNode(crypto, config, { vault, wired: ['ok'] })).send({ payload: text })).rejects.toMatchObject({ code: 'crypto.invalid' })
    const of = async (key: string, operation = 'sign') => (await testNode(crypto, { operation, key, signature: 'jws' }, { vault })).send({ payload: 'x' })
    await expect(of('nobody')).rejects.toMatchObject({ code: 'key.unknown', status: 500 })
    await expect(of('off')).rejects.toMatchObject({ code: 'key.disabled', status: 409 })
    await expect(of('seal')).rejects.toMatchObject({ code: 'key.unfit', message: 'The key seal cannot do that: it is for encrypting.' })
  })

  test('never says a value', async () => {
    const { vault } = nearVault()
    const canary = 'A123456789'
    const faults: unknown[] = []
    for (const operation of ['encrypt', 'decrypt', 'sign', 'verify']) {
      for (const key of ['seal', 'sign', 'off', 'nobody']) {
        for (const more of [{}, { what: 'fields', fields: [{ path: '$.id' }] }]) {
          const node = await testNode(crypto, { operation, key, ...more }, { vault, wired: ['ok'] })
          await node.send({ payload: 'what' in more ? { id: canary } : canary }).catch((error: Error & { facts: unknown; cause: unknown }) => faults.push(error.message, error.facts, error.stack, String(error.cause)))
        }
      }
    }
    expect(faults.length).toBeGreaterThan(40)
    expect(JSON.stringify(faults)).not.toContain(canary)
  })

  test('a text that is not what it is to be read as does not open', async () => {
    const nodes = await pair({ operation: 'encrypt', cipher: 'aes-gcm', key: 'seal' }, { operation: 'decrypt', cipher: 'aes-gcm', key: 'seal', readAs: 'json' })
    const { payload } = await nodes.make({ payload: 'no json' })
    await expect(nodes.open({ payload })).rejects.toMatchObject({ code: 'crypto.invalid' })
    await expect(nodes.open({ payload: { an: 'object' } })).rejects.toMatchObject({ code: 'crypto.invalid' })
    await expect(nodes.make({})).rejects.toMatchObject({ code: 'step.config' })
  })

  test('nonsense is refused at deploy', async () => {
    const codes = (config: object) => checkNode(crypto, config).map(({ code }) => code)
    expect(codes({ key: '' })).toEqual(['crypto.key'])
    expect(codes({ key: 'a b' })).toEqual(['crypto.key'])
    expect(codes({ key: 'k', operation: 'sign', signature: 'jws-detached', what: 'fields', fields: [{ path: '$.a' }] })).toEqual(['crypto.fields'])
    expect(codes({ key: 'k', operation: 'verify', signature: 'raw', what: 'fields', fields: [{ path: '$.a' }] })).toEqual(['crypto.fields'])
    expect(codes({ key: 'k', what: 'fields', fields: [{ path: 'a' }] })).toEqual(['field.path'])
    expect(codes({ key: 'k', operation: 'sign', signature: 'raw', header: 'X Y' })).toEqual(['crypto.header'])
    expect(codes({ key: 'k', operation: 'sign', signature: 'raw', putInto: 'field', field: 'payload.mac' })).toEqual(['crypto.place'])
    expect(codes({ key: 'k', cipher: 'aes-gcm', aad: 'payload[' })).toEqual(['value.path'])
    expect(codes({ key: 'k', cipher: 'jwe', aad: 'payload.order' })).toEqual(['crypto.aad'])
    expect(codes({ key: '${PARTNER_KEY}' })).toEqual([])
    await expect(testNode(crypto, { key: '${PARTNER_KEY}' }, { vault: nearVault().vault, env: { PARTNER_KEY: 'a/b' } })).rejects.toMatchObject({ code: 'config.invalid' })
    await expect(testNode(crypto, { key: 'seal' })).rejects.toMatchObject({ code: 'config.invalid', message: expect.stringContaining('SLUICE_VAULT') })
    const made = await testNode(crypto, { key: '${PARTNER_KEY}' }, { vault: nearVault().vault, env: { PARTNER_KEY: 'seal' } })
    expect(payloadOf((await made.send('x'))[0]?.message ?? {})).toMatch(/^ey/)
  })
})

describe('labelled data', () => {
  const entry = (path: readonly (string | number)[]) => ({ path, label: 'pid', from: { flow: 'f', node: 'in', path: '' } })
  const labels = LabelMap.of([entry(['payload', 'id']), entry(['payload', 'other'])])
  const facts = { node: { flow: 'f', id: 'n' }, returned: () => LabelMap.none, inside: LabelMap.none }
  const after = (config: object, input = labels) => {
    const out = crypto.labels?.({ what: 'body', property: 'payload', fields: [], signature: 'jws', ...config } as never, input, facts) as Readonly<Record<string, LabelMap>>
    return out.ok as LabelMap
  }
  const shown = (map: LabelMap) => map.entries.map(({ path, protection }) => `${path.join('.')} ${protection?.by ?? 'clear'}`)

  test('may leave once it is encrypted, and is in clear again when it is decrypted', () => {
    const one = { what: 'fields', fields: [{ path: '$.id' }] }
    const sealed = after({ operation: 'encrypt', ...one })
    expect(shown(sealed)).toEqual(['payload.id cipher', 'payload.other clear'])
    expect(shown(after({ operation: 'decrypt', ...one }, sealed))).toEqual(['payload.id clear', 'payload.other clear'])
    expect(after({ operation: 'encrypt' }).clear.isEmpty).toBe(true)
  })

  test('is in a signed text for everybody to read, and in no signature that stands beside it', () => {
    expect(shown(after({ operation: 'sign' }))).toEqual(['payload clear'])
    expect(after({ operation: 'sign', signature: 'raw' })).toBe(labels)
  })
})
