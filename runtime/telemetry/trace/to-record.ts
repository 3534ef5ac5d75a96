import { Body } from '../../core/http/body.ts'
import type { Message } from '../../core/message.ts'
import type { LinkedNode } from '../../core/pipeline.ts'
import { methodsWithoutBody } from '../../core/http/methods.ts'
import type { RequestFacts } from '../../core/http/request-facts.ts'
import type { BodyRecord, CalloutRecord, RunRecord, RunRecordHead, StepRecord, StreamRecord } from '../../core/trace.ts'
import { hideInMessage, hideLabels } from '../../core/labels/hide.ts'
import { LabelMap, unionOf } from '../../core/labels/label-map.ts'
import { toBodyRecord, toMs, toStreamBody, toStreamRecord } from './body-record.ts'
import { calloutUrl } from './callout-url.ts'
import type { Hiding } from './hiding.ts'
import { endOf, type CalloutNote, type RunNotes, type StepNote } from './run-notes.ts'
import { show, showMessage } from './show.ts'
import type { StreamNote } from './stream-note.ts'

/** Characters of all messages of one run together; later ones only say that there were more. */
const messagesLimit = 1024 * 1024

/** Characters of all answers to callouts of one run together. */
const calloutBodiesLimit = 2 * 1024 * 1024

export function toHead(notes: RunNotes, payloads: RunRecordHead['payloads']): RunRecordHead {
  const { run, watch } = notes
  return {
    id: notes.spanId,
    run: run.id,
    flow: run.flow,
    revision: run.revision,
    entry: run.entry,
    on: run.on,
    at: new Date(run.startedAt).toISOString(),
    tookMs: toMs(notes.tookMs),
    ...(run.method === undefined ? {} : { method: run.method }),
    ...(run.route === undefined ? {} : { route: run.route }),
    ...endOf(notes),
    ...(watch === undefined ? {} : { watch }),
    payloads,
    traceId: notes.traceId,
  }
}

/**
 * What may be shown of a run. Everything in it is a copy: the messages themselves can be forgotten. `protects` says which types
 * of nodes know callers.
 */
export function toRecord(notes: RunNotes, hiding: Hiding, payloads: RunRecordHead['payloads'], protects: (type: string) => boolean): RunRecord {
  const places = new Map<Message, number>()
  const messages: unknown[] = []
  let room = messagesLimit
  const { request } = notes
  const labels = labelsOfMessages(notes)

  function place(message: Message | undefined): number | undefined {
    if (message === undefined || !notes.bodies) return undefined
    const known = places.get(message)
    if (known !== undefined) return known
    const shown = room > 0 ? showMessage(hideInMessage(message, labels.get(message)), request, hiding) : '[more]'
    room -= JSON.stringify(shown)?.length ?? 0
    messages.push(shown)
    places.set(message, messages.length - 1)
    return messages.length - 1
  }

  const steps = notes.steps.map((note) => toStep(note, place, hiding))
  addOpened(steps, notes.steps)
  let left = calloutBodiesLimit
  const stepAt = new Map(notes.steps.map((note, index) => [note, index]))
  return {
    ...toHead(notes, payloads),
    steps,
    stepsLeftOut: notes.stepsLeftOut,
    messages,
    callouts: notes.callouts.map((note) => {
      const callout = toCallout(note, { stepAt, hiding, bodies: notes.bodies }, labelsAround(notes, note.node))
      left -= lengthOf(callout.body) + lengthOf(callout.sent?.body)
      return left < 0 ? withoutLarge(callout) : callout
    }),
    ...(request ? { request: toRequest(request, notes, hiding) } : {}),
    ...toAnswer(notes, hiding, labels),
    ...(notes.bodies ? toCaller(notes.steps, protects, hiding) : {}),
  }
}

function lengthOf(body: BodyRecord | undefined): number {
  return body?.text?.length ?? body?.base64?.length ?? 0
}

/** Bodies of which there are too many already. */
function withoutLarge(callout: CalloutRecord): CalloutRecord {
  const large = (body: BodyRecord | undefined) => (body && lengthOf(body) > 0 ? { body: { bytes: body.bytes, cut: 'large' as const } } : {})
  return { ...callout, ...large(callout.body), ...(callout.sent ? { sent: { ...callout.sent, ...large(callout.sent.body) } } : {}) }
}

/** The same without anything that was in a message: what leaves a gateway whose bodies stay with it. */
export function withoutBodies(record: RunRecord): RunRecord {
  const { caller: _, ...rest } = record
  const local = (body: BodyRecord | undefined) => (body ? { body: { bytes: body.bytes, cut: 'local' as const } } : {})
  const { request, answer } = record
  return {
    ...rest,
    payloads: 'local',
    messages: record.messages.map(toShape),
    steps: record.steps.map(({ fault, ...step }) => ({ ...step, ...(fault ? { fault: { ...fault, message: '' } } : {}) })),
    ...(request ? { request: { method: request.method, url: request.url.split('?', 1)[0] as string, headers: {}, ...local(request.body), ...(request.stream ? { stream: request.stream } : {}) } } : {}),
    ...(answer ? { answer: { ...answer, headers: {}, ...local(answer.body) } } : {}),
    callouts: record.callouts.map(({ headers: _headers, body, sent, ...callout }) => ({ ...callout, url: callout.url.split('?', 1)[0] as string, ...local(body), ...(sent ? { sent: { stream: sent.stream, ...local(sent.body) } } : {}) })),
  }
}

/** Names and kinds of values, and none of them. */
function toShape(value: unknown): unknown {
  if (Array.isArray(value)) return [`list of ${value.length}`, ...value.slice(0, 1).map(toShape)]
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, toShape(one)]))
}

function toStep(note: StepNote, place: (message: Message | undefined) => number | undefined, hiding: Hiding): StepRecord {
  const { node, fault } = note
  const at = place(note.message)
  return {
    node: node.id,
    flow: node.flow,
    type: node.type,
    ...(node.name === undefined ? {} : { name: node.name }),
    atMs: toMs(note.atMs),
    ...(note.tookMs === undefined ? {} : { tookMs: toMs(note.tookMs) }),
    ...(at === undefined ? {} : { in: at }),
    sends: note.sends.map((sent) => {
      const message = place(sent.message)
      return { port: sent.port, to: (node.wires[sent.port] ?? []).map((target) => target.id), ...(message === undefined ? {} : { message }) }
    }),
    ...(fault ? { fault: { ...fault, message: hiding.text(fault.message) } } : {}),
    ...(note.attempts > 0 ? { attempts: note.attempts } : {}),
    ...(note.facts ? { facts: note.facts } : {}),
  }
}

/**
 * A node that opens branches hands messages on without sending them by itself. A node that was entered more often than anything
 * was sent to it was opened by the newest step before it that is wired to it.
 */
function addOpened(steps: StepRecord[], notes: readonly StepNote[]): void {
  const sent = new Map<string, number>()
  for (const { sends } of steps) for (const { to } of sends) for (const target of to) sent.set(target, (sent.get(target) ?? 0) + 1)
  for (const [index, { node, in: message }] of steps.entries()) {
    const left = sent.get(node) ?? 0
    if (left > 0) sent.set(node, left - 1)
    else {
      const opener = notes.slice(0, index).findLastIndex(({ node: other }) => other.wires.some((port) => port.some(({ id }) => id === node)))
      if (opener < 0) continue
      const port = (notes[opener] as StepNote).node.wires.findIndex((targets) => targets.some(({ id }) => id === node))
      const step = steps[opener] as StepRecord
      steps[opener] = { ...step, sends: [...step.sends, { port, to: [node], ...(message === undefined ? {} : { message }) }] }
    }
  }
}

function toCallout(note: CalloutNote, { stepAt, hiding, bodies }: { readonly stepAt: ReadonlyMap<StepNote, number>; readonly hiding: Hiding; readonly bodies: boolean }, labels: LabelMap | undefined): CalloutRecord {
  const step = note.step && stepAt.get(note.step)
  const ofBody = labels?.at(['payload'])
  const body = note.stream ? (note.headers && toStreamBody(note.stream, hiding, ofBody)) : toBodyRecord(note.body, undefined, hiding, ofBody)
  return {
    ...(step === undefined ? {} : { step }),
    node: note.node,
    method: note.method,
    url: hiding.url(calloutUrl(note, labels)),
    atMs: toMs(note.atMs),
    ...(note.tookMs === undefined ? {} : { tookMs: toMs(note.tookMs) }),
    ...(note.status === undefined ? {} : { status: note.status }),
    ...(note.fault === undefined ? {} : { fault: note.fault }),
    ...(note.headers ? { headers: hiding.headers(hideLabels(note.headers, labels?.at(['headers'])) as typeof note.headers) } : {}),
    ...(body ? { body } : {}),
    ...(note.stream ? { stream: toStreamRecord(note.stream) } : {}),
    ...(note.sent ? { sent: toPassed(note.sent, bodies, hiding, ofBody) } : {}),
  }
}

/** A stream, and what passed of it. */
function toPassed(note: StreamNote, bodies: boolean, hiding: Hiding, labels: LabelMap | undefined): { readonly body?: BodyRecord; readonly stream: StreamRecord } {
  const body = bodies ? toStreamBody(note, hiding, labels) : undefined
  return { ...(body ? { body } : {}), stream: toStreamRecord(note) }
}

function toRequest(request: RequestFacts, { steps: [first], asked }: RunNotes, hiding: Hiding): NonNullable<RunRecord['request']> {
  const message = first?.message
  const labels = first?.node.labels
  const type = request.headers['content-type']
  const hasBody = message !== undefined && !asked && !methodsWithoutBody.has(request.method)
  const body = hasBody ? toBodyRecord(message.payload, typeof type === 'string' ? type : undefined, hiding, labels?.at(['payload'])) : undefined
  const isHidden = labels?.at(['req', 'url']).unseen.isEmpty === false
  const headers = hideLabels(request.headers, labels?.at(['req', 'headers'])) as typeof request.headers
  return { method: request.method, url: isHidden ? request.route : hiding.url(request.url), headers: hiding.headers(headers), ...(body ? { body } : {}), ...(asked ? toPassed(asked, message !== undefined, hiding, labels?.at(['payload'])) : {}) }
}

function toAnswer(notes: RunNotes, hiding: Hiding, known: ReadonlyMap<Message, LabelMap>): Pick<RunRecord, 'answer'> {
  const { outcome } = notes
  if (outcome?.kind === 'fault') return { answer: { status: outcome.fault.status, headers: {}, fault: outcome.fault.code } }
  if (outcome?.kind !== 'reply') return {}
  const { message } = outcome
  // An answer that a node made of the message may hold anything of what came to where a way ended.
  const labels = known.get(message) ?? unionOf(notes.steps.flatMap(({ node, sends }) => (sends.length === 0 ? labelsBehind(node) : []))).anywhere
  const shown = hideLabels(message['headers'] ?? {}, labels.at(['headers']))
  const headers = hiding.headers(typeof shown === 'object' ? (shown as Record<string, unknown>) : {})
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? (message.payload instanceof Body ? message.payload.contentType : undefined)
  const { answer } = notes
  const status = notes.end?.status ?? 200
  if (answer) return { answer: { status, headers, ...toPassed(answer, true, hiding, labels.at(['payload'])) } }
  const body = toBodyRecord(message.payload, type, hiding, labels.at(['payload']))
  return { answer: { status, headers, ...(body ? { body } : {}) } }
}

/** Fields that nodes that know callers added to the message: a case says them again in the place of a credential. */
function toCaller(steps: readonly StepNote[], protects: (type: string) => boolean, hiding: Hiding): Pick<RunRecord, 'caller'> {
  const caller: Record<string, unknown> = {}
  for (const { node, message, sends } of steps) {
    const after = sends[0]?.message
    if (!protects(node.type) || !message || !after) continue
    for (const [name, value] of Object.entries(after)) {
      if (name === 'req' || name === 'res' || name === 'payload' || name === '__proto__' || message[name] === value) continue
      caller[name] = show(value, hiding)
    }
  }
  return Object.keys(caller).length > 0 ? { caller } : {}
}

/** What each message may carry, by the nodes that it came to or left. */
function labelsOfMessages({ steps }: RunNotes): ReadonlyMap<Message, LabelMap> {
  const labels = new Map<Message, LabelMap>()
  const note = (message: Message | undefined, node: StepNote['node']) => {
    if (message && node.labels) labels.set(message, (labels.get(message) ?? LabelMap.none).and(node.labels))
  }
  for (const { node, message, sends } of steps) {
    note(message, node)
    for (const sent of sends) note(sent.message, node)
  }
  return labels
}

/** What may come to a node; where it answered in place of what stands behind it, with something that was kept, to all of that too. */
function labelsBehind(node: LinkedNode, seen = new Set<LinkedNode>()): LabelMap[] {
  if (seen.has(node)) return []
  seen.add(node)
  return [...(node.labels ? [node.labels] : []), ...node.wires.flat().flatMap((next) => labelsBehind(next, seen))]
}

/** What may come to a node or leave it. */
function labelsAround({ steps }: RunNotes, id: string): LabelMap | undefined {
  return steps.find(({ node }) => node.id === id)?.node.labels
}
