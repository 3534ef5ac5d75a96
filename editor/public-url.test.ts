import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createFakeControl } from '../test/kit/fake-control.ts'
import { createControlServer, type ControlServer } from './server.ts'

let server: ControlServer
let base: string
let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sluice-public-url-'))
  server = createControlServer({
    control: createFakeControl(), definitions: [],
    options: { host: '127.0.0.1', port: 0, dataDir, gatewayUrls: () => [], publicUrl: 'https://sluice.example/' },
  })
  base = (await server.listen()).url
})
afterAll(async () => {
  await server.close()
  await rm(dataDir, { recursive: true, force: true })
})

// As the browser of somebody who typed the public address sends it through a proxy that names its own target as host.
const throughProxy = { origin: 'https://sluice.example', 'sec-fetch-site': 'same-origin' }

async function signIn(): Promise<string> {
  const answer = await fetch(new URL('sign-in', base), { method: 'POST', redirect: 'manual', headers: throughProxy, body: new URLSearchParams({ name: 'admin', password: 'open sesame' }) })
  expect(answer.status).toBe(303)
  return answer.headers.get('set-cookie')!
}

test('behind a proxy that ends TLS the session cookie is Secure, and signs in', async () => {
  const cookie = await signIn()
  expect(cookie).toMatch(/^__Host-sluice=[^;]+;.*; Secure/)
  expect((await fetch(new URL('gateways', base), { redirect: 'manual', headers: { cookie: cookie.split(';')[0]! } })).status).toBe(200)
})

test('links that are shown begin with the public address', async () => {
  const cookie = (await signIn()).split(';')[0]!
  const page = await fetch(new URL('gateways/join-token', base), { method: 'POST', headers: { ...throughProxy, cookie } })
  expect(await page.text()).toContain('SLUICE_CONTROL_URL=https://sluice.example SLUICE_GATEWAY_TOKEN=')
})

test('the live connection of the editor is taken from the public address, and from no other', async () => {
  const cookie = (await signIn()).split(';')[0]!
  const open = (origin: string) => {
    const socket = new WebSocket(`${base.replace('http', 'ws')}editor/comms`, { headers: { origin, cookie } })
    return new Promise<string>((resolve) => {
      socket.once('open', () => (resolve('open'), socket.close()))
      socket.once('error', (error) => resolve(error.message))
    })
  }
  expect(await open('https://sluice.example')).toBe('open')
  expect(await open('https://evil.example')).toContain('403')
})
