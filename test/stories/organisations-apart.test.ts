import { afterAll, beforeAll, expect, test } from 'vitest'
import { estate, flow } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

// Flows of organisations on one gateway: what one keeps in the global context is nothing to another.

let gateway: TestGateway
const tab = (id: string, organisation?: string) => flow(id, organisation === undefined ? {} : { env: [{ name: 'SLUICE_ORGANISATION', value: organisation, type: 'str' }] })
const keeper = (id: string, organisation?: string) =>
  tab(id, organisation)
    .httpIn('GET', `/${id}/keep`).fn(`global.set("k", "of ${id}"); msg.payload = "kept"; return msg`).httpResponse()
    .httpIn('GET', `/${id}/look`).fn('msg.payload = String(global.get("k")); return msg').httpResponse()

beforeAll(async () => {
  gateway = await startGateway({ nodes: estate(keeper('bank', 'bank'), keeper('other', 'bank'), keeper('thief', 'thief'), keeper('shared')) })
})
afterAll(() => gateway?.close())
const get = async (path: string) => await (await fetch(gateway.url + path)).text()

test('what a flow keeps globally is read by those of its organisation; what is nobody’s by all, until they have their own', async () => {
  await get('/bank/keep')
  expect(await Promise.all(['/bank/look', '/other/look', '/thief/look', '/shared/look'].map(get))).toEqual(['of bank', 'of bank', 'undefined', 'undefined'])
  await get('/shared/keep')
  expect(await Promise.all(['/bank/look', '/thief/look', '/shared/look'].map(get))).toEqual(['of bank', 'of shared', 'of shared'])
  await get('/thief/keep')
  expect(await Promise.all(['/bank/look', '/thief/look', '/shared/look'].map(get))).toEqual(['of bank', 'of thief', 'of shared'])
})
