import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EditorNode } from '../../runtime/core/flow.ts'
import type { RunRecord } from '../../runtime/core/trace.ts'
import { estate, flow as drawn, set } from '../kit/flow-builder.ts'
import { startGateway, type TestGateway } from '../kit/gateway.ts'

/** Planted in everything that is labelled: nowhere but in the request and in the service's answer may it be read. */
const canary = 'A123456789-canary'
let service: Server
let gateway: TestGateway

beforeAll(async () => {
  service = createServer((_request, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ person: { id: canary, city: '臺北' } })))
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  gateway = await startGateway({ settings: { SLUICE_EGRESS_ALLOW: '127.0.0.1' }, nodes: flow(`http://127.0.0.1:${(service.address() as AddressInfo).port}/person`) })
})
afterAll(async () => {
  await gateway?.close()
  service?.close()
})

function flow(url: string): EditorNode[] {
  return [
    { id: 't', type: 'tab', label: 'People' },
    { id: 'in', type: 'http in', method: 'post', url: '/people', labels: [{ path: 'payload.pid', label: 'pid' }, { path: 'req.query.pid', label: 'pid' }], wires: [['keep', 'seen', 'all']] },
    { id: 'seen', type: 'debug', complete: 'payload.pid', targetType: 'msg', tostatus: true, statusType: 'auto', wires: [] },
    { id: 'all', type: 'debug', complete: 'true', targetType: 'full', wires: [] },
    { id: 'keep', type: 'change', rules: [{ t: 'move', p: 'payload', pt: 'msg', to: 'asked', tot: 'msg' }], wires: [['call']] },
    { id: 'call', type: 'service callout', url, method: 'GET', labels: [{ path: '$.person.id', label: 'pid' }], wires: [['which'], [], []] },
    { id: 'which', type: 'switch', property: 'asked.fail', propertyType: 'msg', rules: [{ t: 'true' }, { t: 'else' }], outputs: 2, wires: [['fail'], ['hide']] },
    { id: 'fail', type: 'function', func: 'throw new Error("not good: " + msg.payload.person.id)', wires: [[]] },
    { id: 'hide', type: 'mask', fields: [{ by: 'label', field: 'pid', how: 'keep', first: 1, last: 0 }], wires: [['out']] },
    { id: 'out', type: 'http response', wires: [] },
  ].map((node) => (node.type === 'tab' ? node : { z: 't', ...node })) as unknown as EditorNode[]
}

const call = (fail: boolean) => fetch(`${gateway.url}/people?pid=${canary}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ pid: canary, name: '王', fail }) })

test('what is labelled is read by nobody: not in the answer, the sidebar, the status, the log, or the run that somebody watches', async () => {
  const { deployer } = gateway.gateway
  await deployer.command({ do: 'traces.watch', id: 'w', flow: 't', next: 2, forMs: 60_000 })
  const answer = await call(false)
  expect(await answer.json()).toEqual({ person: { id: `A${'*'.repeat(canary.length - 1)}`, city: '臺北' } })
  const failed = await call(true)
  expect([failed.status, JSON.stringify(await failed.json()).includes('A1234')]).toEqual([500, false])

  const shown = gateway.events.filter(({ kind }) => kind === 'debug' || kind === 'status')
  expect(shown.length).toBeGreaterThanOrEqual(4)
  expect(JSON.stringify(shown)).toContain('[pid]')
  expect(JSON.stringify(shown)).toContain('王')
  expect(JSON.stringify(shown)).not.toContain(canary)

  const { runs } = (await deployer.command({ do: 'traces.list', flow: 't', limit: 10 })) as { runs: readonly { id: string }[] }
  expect(runs).toHaveLength(2)
  for (const { id } of runs) {
    const record = (await deployer.command({ do: 'traces.get', id })) as RunRecord
    expect(record.messages.length).toBeGreaterThan(2)
    expect(JSON.stringify(record)).not.toContain(canary)
    expect(record.request?.url).toBe('/people')
    expect(JSON.stringify(record.callouts)).toContain('臺北')
  }
  expect(gateway.lines().length).toBeGreaterThan(1)
  expect(JSON.stringify(gateway.lines())).not.toContain(canary)
  // What failed is found all the same: by its code and its node.
  expect(gateway.lines()).toContainEqual(expect.objectContaining({ code: 'script.error', node: 'fail' }))
})

test('what is released leaves to whom it was released, and is read by nobody who looks on', async () => {
  const release = { type: 'release label', fields: [{ by: 'label', field: 'pid' }], reason: 'People see their own number.' }
  const released = (path: string, answer: object): EditorNode[] => [
    { id: `t${path}`, type: 'tab', label: path },
    ...[
      { id: `in${path}`, type: 'http in', method: 'post', url: `/${path}`, labels: [{ path: 'payload.pid', label: 'pid' }], wires: [[`free${path}`]] },
      { id: `free${path}`, ...release, wires: [[`seen${path}`, `out${path}`]] },
      { id: `seen${path}`, type: 'debug', complete: 'true', targetType: 'full', console: true, wires: [] },
      { id: `out${path}`, ...answer, wires: [] },
    ].map((node) => ({ z: `t${path}`, ...node })),
  ] as unknown as EditorNode[]
  const other = await startGateway({ nodes: [...released('plain', { type: 'http response' }), ...released('made', { type: 'respond', body: 'payload', bodyType: 'msg', headers: [{ name: 'x-pid', value: 'payload.pid', valueType: 'msg' }] })] })
  try {
    const { deployer } = other.gateway
    for (const path of ['plain', 'made']) {
      await deployer.command({ do: 'traces.watch', id: path, flow: `t${path}`, next: 1, forMs: 60_000 })
      const answer = await fetch(`${other.url}/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ pid: canary }) })
      expect(await answer.json()).toEqual({ pid: canary })
      const { runs: [run] } = (await deployer.command({ do: 'traces.list', flow: `t${path}`, limit: 10 })) as { runs: readonly { id: string }[] }
      const record = (await deployer.command({ do: 'traces.get', id: run?.id ?? '' })) as RunRecord
      expect(record.answer?.status).toBe(200)
      expect(JSON.stringify(record), path).not.toContain(canary)
    }
    expect(JSON.stringify(other.events)).toContain('[pid]')
    expect(JSON.stringify(other.events)).not.toContain(canary)
    expect(JSON.stringify(other.lines())).not.toContain(canary)
  } finally {
    await other.close()
  }
})

test('what is taken out of, replaced or masked in a copy of the request, or of its path parameters, is gone there: compiler and gateway agree', async () => {
  const given = { labels: [{ path: 'req.params.pid', label: 'pid' }, { path: 'req.query.pid', label: 'pid' }] }
  const copy = (p: string, to: string) => ({ t: 'set', p, pt: 'msg', to, tot: 'msg' })
  const drop = (p: string) => ({ t: 'delete', p, pt: 'msg' })
  const hide = (...fields: string[]) => ({ fields: fields.map((field) => ({ by: field.startsWith('$') ? 'path' : 'label', field, how: 'keep', first: 0, last: 0 })) })
  const begin = (name: string) => drawn(name).httpIn('GET', `/${name}/:pid`, given)
  const urls = ['url', 'originalUrl', 'path']
  const flows = {
    dropped: begin('dropped').change(copy('payload', 'req.params'), drop('payload.pid')),
    moved: begin('moved').change(copy('payload', 'req.params'), { t: 'move', p: 'payload.pid', pt: 'msg', to: 'other', tot: 'msg' }),
    replaced: begin('replaced').change(copy('payload.within', 'req.params'), set('payload.within.pid', 'x'), drop('payload.pid')),
    masked: begin('masked').change(copy('payload', 'req.params')).node('mask', hide('$.pid')),
    request: begin('request').change(copy('payload', 'req'), ...[...urls, 'params', 'query'].map((name) => drop(`payload.${name}`))),
    'request-masked': begin('request-masked').change(copy('payload', 'req'), ...urls.map((name) => drop(`payload.${name}`))).node('mask', hide('$.params.pid', '$.query.pid')),
    'request-by-label': begin('request-by-label').change(copy('payload', 'req')).node('mask', hide('pid')),
    'request-itself': begin('request-itself').change(...[...urls, 'params', 'query'].map((name) => drop(`req.${name}`)), copy('payload', 'req')),
  }
  const other = await startGateway({ nodes: estate(...Object.values(flows).map((one) => one.httpResponse())) })
  try {
    for (const name of Object.keys(flows)) {
      const answer = await fetch(`${other.url}/${name}/${canary}?pid=${canary}`)
      expect([name, answer.status, (await answer.text()).includes(canary)]).toEqual([name, 200, false])
    }
  } finally {
    await other.close()
  }
})

test('the label of a header holds however its name is written', async () => {
  const nodes = (label: string) => drawn('t').httpIn('GET', '/t', { labels: [{ path: label, label: 'pid' }] }).change({ t: 'set', p: 'payload', pt: 'msg', to: 'req.headers["x-id"]', tot: 'msg' }).httpResponse().nodes()
  for (const label of ['req.headers["X-Id"]', 'req.headers["x-id"]']) await expect(startGateway({ nodes: nodes(label) }).then(({ close }) => close())).rejects.toThrow('labelled “pid”')
})

test('a name that stands twice in a body smuggles nothing past a node that protects', async () => {
  const other = await startGateway({ nodes: drawn('t').httpIn('POST', '/t', { labels: [{ path: '$.a.pid', label: 'pid' }] }).node('mask', { fields: [{ by: 'path', field: '$.a.pid', how: 'keep', first: 0, last: 0 }] }).httpResponse().nodes() })
  try {
    for (const body of [`{"a":{"pid":"${canary}"},"a":{"x":1}}`, `{"a":{"pid":"${canary}","pid":null}}`]) {
      const answer = await fetch(`${other.url}/t`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      expect([answer.status, (await answer.text()).includes(canary)]).toEqual([200, false])
    }
  } finally {
    await other.close()
  }
})
