import { ByteStream } from '../../core/http/byte-stream.ts'
import { toFault } from '../../core/fault.ts'
import { tellingFaults } from '../../core/labels/telling-faults.ts'
import type { Message } from '../../core/message.ts'
import type { LinkedNode } from '../../core/pipeline.ts'
import { methodsWithoutBody } from '../../core/http/methods.ts'
import type { RequestFacts } from '../../core/http/request-facts.ts'
import type { Run, RunEnd, RunOutcome } from '../../core/run.ts'
import { SentTo, type Output, type Result } from '../../core/step.ts'
import type { RunTrace, TracedRun, TraceFacts } from '../../core/trace.ts'
import type { StreamReply, StreamRequest, TunnelReply, TunnelRequest, UpstreamReply, UpstreamRequest } from '../../core/upstream/upstream.ts'
import type { TraceContext } from '../../core/http/trace-context.ts'
import { StreamNote, type StreamRoom } from './stream-note.ts'

export interface RunFacts {
  readonly id: string
  readonly flow: string
  readonly revision: string
  readonly entry: string
  readonly on: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly method: string | undefined
  readonly route: string | undefined
}

export interface StepNote {
  readonly node: LinkedNode
  /** Made when somebody first needs it: see `spanOf`. */
  spanId: string | undefined
  /** Kept when bodies are. */
  readonly message: Message | undefined
  readonly atMs: number
  tookMs: number | undefined
  readonly sends: { readonly port: number; readonly message: Message | undefined }[]
  fault: { readonly code: string; readonly status: number; readonly message: string } | undefined
  attempts: number
  facts: Record<string, string | number | boolean> | undefined
}

export interface CalloutNote {
  readonly step: StepNote | undefined
  readonly node: string
  readonly spanId: string
  readonly method: string
  readonly url: string
  readonly atMs: number
  tookMs: number | undefined
  status: number | undefined
  fault: string | undefined
  /** Kept when bodies are. */
  headers: UpstreamReply['headers'] | undefined
  body: UpstreamReply['body'] | undefined
  /** In the place of a body that passes while it comes. */
  stream: StreamNote | undefined
  /** How the body that it was asked with passed, when that went up while it came. */
  sent: StreamNote | undefined
}

/** What of a request and its answer is noted of every callout, however its body comes. */
type Asked = Pick<UpstreamRequest, 'method' | 'url' | 'headers' | 'secret' | 'tellBudget'>
type Answered = Pick<UpstreamReply, 'status' | 'headers'>

/** Bytes kept of all streams of one run. */
const streamBytesKept = 2 * 1024 * 1024
/** Statuses whose answers have no body (RFC 9110 §6.4.1). */
const bodiless = new Set([204, 304])
/** Steps kept of one run: a circle may take a million. */
const stepsKept = 2000
const calloutsKept = 500

/**
 * What happens in one run, as it happens: references to messages, which nobody changes, and times. It becomes something to
 * be shown when the run has ended, if anybody is to see it.
 */
export class RunNotes implements RunTrace {
  readonly run: RunFacts
  /** Until it is let go of. */
  request: RequestFacts | undefined
  /** Whether messages and bodies are kept. */
  readonly bodies: boolean
  readonly watch: string | undefined
  readonly parent: TraceContext | undefined
  readonly traceId: string
  readonly spanId: string
  readonly steps: StepNote[] = []
  readonly callouts: CalloutNote[] = []
  /** What callouts proved with who calls: never to be shown. */
  readonly secrets: string[] = []
  stepsLeftOut = 0
  tookMs = 0
  end: RunEnd | undefined = undefined
  outcome: RunOutcome | undefined = undefined
  /** How the body of the request passes, when it is a stream. */
  asked: StreamNote | undefined = undefined
  /** How the answer passes, when it is a stream. */
  answer: StreamNote | undefined = undefined
  readonly #streams = new Map<ByteStream, StreamNote>()
  readonly #whenOver = new Set<() => void>()
  readonly #room: StreamRoom = { leftBytes: streamBytesKept }
  readonly #startedAt = performance.now()
  readonly #newId: () => string

  constructor(input: { run: TracedRun; bodies: boolean; watch?: string | undefined; parent?: TraceContext | undefined; ids: { traceId(): string; spanId(): string }; ended: (notes: RunNotes) => void }) {
    const { id, flow, revision, entry, on, startedAt, request } = input.run
    this.run = { id, flow, revision, entry: entry.id, on, startedAt, method: request?.method, route: request?.route }
    this.request = request
    this.bodies = input.bodies
    this.watch = input.watch
    this.parent = input.parent
    this.traceId = input.parent?.traceId ?? input.ids.traceId()
    this.spanId = input.ids.spanId()
    this.#newId = input.ids.spanId
    input.run.beforeAnswer?.((outcome) => this.#answered(outcome))
    input.run.onEnd((end) => {
      for (const [stream, note] of this.#streams) if (note === this.asked && !stream.isTaken) note.leave()
      if (end.fault?.code === 'client.closed') this.asked?.lostSender()
      this.end = end
      this.tookMs = this.elapsedMs
      input.ended(this)
    })
  }

  step(node: LinkedNode, message: Message, run: Run): Result {
    const note = this.#enter(node, message)
    try {
      const result: Result = node.step === undefined ? { [node.ports[0] ?? 'out']: message } : node.step(message, run)
      return note === undefined ? result : this.#watch(note, result)
    } catch (thrown) {
      if (note) this.#failed(note, thrown)
      throw thrown
    }
  }

  pass(node: LinkedNode, message: Message): void {
    const note = this.#enter(node, message)
    if (note) note.tookMs = 0
  }

  async callout(node: string, request: UpstreamRequest, call: (request: UpstreamRequest) => Promise<UpstreamReply>): Promise<UpstreamReply> {
    const note = this.#begin(node, request)
    const reply = await this.#call(note, request, call)
    if (this.bodies) note.body = reply.body
    return reply
  }

  async stream(node: string, request: StreamRequest, call: (request: StreamRequest) => Promise<StreamReply>): Promise<StreamReply> {
    const note = this.#begin(node, request)
    const { body, headers } = request
    if (body instanceof ByteStream) note.sent = this.#streams.get(body) ?? this.#watchStream(body, headers?.['content-encoding'], 0)
    const reply = await this.#call(note, request, call)
    return request.method === 'HEAD' ? reply : this.#passing(note, reply)
  }

  async tunnel(node: string, request: TunnelRequest, call: (request: TunnelRequest) => Promise<TunnelReply>): Promise<TunnelReply> {
    const note = this.#begin(node, { ...request, method: 'GET' })
    const reply = await this.#call(note, { ...request, method: 'GET' }, call)
    if (!('tunnel' in reply)) return this.#passing(note, reply)
    const stream = this.#newStream({}, note.atMs)
    reply.tunnel.through((socket) => stream.follow(socket))
    note.stream = stream
    return reply
  }

  /** Tells a listener each time when one of its streams is over. The result takes the listener back. */
  whenStreamOver(listener: () => void): () => void {
    this.#whenOver.add(listener)
    return () => void this.#whenOver.delete(listener)
  }

  /** Those that still pass. */
  openStreams(): readonly StreamNote[] {
    const all = [this.asked, ...this.callouts.flatMap(({ sent, stream }) => [sent, stream]), this.answer]
    return all.filter((stream) => stream !== undefined && stream.end === undefined) as StreamNote[]
  }

  /** The span that a step is. */
  spanOf(step: StepNote): string {
    return (step.spanId ??= this.#newId())
  }

  /** Forgets what the run itself would be held by. */
  letGo(): void {
    this.request = undefined
  }

  note(node: string, facts: TraceFacts): void {
    const step = this.#openStep(node)
    if (step) step.facts = { ...step.facts, ...facts }
  }

  /** Milliseconds since it began. */
  get elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  #begin(node: string, { method, url }: Pick<Asked, 'method' | 'url'>): CalloutNote {
    const step = this.#openStep(node)
    if (step) step.attempts++
    const note: CalloutNote = {
      step, node, spanId: this.#newId(), method, url, atMs: this.elapsedMs, tookMs: undefined, status: undefined, fault: undefined, headers: undefined, body: undefined, stream: undefined, sent: undefined,
    }
    if (this.callouts.length < calloutsKept) this.callouts.push(note)
    return note
  }

  async #call<Q extends Asked, R extends Answered>(note: CalloutNote, request: Q, call: (request: Q) => Promise<R>): Promise<R> {
    try {
      if (this.bodies && request.secret) this.secrets.push(request.secret.value)
      // Who is not told how much time is left is not told what this is part of either.
      const reply = await call(request.tellBudget === true ? { ...request, headers: this.#withParent(request.headers, note.spanId) } : request)
      note.status = reply.status
      if (this.bodies) note.headers = reply.headers
      return reply
    } catch (thrown) {
      note.fault = toFault(thrown).code
      throw thrown
    } finally {
      note.tookMs = this.elapsedMs - note.atMs
    }
  }

  /** Looks on at the body of an answer, when it has one. */
  #passing(note: CalloutNote, reply: StreamReply): StreamReply {
    if (!bodiless.has(reply.status)) note.stream = this.#watchStream(reply.body, reply.headers['content-encoding'], note.atMs)
    return reply
  }

  #answered(outcome: RunOutcome): void {
    if (this.bodies) this.outcome = outcome
    const payload = outcome.kind === 'reply' ? outcome.message.payload : undefined
    if (payload instanceof ByteStream) this.answer = this.#streams.get(payload) ?? this.#watchStream(payload, undefined, 0)
  }

  #watchStream(passing: ByteStream, encoding: string | readonly string[] | undefined, fromMs: number): StreamNote {
    const stream = this.#newStream({ contentType: passing.contentType, contentEncoding: encoding?.toString() }, fromMs, this.bodies ? this.#room : undefined)
    passing.through((source) => stream.watch(source))
    this.#streams.set(passing, stream)
    return stream
  }

  #newStream(type: ConstructorParameters<typeof StreamNote>[0], fromMs: number, room?: StreamRoom): StreamNote {
    const stream = new StreamNote(type, () => this.elapsedMs, fromMs, room)
    stream.whenOver = () => this.#whenOver.forEach((listener) => listener())
    return stream
  }

  #enter(node: LinkedNode, message: Message): StepNote | undefined {
    if (this.steps.length === 0 && message.payload instanceof ByteStream && !methodsWithoutBody.has(this.run.method ?? '')) this.asked = this.#watchStream(message.payload, this.request?.headers['content-encoding'], 0)
    if (this.steps.length >= stepsKept) {
      this.stepsLeftOut++
      return undefined
    }
    const note: StepNote = {
      node, spanId: undefined, message: this.bodies ? message : undefined, atMs: this.elapsedMs, tookMs: undefined, sends: [], fault: undefined, attempts: 0, facts: undefined,
    }
    this.steps.push(note)
    return note
  }

  #watch(note: StepNote, result: Result): Result {
    if (result === undefined) this.#left(note)
    else if (isPromise(result)) {
      return result.then(
        (sends) => {
          this.#sent(note, sends)
          this.#left(note)
          return sends
        },
        (thrown: unknown) => {
          this.#failed(note, thrown)
          throw thrown
        },
      )
    } else if (isIterable(result)) return this.#follow(note, result)
    else {
      this.#sent(note, result)
      this.#left(note)
    }
    return result
  }

  async *#follow(note: StepNote, sequence: AsyncIterable<NonNullable<Output>>): AsyncIterable<NonNullable<Output>> {
    try {
      for await (const sends of sequence) {
        this.#sent(note, sends)
        note.tookMs = this.elapsedMs - note.atMs
        yield sends
      }
      this.#left(note)
    } catch (thrown) {
      this.#failed(note, thrown)
      throw thrown
    }
  }

  #sent(note: StepNote, sends: Output): void {
    if (sends === undefined) return
    const put = (port: number, message: Message) => void note.sends.push({ port, message: this.bodies ? message : undefined })
    if (sends instanceof SentTo) return put(sends.port, sends.message)
    for (const [port, name] of note.node.ports.entries()) {
      const sent = sends[name]
      if (sent === undefined || sent === null) continue
      if (Array.isArray(sent)) for (const one of sent as readonly Message[]) put(port, one)
      else put(port, sent as Message)
    }
  }

  #left(note: StepNote): void {
    note.tookMs = this.elapsedMs - note.atMs
  }

  #failed(note: StepNote, thrown: unknown): void {
    const caught = toFault(thrown)
    const { code, status, title, message } = caught
    note.fault = { code, status, message: note.node.labels && tellingFaults.has(code) ? title : message }
    this.#left(note)
  }

  /** The newest step of a node that has not ended; when all have, its newest. */
  #openStep(node: string): StepNote | undefined {
    let newest: StepNote | undefined
    for (let at = this.steps.length - 1; at >= 0; at--) {
      const step = this.steps[at] as StepNote
      if (step.node.id !== node) continue
      if (step.tookMs === undefined) return step
      newest ??= step
    }
    return newest
  }

  #withParent(headers: UpstreamRequest['headers'], spanId: string): NonNullable<UpstreamRequest['headers']> {
    const said = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === 'traceparent')
    return said ? (headers ?? {}) : { ...headers, traceparent: `00-${this.traceId}-${spanId}-01` }
  }
}

/** How the run came out, for lists: the status of the answer and the fault nobody caught. */
export function endOf({ end }: RunNotes): { readonly status?: number; readonly fault?: string } {
  return { ...(end?.status === undefined ? {} : { status: end.status }), ...(end?.fault ? { fault: end.fault.code } : {}) }
}

function isPromise(result: object): result is Promise<Output> {
  return typeof (result as { then?: unknown }).then === 'function'
}

function isIterable(result: object): result is AsyncIterable<NonNullable<Output>> {
  return typeof (result as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator] === 'function'
}
