import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

/** Written otherwise in a URL than it is. */
const secret = 'canary/Kx9 +7=pq&Zr'
const seen: { server: string; url: string; header: unknown }[] = []
const servers: Server[] = []
let gateway: TestGateway

async function serve(server: string, answer: (path: string) => string | undefined): Promise<string> {
  const one = createServer((request, response) => {
    const [path, query] = (request.url ?? '').split('?')
    seen.push({ server, url: request.url ?? '', header: request.headers['x-partner'] })
    const to = answer(path as string)
    if (to === undefined) response.setHeader('content-type', 'application/json').end('{"done":true}')
    else response.writeHead(302, { location: `${to}?${query}` }).end()
  })
  await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve))
  servers.push(one)
  return `http://127.0.0.1:${(one.address() as AddressInfo).port}`
}

beforeAll(async () => {
  const other = await serve('other', () => undefined)
  const home = await serve('home', (path) => ({ '/a': '/b', '/away': `${other}/b`, '/refuses': '/b' })[path])
  const callout = (id: string, path: string, more: object = {}) => ({
    id, type: 'service callout', url: `${home}${path}`, query: [{ name: 'q', value: '${KEY}', valueType: 'str' }], headers: [{ name: 'X-Partner', value: 'key ${KEY}', valueType: 'str' }], ...more, wires: [['say', 'seen'], ['say'], []],
  })
  gateway = await startGateway({
    settings: { SLUICE_EGRESS_ALLOW: '127.0.0.1' },
    credentials: { t: { KEY: secret } },
    nodes: [
      { id: 't', type: 'tab', label: 'Partner', env: [{ name: 'KEY', type: 'cred', value: '' }] },
      ...(['a', 'away', 'refuses'] as const).map((name) => ({ id: `in-${name}`, type: 'http in', method: 'get', url: `/${name}`, wires: [[name]] })),
      callout('a', '/a', { redirects: 5 }), callout('away', '/away', { redirects: 5 }), callout('refuses', '/refuses', { redirects: 0, transparent: true }),
      { id: 'seen', type: 'debug', complete: 'true', targetType: 'full', wires: [] },
      { id: 'say', type: 'change', rules: [{ t: 'set', p: 'payload', pt: 'msg', to: '{"url": responseUrl, "headers": headers, "error": error}', tot: 'jsonata' }], wires: [['out']] },
      { id: 'out', type: 'http response', wires: [] },
    ].map((node) => (node.type === 'tab' ? node : { z: 't', ...node })) as unknown as EditorNode[],
  })
})
afterAll(async () => {
  await gateway?.close()
  for (const server of servers) server.close()
})

test('a secret in the query of a callout is in no message, answer, sidebar, log or recorded run, and a redirect takes it to no other server', async () => {
  const { deployer } = gateway.gateway
  await deployer.command({ do: 'traces.watch', id: 'w', flow: 't', next: 3, forMs: 60_000 })
  const answers = [await fetch(`${gateway.url}/a`), await fetch(`${gateway.url}/away`), await fetch(`${gateway.url}/refuses`, { redirect: 'manual' })]
  const said = await Promise.all(answers.map(async (one) => `${await one.text()} ${JSON.stringify([...one.headers])}`))
  expect(said[0]).toContain('/b?q=[hidden]')
  expect(said[2]).toContain('/b?q=[hidden]')

  const written = encodeURIComponent(secret)
  expect(seen.filter(({ server, url }) => server === 'home' && url.includes(written))).toHaveLength(4)
  expect(seen.filter(({ header }) => header === `key ${secret}`).map(({ server }) => server)).toEqual(['home', 'home', 'home', 'home'])
  expect(seen.filter(({ server }) => server === 'other')).toMatchObject([{ header: undefined }])

  const { runs } = (await deployer.command({ do: 'traces.list', flow: 't', limit: 10 })) as { runs: readonly { id: string }[] }
  expect(runs).toHaveLength(3)
  const records = await Promise.all(runs.map(({ id }) => deployer.command({ do: 'traces.get', id })))
  const shown = JSON.stringify([said, gateway.events, records, gateway.lines()])
  expect(shown).toContain('q=[hidden]')
  for (const form of [secret, written, new URLSearchParams({ q: secret }).toString().slice(2)]) expect(shown).not.toContain(form)
})
