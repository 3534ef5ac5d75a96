import { setTimeout } from 'node:timers/promises'
import { SpanKind, SpanStatusCode, TraceFlags, type Attributes, type HrTime, type SpanContext } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace'
import { shownUrl } from '../../core/shown-url.ts'
import type { CalloutNote, RunNotes } from './run-notes.ts'

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

  return {
    ended(notes) {
      for (const span of toSpans(notes, resource)) processor.onEnd(span)
    },
    flush: () => processor.forceFlush(),
    // One that is away is tried again for longer than anybody wants to wait for an end.
    close: async () => await Promise.race([processor.shutdown().catch(() => {}), setTimeout(lastWordMs)]),
  }
}

const scope = Object.freeze({ name: 'sluice' })
const noLinks: ReadableSpan['links'] = []
const noEvents: ReadableSpan['events'] = []
const unset = Object.freeze({ code: SpanStatusCode.UNSET })

interface SpanFacts {
  readonly name: string
  readonly kind: SpanKind
  readonly own: SpanContext
  readonly parent: SpanContext | undefined
  /** Milliseconds since the epoch. */
  readonly startMs: number
  readonly tookMs: number
  readonly attributes: Attributes
  /** Code of what went wrong. */
  readonly failed: string | undefined
}

/** A span that has ended, as exporters read it. */
class EndedSpan implements ReadableSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly parentSpanContext?: SpanContext
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly duration: HrTime
  readonly status: ReadableSpan['status']
  readonly attributes: Attributes
  readonly resource: ReadableSpan['resource']
  readonly links = noLinks
  readonly events = noEvents
  readonly instrumentationScope = scope
  readonly ended = true
  readonly droppedAttributesCount = 0
  readonly droppedEventsCount = 0
  readonly droppedLinksCount = 0
  readonly #own: SpanContext

  constructor({ name, kind, own, parent, startMs, tookMs, attributes, failed }: SpanFacts, resource: ReadableSpan['resource']) {
    this.name = name
    this.kind = kind
    this.#own = own
    if (parent) this.parentSpanContext = parent
    this.startTime = toHrTime(startMs)
    this.endTime = toHrTime(startMs + tookMs)
    this.duration = toHrTime(tookMs)
    this.status = failed === undefined ? unset : { code: SpanStatusCode.ERROR, message: failed }
    this.attributes = attributes
    if (failed !== undefined) attributes['error.type'] = failed
    this.resource = resource
  }

  spanContext(): SpanContext {
    return this.#own
  }
}

/** The spans of a run: its own, and those of nodes and callouts below it. */
export function toSpans(notes: RunNotes, resource: ReadableSpan['resource']): ReadableSpan[] {
  const { run, traceId, parent, tookMs } = notes
  const context = (spanId: string): SpanContext => ({ traceId, spanId, traceFlags: TraceFlags.SAMPLED })
  const own = context(notes.spanId)
  const came = parent?.parentId === undefined ? undefined : { ...context(parent.parentId), isRemote: true }
  const spans: ReadableSpan[] = [new EndedSpan({ ...ofRun(notes), own, parent: came }, resource)]
  for (const step of notes.steps) {
    const { node, atMs, fault, facts } = step
    const attributes: Attributes = { 'sluice.node': node.id, 'sluice.node.type': node.type, 'sluice.flow': node.flow }
    for (const name in facts) attributes[`sluice.${name}`] = facts[name] as string
    const given = { name: node.name ?? node.type, kind: SpanKind.INTERNAL, own: context(notes.spanOf(step)), parent: own, startMs: run.startedAt + atMs, tookMs: step.tookMs ?? Math.max(0, tookMs - atMs), attributes, failed: fault?.code }
    spans.push(new EndedSpan(given, resource))
  }
  for (const callout of notes.callouts) {
    const given = { ...ofCallout(callout, run.startedAt, tookMs), own: context(callout.spanId), parent: callout.step ? context(notes.spanOf(callout.step)) : own }
    spans.push(new EndedSpan(given, resource))
  }
  return spans
}

function ofRun({ run, end, tookMs }: RunNotes): Omit<SpanFacts, 'own' | 'parent'> {
  const status = end?.status
  const attributes: Attributes = { 'sluice.flow': run.flow, 'sluice.revision': run.revision, 'sluice.run': run.id }
  if (run.method !== undefined) attributes['http.request.method'] = run.method
  if (run.route !== undefined) attributes['http.route'] = run.route
  if (status !== undefined) attributes['http.response.status_code'] = status
  return {
    name: run.method === undefined ? run.on : `${run.method} ${run.route ?? ''}`.trim(),
    kind: run.method === undefined ? SpanKind.INTERNAL : SpanKind.SERVER,
    startMs: run.startedAt,
    tookMs,
    attributes,
    // A caller's mistake is no failure of the server (semantic conventions for HTTP).
    failed: end?.fault && (status === undefined || status >= 500) ? end.fault.code : undefined,
  }
}

function ofCallout({ method, url, atMs, tookMs, status, fault, node }: CalloutNote, startedAt: number, endMs: number): Omit<SpanFacts, 'own' | 'parent'> {
  const attributes: Attributes = { 'http.request.method': method, 'url.full': shownUrl(url), 'sluice.node': node }
  if (URL.canParse(url)) attributes['server.address'] = new URL(url).hostname
  if (status !== undefined) attributes['http.response.status_code'] = status
  const failed = fault ?? (status !== undefined && status >= 400 ? String(status) : undefined)
  return { name: method, kind: SpanKind.CLIENT, startMs: startedAt + atMs, tookMs: tookMs ?? Math.max(0, endMs - atMs), attributes, failed }
}

/** Seconds and nanoseconds. */
function toHrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}
