import { describe, expect, it } from 'vitest'
import { createCatalogue } from '../../runtime/compile/catalogue.ts'
import { createAssembler } from '../../runtime/compile/assemble.ts'
import { toRevisions } from '../../runtime/compile/check.ts'
import { isListedHost } from '../../runtime/core/access/credential-use.ts'
import type { EditorNode } from '../../runtime/core/flow.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { Upstream } from '../../runtime/core/upstream/upstream.ts'
import { fakeUpstream } from '../../test/kit/fake-upstream.ts'
import { checkNode, testNode } from '../../test/kit/node-tester.ts'
import { definitions } from '../index.ts'
import { serviceCallout } from '../service-callout/service-callout.ts'
import { calloutAuth } from './callout-auth.ts'

interface Drawn {
  readonly organisation?: string
  readonly callout?: object
  readonly type?: string
  readonly auth?: object
  readonly upstream?: object
  readonly env?: readonly object[]
  /** Where the upstream lies: its tab, or nowhere. */
  readonly upstreamOn?: string
}

const assemble = createAssembler(createCatalogue(definitions))

/** What is said of a flow that uses credentials that lie on no tab. */
function said({ organisation = 'shop', callout = {}, type = 'service callout', auth = {}, upstream, env = [], upstreamOn }: Drawn): string[] {
  const nodes = [
    { id: 't', type: 'tab', label: 't', env: [...env, ...(organisation === '' ? [] : [{ name: 'SLUICE_ORGANISATION', type: 'str', value: organisation }])] },
    { id: 'in', type: 'http in', z: 't', method: 'get', url: '/t', wires: [['c']] },
    { id: 'c', type, z: 't', url: 'https://evil.example/x', ...(type === 'service callout' ? { auth: 'a' } : {}), ...callout, wires: type === 'service callout' ? [['out'], [], []] : [['out']] },
    { id: 'out', type: 'http response', z: 't', wires: [] },
    { id: 'a', type: 'callout auth', name: 'partner', kind: 'bearer', ...auth },
    ...(upstream ? [{ id: 'u', type: 'upstream', name: 'partner', ...(upstreamOn ? { z: upstreamOn } : {}), ...upstream }] : []),
  ] as unknown as EditorNode[]
  return assemble(toRevisions(nodes)).problems.filter(({ code }) => code.startsWith('callout.auth')).map(({ code, node, property }) => [code, node, property].join(' '))
}
const targets = (...urls: string[]) => ({ targets: urls.map((url) => ({ url, weight: 1 })) })

describe('credentials that belong to nobody', () => {
  it('are sent by a flow of an organisation only where their keeper lists', () => {
    expect(said({})).toEqual(['callout.auth_lent c auth'])
    expect(said({ auth: { hosts: ['api.example'] } })).toEqual(['callout.auth_host c auth'])
    expect(said({ auth: { hosts: ['api.example'] }, callout: { url: 'https://api.example/{{payload.id}}' } })).toEqual([])
    expect(said({ auth: { hosts: ['*.example', 'other.test:8443'] } })).toEqual([])
  })

  it('go where they always went for flows that are nobody’s too', () => {
    expect(said({ organisation: '' })).toEqual([])
    expect(said({ organisation: '', auth: { hosts: ['api.example'] } })).toEqual(['callout.auth_host c auth'])
  })

  it('may be put into an upstream by their keeper, whose servers are written out', () => {
    const callout = { url: '/x', upstream: 'u', auth: '' }
    for (const [type, more] of [['service callout', callout], ['http request', { url: '/x', upstream: 'u' }], ['pass through', { url: '/x', upstream: 'u' }]] as const) {
      const uses = (drawn: Drawn) => said({ ...drawn, type, callout: more })
      expect(uses({ upstream: { auth: 'a', ...targets('https://api.example') } }), type).toEqual([])
      expect(uses({ upstream: { auth: 'a', ...targets('https://${API}') }, env: [{ name: 'API', type: 'str', value: 'evil.example' }] }), type).toEqual(['callout.auth_lent c upstream'])
      expect(uses({ upstream: { auth: '${WHICH}', ...targets('https://api.example') }, env: [{ name: 'WHICH', type: 'str', value: 'a' }] }), type).toEqual(['callout.auth_lent c upstream'])
      expect(uses({ upstream: { auth: 'a', ...targets('https://evil.example') }, upstreamOn: 't' }), type).toEqual(['callout.auth_lent c upstream'])
      expect(uses({ auth: { hosts: ['api.example'] }, upstream: { auth: 'a', ...targets('https://api.example', 'https://evil.example') }, upstreamOn: 't' }), type).toEqual(['callout.auth_host c upstream'])
    }
    expect(said({ callout: { ...callout, auth: 'a' }, upstream: targets('https://api.example') })).toEqual(['callout.auth_lent c auth'])
  })

  it('show themselves to no token endpoint that the flow’s environment says', () => {
    const env = [{ name: 'TOKENS', type: 'str', value: 'https://evil.example/token' }]
    const upstream = { auth: 'a', ...targets('https://api.example') }
    const callout = { url: '/x', upstream: 'u', auth: '' }
    const oauth = { kind: 'oauth', clientId: 'c' }
    expect(said({ env, upstream, callout, auth: { ...oauth, tokenUrl: '${TOKENS}' } })).toEqual(['callout.auth_lent c auth'])
    expect(said({ env, upstream, callout, auth: { ...oauth, tokenUrl: '${TOKENS}', hosts: ['api.example'] } })).toEqual(['callout.auth_host c auth'])
    expect(said({ env, upstream, callout, auth: { ...oauth, tokenUrl: 'https://auth.example/token', hosts: ['api.example'] } })).toEqual([])
  })
})

describe('a gateway', () => {
  const open: Upstream = { ...fakeUpstream(), open: () => ({}) as never }
  const auth = (config: object, organisation?: string) => ({ a: { type: 'callout auth', config: { name: 'partner', kind: 'bearer', ...config }, credentials: { token: 'x' }, ...(organisation === undefined ? {} : { organisation }) } })
  const compile = (config: object, more: object = {}) => testNode(serviceCallout, { url: 'https://${HOST}/x', auth: 'a' }, { upstream: open, env: { HOST: 'api.example' }, node: { organisation: 'shop' }, configNodes: auth(config), ...more })

  it('refuses servers that are not listed, as its own environment names them', async () => {
    await expect(compile({ hosts: ['other.example'] })).rejects.toMatchObject({ code: 'config.invalid', message: expect.stringContaining('api.example') })
    await expect(compile({ hosts: ['api.example:443'] })).resolves.toBeDefined()
  })

  it('goes on with flows that were deployed before lists were asked for, and says so', async () => {
    const told: string[] = []
    const log = { ...silentLog, warn: (_facts: object, text: string) => void told.push(text) }
    await compile({}, { log })
    await compile({}, { log, configNodes: auth({}, 'shop') })
    expect(told).toMatchObject([expect.stringContaining('do not say where they may be sent')])
  })
})

it.each([
  ['api.example', 'https://api.example', true], ['api.example', 'https://API.example:8443', true], ['api.example:443', 'https://api.example', true], ['api.example:443', 'http://api.example', false],
  ['*.example', 'https://a.b.example', true], ['*.example', 'https://example', false], ['*.example', 'https://evilexample', false], ['api.example', 'https://api.example.evil.test', false], ['[::1]:80', 'http://[::1]', true],
])('“%s” lists %s: %s', (host, url, listed) => {
  expect(isListedHost([host], url)).toBe(listed)
})

it('says which entry is no host', () => {
  expect(checkNode(calloutAuth, { hosts: ['a.example', '*.example.org:8443', '[::1]', ''] })).toEqual([])
  for (const host of ['https://a.example', '*', 'a b', 'a.example/x', 'a:b:c']) expect(checkNode(calloutAuth, { hosts: [host] }).map(({ code }) => code), host).toEqual(['callout.auth_pattern'])
})
