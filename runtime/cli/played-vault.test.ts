import { tmpdir } from 'node:os'
import { afterEach, expect, test } from 'vitest'
import { estate, flow } from '../../test/kit/flow-builder.ts'
import { loadSettings } from '../settings.ts'
import { openNodesBench, type FlowBench } from './flow-bench.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const nodes = estate(
  flow('hide').httpIn('POST', '/hide').node('tokenize', { domain: 'people', fields: [{ path: '$.id' }, { path: '$.pan', mode: 'shape', keepLast: 4 }] }).httpResponse(),
  flow('show').httpIn('POST', '/show').node('auth', { methods: [{ kind: 'key header', name: 'x-api-key' }] }, 2).node('detokenize', { domain: 'people', purpose: 'test', fields: [{ path: '$.id', denied: 'mask' }] }).httpResponse(),
)

test('cases of flows with tokens run without a vault: tokens are the same every time, and the caller of a case sees values', async () => {
  const bench = (await openNodesBench(nodes, { settings: loadSettings({ env: {} }), folder: tmpdir() })) as FlowBench
  closers.push(() => bench.close())
  const post = (url: string, body: object) => ({ method: 'POST', url, body })
  const shop = { client: { id: 'shop', application: 'shop', organisation: 'o', environment: 'production', priority: 5, scopes: [], attributes: {} } }
  const results = [
    await bench.runWhole({ name: 'hides', request: post('/hide', { id: 'A123456789', pan: '4111 1111 1111 1111' }), expect: { status: 200, json: { id: '78bnTMgsIegydE8IxdeAgF' }, jsonata: '$contains(body.pan, /^[0-9]{4} [0-9]{4} [0-9]{4} 1111$/)' } }),
    await bench.runWhole({ name: 'shows', caller: shop, request: post('/show', { id: 'played:A123456789' }), expect: { status: 200, json: { id: 'A123456789' } } }),
    await bench.runWhole({ name: 'knows nobody', caller: { client: { ...shop.client, application: '' } }, request: post('/show', { id: 'played:A123456789' }), expect: { status: 200, json: { id: '********' } } }),
    await bench.runWhole({ name: 'unknown', caller: shop, request: post('/show', { id: 'nonsense' }), expect: { status: 404, json: { code: 'token.unknown' } } }),
  ]
  expect(results.map(({ failures }) => failures)).toEqual([[], [], [], []])
})

const keys = estate(
  flow('seal').httpIn('POST', '/seal').node('crypto', { operation: 'encrypt', key: 'archive', what: 'fields', fields: [{ path: '$.id' }], cipher: 'aes-gcm' }, 2).httpResponse(),
  flow('open').httpIn('POST', '/open').node('crypto', { operation: 'decrypt', key: 'archive', what: 'fields', fields: [{ path: '$.id' }], cipher: 'aes-gcm' }, 2).httpResponse(),
  flow('wrap').httpIn('POST', '/wrap').node('crypto', { operation: 'encrypt', key: 'archive', what: 'body', cipher: 'jwe' }, 2).node('crypto', { operation: 'decrypt', key: 'archive', what: 'body', cipher: 'jwe' }, 2).httpResponse(),
  flow('sign').httpIn('POST', '/sign').node('crypto', { operation: 'sign', key: 'statement', what: 'body', signature: 'jws-detached', putInto: 'header', header: 'x-jws-signature' }, 2).httpResponse(),
  flow('verify').httpIn('POST', '/verify').node('crypto', { operation: 'verify', key: 'statement', what: 'body', signature: 'jws-detached', lookIn: 'request', header: 'x-jws-signature' }, 2).httpResponse(),
)

test('cases of flows with keys run without a vault: what is encrypted and signed is the same every time and opens again, and what was changed does not', async () => {
  const bench = (await openNodesBench(keys, { settings: loadSettings({ env: {} }), folder: tmpdir() })) as FlowBench
  closers.push(() => bench.close())
  const post = (url: string, body: object, headers: Record<string, string> = {}) => ({ method: 'POST', url, body, headers })
  const sealed = 'gcm1.1..pyslIih9obb3EdThoQNxFCCDMj_0bUcLVYXXwoE30qUNGYfC4ZI'
  const signature = 'eyJhbGciOiJIUzI1NiIsImtpZCI6InN0YXRlbWVudC4xIiwiYjY0IjpmYWxzZSwiY3JpdCI6WyJiNjQiXX0..PlJbq-yevN_H_odHnzH8PVRFJFgWR6GvkBYm8Jjk0K0'
  const results = [
    await bench.runWhole({ name: 'seals', request: post('/seal', { id: 'A123456789', n: 1 }), expect: { status: 200, json: { id: sealed, n: 1 } } }),
    await bench.runWhole({ name: 'opens', request: post('/open', { id: sealed }), expect: { status: 200, json: { id: 'A123456789' } } }),
    await bench.runWhole({ name: 'opens what a case says', request: post('/open', { id: 'played:A123456789' }), expect: { status: 200, json: { id: 'A123456789' } } }),
    await bench.runWhole({ name: 'was changed', request: post('/open', { id: `${sealed}A` }), expect: { status: 422, json: { code: 'crypto.invalid' } } }),
    await bench.runWhole({ name: 'there and back', request: post('/wrap', { all: ['of', 'it'] }), expect: { status: 200, json: { all: ['of', 'it'] } } }),
    await bench.runWhole({ name: 'signs', request: post('/sign', { paid: true }), expect: { status: 200, json: { paid: true }, headers: { 'x-jws-signature': signature } } }),
    await bench.runWhole({ name: 'fits', request: post('/verify', { paid: true }, { 'x-jws-signature': signature }), expect: { status: 200, json: { paid: true } } }),
    await bench.runWhole({ name: 'is said to fit', request: post('/verify', { paid: true }, { 'x-jws-signature': 'played' }), expect: { status: 200 } }),
    await bench.runWhole({ name: 'does not fit', request: post('/verify', { paid: false }, { 'x-jws-signature': signature }), expect: { status: 401, json: { code: 'crypto.signature' } } }),
  ]
  expect(results.map(({ failures }) => failures)).toEqual(results.map(() => []))
})
