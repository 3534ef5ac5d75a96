import { setTimeout } from 'node:timers/promises'
import { SpanKind, SpanStatusCode, TraceFlags, type Attributes, type HrTime, type SpanContext } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace'
import { shownUrl } from '../../core/shown-url.ts'
import type { CalloutNote, RunNotes, StepNote } from './run-notes.ts'

export interface SpanExportOptions {
  /** Of the collector, such as `http://collector:4318`; spans go to `/v1/traces` below it (OTLP/HTTP). */
  readonly url: string
  /** Sent with every batch: what the collector wants to know its senders by. */
  readonly headers?: Readonly<Record<string, string>>
  /** `service.name` (OpenTelemetry semantic conventions). */
  readonly service: string
  readonly version?: string
  /** How long spans gather before they are sent, ms. */
  readonly gatherMs?: number
}

/** Hands traced runs to a collector: a span for the run, one for each node, one for each callout. No message is in them. */
export interface SpanExport {
  ended(notes: RunNotes): void
  /** Sends what waits. */
  flush(): Promise<void>
  close(): Promise<void>
}

/** What the last batch gets at the end, ms. */
const lastWordMs = 1500
/** Spans that may wait for the collector; what comes then is dropped. */
const mostWaiting = 8192

/** Opens no connection before the first span. What a collector that is away misses is lost: serving comes first. */
export function openSpanExport({ url, headers = {}, service, version, gatherMs = 2000 }: SpanExportOptions): SpanExport {
  const exporter = new OTLPTraceExporter({ url: `${url.replace(/\/+$/, '')}/v1/traces`, headers: { ...headers }, timeoutMillis: 10_000 })
  const processor = new BatchSpanProcessor({ exporter, maxQueueSize: mostWaiting, maxExportBatchSize: 512, scheduledDelayMillis: gatherMs })
  const resource = resourceFromAttributes({ 'service.name': service, ...(version === undefined ? {} : { 'service.version': version }) })
  const scope = { name: 'sluice' }

  return {
    ended(notes) {
      for (const span of toSpans(notes)) processor.onEnd({ ...span, resource, instrumentationScope: scope })
    },
    flush: () => processor.forceFlush(),
    // One that is away is tried again for longer than anybody wants to wait for an end.
    close: async () => await Promise.race([processor.shutdown().catch(() => {}), setTimeout(lastWordMs)]),
  }
}

type Span = Omit<ReadableSpan, 'resource' | 'instrumentationScope'>

/** The spans of a run: its own, and those of nodes and callouts below it. */
export function toSpans(notes: RunNotes): Span[] {
  const { run, traceId, spanId, parent } = notes
  const at = (afterMs: number) => toHrTime(run.startedAt + afterMs)
  const context = (id: string, isRemote = false): SpanContext => ({ traceId, spanId: id, traceFlags: TraceFlags.SAMPLED, ...(isRemote ? { isRemote } : {}) })

  function span(given: { name: string; kind: SpanKind; id: string; parent: SpanContext | undefined; startMs: number; tookMs: number; attributes: Attributes; failed?: string | undefined }): Span {
    const own = context(given.id)
    return {
      name: given.name,
      kind: given.kind,
      spanContext: () => own,
      ...(given.parent ? { parentSpanContext: given.parent } : {}),
      startTime: at(given.startMs),
      endTime: at(given.startMs + given.tookMs),
      duration: toHrTime(given.tookMs),
      status: given.failed === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: given.failed },
      attributes: given.failed === undefined ? given.attributes : { ...given.attributes, 'error.type': given.failed },
      links: [],
      events: [],
      ended: true,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    }
  }

  const status = notes.end?.status
  const root = span({
    name: run.method === undefined ? run.on : `${run.method} ${run.route ?? ''}`.trim(),
    kind: run.method === undefined ? SpanKind.INTERNAL : SpanKind.SERVER,
    id: spanId,
    parent: parent?.parentId === undefined ? undefined : context(parent.parentId, true),
    startMs: 0,
    tookMs: notes.tookMs,
    attributes: {
      'sluice.flow': run.flow,
      'sluice.revision': run.revision,
      'sluice.run': run.id,
      ...(run.method === undefined ? {} : { 'http.request.method': run.method }),
      ...(run.route === undefined ? {} : { 'http.route': run.route }),
      ...(status === undefined ? {} : { 'http.response.status_code': status }),
    },
    // A caller's mistake is no failure of the server (semantic conventions for HTTP).
    failed: notes.end?.fault && (status === undefined || status >= 500) ? notes.end.fault.code : undefined,
  })
  const below = context(spanId)
  const steps = notes.steps.map((step) => span({ ...ofStep(step, notes.tookMs), parent: below }))
  const callouts = notes.callouts.map((callout) => span({ ...ofCallout(callout, notes.tookMs), parent: callout.step ? context(callout.step.spanId) : below }))
  return [root, ...steps, ...callouts]
}

function ofStep({ node, spanId, atMs, tookMs, fault, facts }: StepNote, endMs: number) {
  return {
    name: node.name ?? node.type,
    kind: SpanKind.INTERNAL,
    id: spanId,
    startMs: atMs,
    tookMs: tookMs ?? Math.max(0, endMs - atMs),
    attributes: { 'sluice.node': node.id, 'sluice.node.type': node.type, 'sluice.flow': node.flow, ...prefixed(facts) },
    failed: fault?.code,
  }
}

function ofCallout({ spanId, method, url, atMs, tookMs, status, fault, node }: CalloutNote, endMs: number) {
  return {
    name: method,
    kind: SpanKind.CLIENT,
    id: spanId,
    startMs: atMs,
    tookMs: tookMs ?? Math.max(0, endMs - atMs),
    attributes: {
      'http.request.method': method,
      'url.full': shownUrl(url),
      'sluice.node': node,
      ...(URL.canParse(url) ? { 'server.address': new URL(url).hostname } : {}),
      ...(status === undefined ? {} : { 'http.response.status_code': status }),
    },
    failed: fault ?? (status !== undefined && status >= 400 ? String(status) : undefined),
  }
}

function prefixed(facts: StepNote['facts']): Attributes {
  return Object.fromEntries(Object.entries(facts ?? {}).map(([name, value]) => [`sluice.${name}`, value]))
}

/** Seconds and nanoseconds. */
function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}
