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
