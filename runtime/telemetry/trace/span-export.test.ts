import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { flow } from '../../../test/kit/flow-builder.ts'
import { startGateway } from '../../../test/kit/gateway.ts'
import type { Message } from '../../core/message.ts'
import type { LinkedNode } from '../../core/pipeline.ts'
import type { RunEnd } from '../../core/run.ts'
import type { TracedRun, TraceFacts } from '../../core/trace.ts'
import { createIds } from './ids.ts'
import { RunNotes } from './run-notes.ts'
import { openSpanExport, type SpanExport } from './span-export.ts'

interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]
  readonly events?: readonly { readonly timeUnixNano: string; readonly name: string }[]
  readonly status: { readonly code?: number; readonly message?: string }
}

/** What OTLP 1.x allows in JSON: names in camelCase, ids in hex, 64-bit times as decimal texts, exactly one kind of value. Throws at anything else. */
const id = (digits: number) => (value: unknown) => typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value) && !/^0+$/.test(value)
const isNanos = (value: unknown) => typeof value === 'string' && /^\d{16,20}$/.test(value)
const isText = (value: unknown) => typeof value === 'string'
const listOf = (check: (value: unknown) => boolean) => (value: unknown) => Array.isArray(value) && value.every(check)
const fields = (needed: Record<string, (value: unknown) => boolean>, other: Record<string, (value: unknown) => boolean> = {}) => (value: unknown) => {
  const given = value as Record<string, unknown>
  const ill = [...Object.keys(needed).filter((name) => !(name in given)), ...Object.keys(given).filter((name) => ({ ...needed, ...other })[name]?.(given[name]) !== true)]
  if (ill.length > 0) throw new Error(`OTLP has no ${ill.join(', ')} like this: ${JSON.stringify(value)}`)
  return true
}
const isValue = (value: unknown) =>
  Object.keys(value as object).length === 1 &&
  fields({}, { stringValue: isText, boolValue: (one) => typeof one === 'boolean', intValue: (one) => typeof one === 'string' && /^-?\d+$/.test(one), doubleValue: (one) => typeof one === 'number' })(value)
const areAttributes = (value: unknown) => listOf(fields({ key: isText, value: isValue }))(value) && new Set((value as { key: string }[]).map(({ key }) => key)).size === (value as unknown[]).length
const isSpan = fields(
  { traceId: id(32), spanId: id(16), name: isText, kind: (value) => [1, 2, 3].includes(value as number), startTimeUnixNano: isNanos, endTimeUnixNano: isNanos, attributes: areAttributes, flags: (value) => value === 0x101 || value === 0x301, status: fields({}, { code: (value) => value === 2, message: isText }) },
  { parentSpanId: id(16), events: listOf(fields({ timeUnixNano: isNanos, name: isText })) },
)
const isExport = fields({ resourceSpans: listOf(fields({ resource: fields({ attributes: areAttributes }), scopeSpans: listOf(fields({ scope: fields({ name: isText }), spans: listOf(isSpan) })) })) })

/** A collector as OTLP/HTTP describes it: takes ExportTraceServiceRequest as JSON and refuses what is none. `answers` come first, in turn. */
async function openCollector(...answers: readonly { readonly status: number; readonly headers?: Record<string, string> }[]) {
  const first = [...answers]
  const requests: string[] = []
  const spans: ReceivedSpan[] = []
  const services = new Set<unknown>()
  const headers: IncomingHttpHeaders[] = []
  const server: Server = createServer((request, response) => {
    headers.push(request.headers)
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
      if (request.method !== 'POST' || request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/json') return void response.writeHead(415).end()
      requests.push(Buffer.concat(parts).toString())
      const other = first.shift()
      if (other) return void response.writeHead(other.status, other.headers).end()
      const body = JSON.parse(requests.at(-1) as string) as unknown
      expect(isExport(body)).toBe(true)
      const { resourceSpans } = body as { resourceSpans: { resource: { attributes: { key: string; value: { stringValue: string } }[] }; scopeSpans: { spans: ReceivedSpan[] }[] }[] }
      for (const { resource, scopeSpans } of resourceSpans) {
        for (const { key, value } of resource.attributes) if (key === 'service.name') services.add(value.stringValue)
        for (const one of scopeSpans) spans.push(...one.spans)
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, services, headers, requests, close: () => void server.close() }
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

  it('last as long as the streams that pass in them, with their sizes, first bytes and ends', async () => {
    const collector = await openCollector()
    closing.push(collector.close)
    const held: ServerResponse[] = []
    const server = createServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(200, { 'content-type': 'text/plain' }).write('begun')
        held.push(response)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(() => void server.close())
    const nodes = flow('streams').httpIn('POST', '/s/:how', { streamBody: true }).node('pass through', { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }, 0).nodes()
    const gateway = await startGateway({ nodes, settings: { SLUICE_EGRESS_ALLOW: '127.0.0.0/8', SLUICE_TRACE_SAMPLE: '100', SLUICE_OTLP_URL: collector.url } })
    for (const [how, end] of [['whole', (response: ServerResponse) => response.end('!')], ['cut', (response: ServerResponse) => response.destroy()]] as const) {
      const reply = await fetch(`${gateway.url}/s/${how}`, { method: 'POST', body: 'up' })
      const reader = reply.body!.getReader()
      expect(Buffer.from((await reader.read()).value!).toString()).toBe('begun')
      await expect.poll(() => gateway.gateway.tracing.list({ limit: 9 }).length, { timeout: 10_000 }).toBe(held.length)
      end(held.at(-1)!)
      await reader.read().then(() => reader.read()).catch(() => {})
    }
    await expect.poll(() => gateway.gateway.tracing.list({ limit: 9 }).flatMap(({ id: one }) => gateway.gateway.tracing.get(one)?.callouts.map(({ stream }) => stream?.end)).toSorted((a, b) => String(a).localeCompare(String(b))), { timeout: 10_000 }).toEqual(['cut', 'whole'])
    await gateway.close()

    for (const [end, bytes, failed] of [['whole', '6', undefined], ['cut', '5', 'upstream.eof']] as const) {
      const call = collector.spans.find((span) => span.kind === 3 && attributesOf(span)['sluice.response.end'] === end)!
      const [run, step] = [2, 1].map((kind) => collector.spans.find((span) => span.kind === kind && span.traceId === call.traceId && attributesOf(span)['sluice.node.type'] !== 'http in')!)
      const facts = { 'http.request.body.size': '2', 'sluice.request.end': 'whole', 'http.response.body.size': bytes, 'sluice.response.end': end, ...(failed ? { 'error.type': failed } : {}) }
      for (const span of [call, run!]) {
        expect(attributesOf(span)).toMatchObject(facts)
        expect(span.status).toEqual(failed ? { code: 2, message: failed } : {})
        expect(span.events?.map(({ name }) => name)).toEqual(['request first byte', 'response first byte'])
        expect(BigInt(span.events![1]!.timeUnixNano) < BigInt(span.endTimeUnixNano)).toBe(true)
        expect(BigInt(span.endTimeUnixNano) > BigInt(step!.endTimeUnixNano)).toBe(true)
      }
    }
    expect(collector.spans.length).toBe(8)
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

  it('are sent again, the same, to a collector that cannot take them now, and not to one that refuses them', async () => {
    const busy = await openCollector({ status: 503 }, { status: 429, headers: { 'retry-after': '0' } })
    const strict = await openCollector({ status: 400 })
    for (const collector of [busy, strict]) {
      closing.push(collector.close)
      const spans = openSpanExport({ url: collector.url, service: 'sluice', gatherMs: 1, pauseMs: 1 })
      trace(spans)
      await expect.poll(() => collector.requests.length, { timeout: 10_000 }).toBe(collector === busy ? 3 : 1)
      trace(spans)
      await expect.poll(() => collector.spans.length, { timeout: 10_000 }).toBe(collector === busy ? 2 : 1)
      await spans.close()
    }
    expect(busy.requests[1]).toBe(busy.requests[0])
    expect(busy.requests[2]).toBe(busy.requests[0])
    expect(busy.requests).toHaveLength(4)
    expect(strict.requests).toHaveLength(2)
  })

  it('may be as many, and their names as odd, as flows make them', async () => {
    const collector = await openCollector()
    closing.push(collector.close)
    const spans = openSpanExport({ url: collector.url, service: 'Gateway "七"', version: '1' })
    const name = 'odd "name" \\ 名 \ud800 \u0000'
    for (let count = 0; count < 2000; count++) trace(spans, name, { ok: true, share: 0.5, count })
    await spans.close()
    expect(collector.requests.length).toBeGreaterThan(1)
    expect(collector.spans).toHaveLength(4000)
    expect(collector.services).toEqual(new Set(['Gateway "七"']))
    const [root, step] = collector.spans.slice(-2)
    expect(root!.name).toBe(`GET /${name.toWellFormed()}`)
    expect(attributesOf(step!)).toMatchObject({ 'sluice.ok': true, 'sluice.share': 0.5, 'sluice.count': '1999' })
    expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(4000)
  })
})

const ids = createIds()
const node = { id: 'n', type: 'change', flow: 'f', ports: ['out'], kind: 'step' } as unknown as LinkedNode

/** A run that was traced, with one step when it has facts. */
function trace(spans: SpanExport, name = 'a', facts?: TraceFacts): void {
  let end: (end: RunEnd) => void = () => {}
  const request = { method: 'GET', route: `/${name}`, headers: {} }
  const run = { id: 'r', flow: 'f', revision: 'v', entry: node, on: 'http', startedAt: Date.now(), request, onEnd: (listener: (end: RunEnd) => void) => void (end = listener) } as unknown as TracedRun
  const notes = new RunNotes({ run, bodies: false, ids, ended: spans.ended })
  if (facts) {
    void notes.step(node, { _msgid: 'm' } as Message, run)
    notes.note('n', facts)
  }
  end({ status: 200, fault: undefined, backendReached: false })
}
