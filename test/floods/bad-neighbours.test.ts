import { afterAll, beforeAll, expect, test } from 'vitest'
import { startEstateWith, type Estate } from '../kit/estate.ts'
import { estate as flowsOf, flow } from '../kit/flow-builder.ts'
import { pacedLoad } from '../kit/paced-load.ts'

const good = () => flow('good').httpIn('GET', '/good').fn('msg.payload = { sum: [1, 2, 3].reduce((a, b) => a + b) }\nreturn msg').httpResponse()
const loop = () => flow('loop').httpIn('GET', '/loop').fn('while (true) {}').httpResponse()
const large = () => flow('large').httpIn('POST', '/large', {}).fn('msg.payload = { items: msg.payload.length }\nreturn msg').httpResponse()

let estate: Estate
beforeAll(async () => {
  estate = await startEstateWith(flowsOf(good(), loop(), large()))
})
afterAll(() => estate?.stop())

test('200 requests a second into an endless loop cost none of 2,000 good ones a second', async () => {
  const [beside, bad] = await Promise.all([
    pacedLoad({ port: estate.gatewayPort, path: '/good', perSecond: 2000, seconds: 5 }),
    pacedLoad({ port: estate.gatewayPort, path: '/loop', perSecond: 200, seconds: 5 }),
  ])
  expect(beside.outcomes).toEqual({ 200: beside.sent })
  expect(bad.outcomes).toEqual({ 503: bad.sent })
})

test('a body of 5 MB of `[],` kills nobody else’s function', async () => {
  const body = `[${'[],'.repeat(Math.floor((5 * 1024 * 1024 - 10) / 3))}[]]`
  const url = `http://127.0.0.1:${estate.gatewayPort}/large`
  const post = () => fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const [beside, ...replies] = await Promise.all([
    pacedLoad({ port: estate.gatewayPort, path: '/good', perSecond: 500, seconds: 3 }),
    post(), post(), post(), post(), post(), post(),
  ])
  expect(beside.outcomes).toEqual({ 200: beside.sent })
  for (const reply of replies) {
    await reply.text()
    expect([200, 413, 503]).toContain(reply.status)
  }
  // The function that got it is not held guilty: a small body is served at once.
  const small = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[1,2]' })
  expect(await small.json()).toEqual({ items: 2 })
})
