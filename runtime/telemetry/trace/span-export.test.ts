import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { flow } from '../../../test/kit/flow-builder.ts'
import { startGateway } from '../../../test/kit/gateway.ts'

interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]
  readonly status: { readonly code?: number; readonly message?: string }
}

/** A collector as OTLP/HTTP describes it: takes ExportTraceServiceRequest as JSON and refuses what is none. */
async function openCollector() {
  const spans: ReceivedSpan[] = []
  const services = new Set<unknown>()
  const headers: IncomingHttpHeaders[] = []
  const server: Server = createServer((request, response) => {
    headers.push(request.headers)
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
      if (request.method !== 'POST' || request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/json') return void response.writeHead(415).end()
      const { resourceSpans } = JSON.parse(Buffer.concat(parts).toString()) as { resourceSpans: { resource: { attributes: { key: string; value: { stringValue: string } }[] }; scopeSpans: { spans: ReceivedSpan[] }[] }[] }
      for (const { resource, scopeSpans } of resourceSpans) {
        for (const { key, value } of resource.attributes) if (key === 'service.name') services.add(value.stringValue)
        for (const one of scopeSpans) spans.push(...one.spans)
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, services, headers, close: () => void server.close() }
}

const attributesOf = ({ attributes }: ReceivedSpan) => Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

const closing: (() => void)[] = []
afterEach(() => closing.splice(0).forEach((close) => close()))

async function openUpstream() {
  const seen: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"secret":"of the body"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

describe('traced runs', () => {
  it('arrive at a collector as one tree: the run, its nodes, its callouts, as part of the trace of the caller', async () => {
    const collector = await openCollector()
    closing.push(collector.close)
    const upstream = await openUpstream()
    const nodes = flow('traced').httpIn('GET', '/traced/:id')
      .node('http request', { method: 'GET', ret: 'obj', url: `${upstream.url}/part?key=k-1`, paytoqs: 'ignore', tls: '', persist: false, proxy: '', authType: '', senderr: false }).as('ask').httpResponse().nodes()
    const gateway = await startGateway({ nodes, settings: { SLUICE_EGRESS_ALLOW: '127.0.0.0/8', SLUICE_TRACE_SAMPLE: '100', SLUICE_OTLP_URL: collector.url, SLUICE_OTLP_HEADERS: 'x-sender=sluice,authorization=Bearer collector', SLUICE_GATEWAY_NAME: 'gateway-7' } })
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    await fetch(`${gateway.url}/traced/42`, { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } })
    await gateway.close()

    expect(collector.services).toEqual(new Set(['gateway-7']))
    expect(collector.headers[0]).toMatchObject({ 'x-sender': 'sluice', authorization: 'Bearer collector' })
    const { spans } = collector
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]))
    const [root] = spans
    expect(root).toMatchObject({ name: 'GET /traced/:id', kind: 2, parentSpanId: '00f067aa0ba902b7' })
    expect(attributesOf(root!)).toMatchObject({ 'http.request.method': 'GET', 'http.route': '/traced/:id', 'sluice.flow': 'traced' })
    const ask = spans.find((span) => attributesOf(span)['sluice.node'] === 'ask' && span.kind === 1)!
    expect(ask.parentSpanId).toBe(root!.spanId)
    const call = spans.find((span) => span.kind === 3)!
    expect(call).toMatchObject({ name: 'GET', parentSpanId: ask.spanId })
    expect(attributesOf(call)).toMatchObject({ 'server.address': '127.0.0.1', 'url.full': `${upstream.url}/part` })
    expect(BigInt(call.endTimeUnixNano) > BigInt(call.startTimeUnixNano)).toBe(true)
    expect(BigInt(call.startTimeUnixNano) >= BigInt(ask.startTimeUnixNano)).toBe(true)
    for (const secret of ['of the body', 'k-1', '/traced/42']) expect(JSON.stringify(spans)).not.toContain(secret)
  })

  it('say where a run failed', async () => {
    const collector = await openCollector()
    closing.push(collector.close)
    const nodes = flow('failing').httpIn('GET', '/failing').node('function', { func: "throw new Error('no')", outputs: 1, name: 'breaks' }).httpResponse().nodes()
    const gateway = await startGateway({ nodes, settings: { SLUICE_TRACE_SAMPLE: '100', SLUICE_OTLP_URL: collector.url } })
    await fetch(`${gateway.url}/failing`)
    await gateway.close()
    const failed = collector.spans.find(({ name }) => name === 'breaks')!
    expect(failed.status).toMatchObject({ code: 2, message: 'script.error' })
    expect(attributesOf(collector.spans[0]!)['error.type']).toBe('script.error')
  })

  it('are lost without harm when the collector is away', async () => {
    const nodes = flow('alone').httpIn('GET', '/alone').httpResponse().nodes()
    await using gateway = await startGateway({ nodes, settings: { SLUICE_TRACE_SAMPLE: '100', SLUICE_OTLP_URL: 'http://127.0.0.1:9' } })
    expect((await fetch(`${gateway.url}/alone`)).status).toBe(200)
  })
})
