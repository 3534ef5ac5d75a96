import { compactVerify, CompactEncrypt, createRemoteJWKSet, flattenedVerify, importJWK, type JWK } from 'jose'
import { afterEach, expect, test } from 'vitest'
import { startProduct } from '../e2e/product.ts'
import { AdminClient } from '../kit/admin-client.ts'
import { ConsumerClient } from '../kit/consumer-client.ts'
import { estate, flow } from '../kit/flow-builder.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
}, 60_000)

const flows = estate(
  flow('sign').httpIn('POST', '/sign').node('crypto', { operation: 'sign', signature: 'jws', key: 'statement' }, 2).httpResponse(),
  flow('beside').httpIn('POST', '/beside').node('crypto', { operation: 'sign', signature: 'jws-detached', key: 'statement' }, 2).httpResponse(),
  flow('verify').httpIn('POST', '/verify').node('crypto', { operation: 'verify', signature: 'jws-detached', key: 'statement' }, 2).httpResponse(),
  flow('seal').httpIn('POST', '/seal').node('crypto', { operation: 'encrypt', cipher: 'aes-gcm', key: 'own', what: 'fields', fields: [{ path: '$.people[*].id' }] }, 2).httpResponse(),
  flow('open').httpIn('POST', '/open').node('crypto', { operation: 'decrypt', cipher: 'aes-gcm', key: 'own', what: 'fields', fields: [{ path: '$.people[*].id' }] }, 2).httpResponse(),
  flow('inbox').httpIn('POST', '/inbox').node('crypto', { operation: 'decrypt', cipher: 'jwe', key: 'mail' }, 2).httpResponse(),
)

test('a partner verifies what a flow signed, and encrypts for it, with the key set that control publishes; rotation and disabling are felt within a second', async () => {
  const product = await startProduct()
  closers.push(product.stop)
  const control = product.control.replace(/\/$/, '')
  const records = await ConsumerClient.signIn({ controlUrl: control, password: product.password })
  const url = new URL('key-sets/partners/jwks.json', product.control)
  const call = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const isText = typeof body === 'string'
    const reply = await fetch(product.gateway + path, { method: 'POST', headers: { 'content-type': isText ? 'application/jose' : 'application/json', ...headers }, body: isText ? body : JSON.stringify(body) })
    return { status: reply.status, text: await reply.text(), signature: reply.headers.get('x-jws-signature') ?? '' }
  }

  // Whoever happens to ask for a key set starts no vault.
  expect((await fetch(url)).status).toBe(503)
  expect(product.printed()).not.toContain('the vault is ready')
  await (await AdminClient.signIn(control, 'admin', product.password)).deploy(flows)
  await records.request('POST', '/vault/keys', { name: 'statement', kind: 'ec-p256', set: 'partners' })
  await records.request('POST', '/vault/keys', { name: 'mail', kind: 'rsa-2048', algorithm: 'RSA-OAEP-256', set: 'partners' })
  await records.request('POST', '/vault/keys', { name: 'own', kind: 'aes-256' })

  const statement = { balance: 12.5, owner: '王小明' }
  let signed = ''
  await expect.poll(async () => ((signed = (await call('/sign', statement)).text), signed), { timeout: 3000, interval: 50 }).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/)
  let published: { readonly keys: readonly JWK[] } = { keys: [] }
  await expect.poll(async () => ((published = (await (await fetch(url)).json()) as typeof published), published.keys?.map(({ kid, use }) => [kid, use])), { timeout: 15_000, interval: 200 }).toEqual([['mail.1', 'enc'], ['statement.1', 'sig']])
  const verified = await compactVerify(signed, createRemoteJWKSet(url))
  expect(JSON.parse(Buffer.from(verified.payload).toString())).toEqual(statement)

  const beside = await call('/beside', statement)
  expect(JSON.parse(beside.text)).toEqual(statement)
  const [encoded = '', , signature = ''] = beside.signature.split('.')
  await flattenedVerify({ protected: encoded, payload: Buffer.from(beside.text), signature }, await importJWK(published.keys[1] as JWK))
  expect((await call('/verify', statement, { 'x-jws-signature': beside.signature })).status).toBe(200)
  expect(JSON.parse((await call('/verify', { ...statement, balance: 99 }, { 'x-jws-signature': beside.signature })).text)).toMatchObject({ status: 401, code: 'crypto.signature' })

  const letter = await new CompactEncrypt(Buffer.from(JSON.stringify(statement))).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'mail.1', cty: 'json' }).encrypt(await importJWK(published.keys[0] as JWK))
  expect(JSON.parse((await call('/inbox', letter)).text)).toEqual(statement)
  expect(JSON.parse((await call('/inbox', `${letter}A`)).text)).toMatchObject({ status: 422, code: 'crypto.invalid' })

  const people = { people: [{ id: 'A123456789', age: 41 }, { id: 7 }] }
  const sealed = JSON.parse((await call('/seal', people)).text) as typeof people
  expect(sealed).toMatchObject({ people: [{ id: expect.stringMatching(/^gcm1\.1\./) as string, age: 41 }, { id: expect.stringMatching(/^gcm1\.1\./) as string }] })
  await records.request('POST', '/vault/keys/own/rotate')
  expect(JSON.parse((await call('/open', sealed)).text)).toEqual(people)
  await expect.poll(async () => (await call('/seal', people)).text, { timeout: 3000, interval: 50 }).toContain('gcm1.2.')
  await records.request('POST', '/vault/keys/own/disable')
  await expect.poll(async () => { const { status, text } = await call('/open', sealed); return [status, (JSON.parse(text) as { code?: string }).code] }, { timeout: 3000, interval: 50 }).toEqual([409, 'key.disabled'])
  expect(product.printed()).not.toContain('A123456789')
}, 60_000)
