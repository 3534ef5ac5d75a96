import type { LinkedNode } from '../../core/pipeline.ts'
import { shownUrl } from '../../core/upstream/shown-url.ts'
import { calloutUrl } from './callout-url.ts'
import type { CalloutNote, RunNotes, StepNote } from './run-notes.ts'
import type { StreamNote } from './stream-note.ts'

/** What all spans of a batch have in common: their sender. */
export interface SpanFrame {
  readonly head: string
  readonly tail: string
}

/** The ends of an ExportTraceServiceRequest as OTLP writes it in JSON (OTLP 1.x, "JSON Protobuf Encoding"); spans go between, with commas. */
export function toSpanFrame(service: string, version: string | undefined): SpanFrame {
  const resource = [text('service.name', service), ...(version === undefined ? [] : [text('service.version', version)])]
  return { head: `{"resourceSpans":[{"resource":{"attributes":[${resource.join(',')}]},"scopeSpans":[{"scope":{"name":"sluice"},"spans":[`, tail: ']}]}]}' }
}

/** By number in OTLP's `SpanKind`. */
const internal = 1
const server = 2
const client = 3

/** `flags` of a span: sampled (W3C Trace Context §3.2.2.5.1), and whether its parent is known to be of another process. */
const ofOwnParent = 0x101
const ofRemoteParent = 0x301

/** A span that may last longer than its run, for a stream that passes: that of the run itself, or of a callout. */
export type LastingSpan = 'run' | CalloutNote

/** Those whose streams still pass. */
export function openSpans(notes: RunNotes): LastingSpan[] {
  const isOpen = (stream: StreamNote | undefined) => stream !== undefined && stream.end === undefined
  const callouts = notes.callouts.filter(({ sent, stream }) => isOpen(sent) || isOpen(stream))
  return isOpen(notes.asked) || isOpen(notes.answer) ? ['run', ...callouts] : callouts
}

/** Writes spans of a run as JSON. */
export interface SpanText {
  /** Its own, and those of nodes and callouts below it; without some that last. */
  ofRun(notes: RunNotes, but: readonly LastingSpan[]): string
  /** Of one that lasted, as it is now. */
  ofLasting(notes: RunNotes, span: LastingSpan): string
}

/**
 * Texts of spans are put together by hand, and what is the same in every run is made once: objects that only become JSON cost several times the run
 * itself.
 */
export function createSpanText(): SpanText {
  const nodes = new WeakMap<LinkedNode, NodeText>()

  function textOf(node: LinkedNode): NodeText {
    const known = nodes.get(node)
    if (known) return known
    const made: NodeText = {
      name: `","flags":${ofOwnParent},"name":${quote(node.name ?? node.type)},"kind":${internal},"startTimeUnixNano":"`,
      attributes: [text('sluice.node', node.id), text('sluice.node.type', node.type), text('sluice.flow', node.flow)].join(','),
    }
    nodes.set(node, made)
    return made
  }

  const leadOf = ({ traceId }: RunNotes) => `{"traceId":"${traceId}","spanId":"`
  return {
    ofRun(notes, but) {
      const lead = leadOf(notes)
      let all = but.includes('run') ? '' : `,${lead}${ofRun(notes)}`
      for (const step of notes.steps) all += `,${lead}${ofStep(step, notes, textOf(step.node))}`
      for (const callout of notes.callouts) if (!but.includes(callout)) all += `,${lead}${ofCallout(callout, notes)}`
      return all.slice(1)
    },
    ofLasting: (notes, span) => leadOf(notes) + (span === 'run' ? ofRun(notes) : ofCallout(span, notes)),
  }
}

/** What every span of a node has in common. */
interface NodeText {
  /** Between the id of the parent and the start. */
  readonly name: string
  readonly attributes: string
}

function ofRun(notes: RunNotes): string {
  const { run, end, parent, spanId, asked, answer } = notes
  const status = end?.status
  const isHttp = run.method !== undefined
  let attributes = `${text('sluice.flow', run.flow)},${text('sluice.revision', run.revision)},${text('sluice.run', run.id)}`
  if (run.method !== undefined) attributes += `,${text('http.request.method', run.method)}`
  if (run.route !== undefined) attributes += `,${text('http.route', run.route)}`
  if (status !== undefined) attributes += `,${number('http.response.status_code', status)}`
  // A caller's mistake is no failure of the server (semantic conventions for HTTP).
  const failed = end?.fault && (status === undefined || status >= 500) ? end.fault.code : answer?.fault
  const came = parent?.parentId === undefined ? `","flags":${ofOwnParent}` : `","parentSpanId":"${parent.parentId}","flags":${ofRemoteParent}`
  const name = isHttp ? `${run.method} ${run.route ?? ''}`.trim() : run.on
  return `${spanId}${came},"name":${quote(name)},"kind":${isHttp ? server : internal},"startTimeUnixNano":"${toEnd(run.startedAt, 0, lasted(notes, notes.tookMs, asked, answer), attributes + ofStreams(asked, answer), failed, toEvents(run.startedAt, asked, answer))}`
}

function ofStep(step: StepNote, notes: RunNotes, { name, attributes: own }: NodeText): string {
  const { atMs, facts } = step
  let attributes = own
  for (const fact in facts) attributes += `,${any(`sluice.${fact}`, facts[fact] as string | number | boolean)}`
  const tookMs = step.tookMs ?? Math.max(0, notes.tookMs - atMs)
  return `${notes.spanOf(step)}","parentSpanId":"${notes.spanId}${name}${toEnd(notes.run.startedAt, atMs, tookMs, attributes, step.fault?.code)}`
}

function ofCallout({ method, url, atMs, status, fault, node, spanId, step, sent, stream, ...callout }: CalloutNote, notes: RunNotes): string {
  let attributes = `${text('http.request.method', method)},${text('url.full', shownUrl(calloutUrl({ url, step }, step?.node.labels)))},${text('sluice.node', node)}`
  if (URL.canParse(url)) attributes += `,${text('server.address', new URL(url).hostname)}`
  if (status !== undefined) attributes += `,${number('http.response.status_code', status)}`
  const failed = fault ?? stream?.fault ?? (status !== undefined && status >= 400 ? String(status) : undefined)
  const endMs = lasted(notes, callout.tookMs === undefined ? Math.max(atMs, notes.tookMs) : atMs + callout.tookMs, sent, stream)
  const parent = step ? notes.spanOf(step) : notes.spanId
  return `${spanId}","parentSpanId":"${parent}","flags":${ofOwnParent},"name":${quote(method)},"kind":${client},"startTimeUnixNano":"${toEnd(notes.run.startedAt, atMs, endMs - atMs, attributes + ofStreams(sent, stream), failed, toEvents(notes.run.startedAt, sent, stream))}`
}

/** When something ended that lasts as long as what passes in it, ms after its run began. What still passes lasts until now. */
function lasted(notes: RunNotes, endMs: number, ...streams: readonly (StreamNote | undefined)[]): number {
  return streams.reduce((last, stream) => (stream ? Math.max(last, stream.endMs === undefined ? notes.elapsedMs : stream.fromMs + stream.endMs) : last), endMs)
}

/** How bodies passed that were not held. */
function ofStreams(request: StreamNote | undefined, response: StreamNote | undefined): string {
  const of = (way: string, stream: StreamNote | undefined) => (stream ? `,${number(`http.${way}.body.size`, stream.bytes)},${text(`sluice.${way}.end`, stream.end ?? 'open')}` : '')
  return of('request', request) + of('response', response)
}

/** When their first bytes came. */
function toEvents(runAt: number, request: StreamNote | undefined, response: StreamNote | undefined): string {
  const of = (way: string, stream: StreamNote | undefined) => (stream?.firstByteMs === undefined ? [] : [`{"timeUnixNano":"${toNanos(runAt, stream.fromMs + stream.firstByteMs)}","name":"${way} first byte"}`])
  const events = [...of('request', request), ...of('response', response)]
  return events.length === 0 ? '' : `,"events":[${events.join(',')}]`
}

/** The rest of a span from its start on, which is so long after that of its run. `failed`: code of what went wrong; `events`: as JSON. */
function toEnd(runAt: number, atMs: number, tookMs: number, attributes: string, failed: string | undefined, events = ''): string {
  const times = `${toNanos(runAt, atMs)}","endTimeUnixNano":"${toNanos(runAt, atMs + tookMs)}","attributes":[${attributes}`
  return failed === undefined ? `${times}]${events},"status":{}}` : `${times},${text('error.type', failed)}]${events},"status":{"code":2,"message":${quote(failed)}}}`
}

/** Whole nanoseconds in decimal: more digits than a number can hold. `epochMs` is whole. */
function toNanos(epochMs: number, laterMs: number): string {
  const nanos = Math.round(laterMs * 1e6)
  const ms = Math.floor(nanos / 1e6)
  return `${epochMs + ms}${String(nanos - ms * 1e6).padStart(6, '0')}`
}

function any(key: string, value: string | number | boolean): string {
  if (typeof value === 'string') return text(key, value)
  return typeof value === 'number' ? number(key, value) : `{"key":${quote(key)},"value":{"boolValue":${value}}}`
}

function text(key: string, value: string): string {
  return `{"key":${quote(key)},"value":{"stringValue":${quote(value)}}}`
}

/** What is no number in JSON, such as NaN, is a text in OTLP. */
function number(key: string, value: number): string {
  if (Number.isSafeInteger(value)) return `{"key":${quote(key)},"value":{"intValue":"${value}"}}`
  return `{"key":${quote(key)},"value":{"doubleValue":${Number.isFinite(value) ? value : `"${value}"`}}}`
}

/** Half of a surrogate pair, which no protobuf text may hold, becomes U+FFFD: collectors would refuse the whole batch for it. */
function quote(text: string): string {
  return JSON.stringify(text.toWellFormed())
}
