import type { Claim } from './deployment.ts'
import type { Message } from './message.ts'
import type { LinkedNode } from './pipeline.ts'
import type { Credentials } from './release.ts'
import type { Run, RunEnd } from './run.ts'
import type { Result } from './step.ts'
import type { StreamReply, StreamRequest, TunnelReply, TunnelRequest, UpstreamReply, UpstreamRequest } from './upstream/upstream.ts'

/** Writes down one run while it goes. The engine looks for it once a step; a run without one pays that look and nothing else. */
export interface RunTrace {
  /** Runs a node's step and notes what came, what left by which port, how long it took and what it threw. */
  step(node: LinkedNode, message: Message, run: Run): Result
  /** Notes a node that only leads on: a link to another tab, a call, a return. */
  pass(node: LinkedNode, message: Message): void
  /** Makes a callout of a node and notes what was asked and answered; one call is one attempt. */
  callout(node: string, request: UpstreamRequest, call: (request: UpstreamRequest) => Promise<UpstreamReply>): Promise<UpstreamReply>
  /** The same of a callout whose answer passes while it comes. It is noted to its end, which may lie behind that of the run. */
  stream(node: string, request: StreamRequest, call: (request: StreamRequest) => Promise<StreamReply>): Promise<StreamReply>
  /** The same of a WebSocket: what passes there is counted, not kept. */
  tunnel(node: string, request: TunnelRequest, call: (request: TunnelRequest) => Promise<TunnelReply>): Promise<TunnelReply>
  /** Says something more of what a node does at the moment, such as `reused: 'parse'`. Few and small values, never a secret. */
  note(node: string, facts: TraceFacts): void
}

export type TraceFacts = Readonly<Record<string, string | number | boolean>>

/** Who decides which runs are written down. */
export interface Tracing {
  /** False: no run at all is; nobody is asked further. */
  readonly active: boolean
  /** The trace of a run that is about to begin, or nothing. `claims`: where its request says who calls. */
  begin(run: TracedRun, claims?: readonly Claim[]): RunTrace | undefined
  /** What flows hold that must never be shown. `key` is the pipeline's. */
  keepSecrets(key: string, credentials: Credentials): void
  forgetSecrets(key: string): void
}

/** What tracing has to know of a run that begins. */
export interface TracedRun extends Run {
  readonly on: string
  readonly entry: LinkedNode
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  onEnd(listener: (end: RunEnd) => void): void
}

/** What was written down of a run, as it is shown: plain JSON, secrets hidden, sizes bounded. */
export interface RunRecord extends RunRecordHead {
  /** In the order in which they were entered. */
  readonly steps: readonly StepRecord[]
  /** How many steps more there were than are kept. */
  readonly stepsLeftOut: number
  /** Distinct messages, shown; steps and sends name them by their place. Empty when bodies are not kept. */
  readonly messages: readonly unknown[]
  readonly callouts: readonly CalloutRecord[]
  readonly request?: { readonly method: string; readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body?: BodyRecord; readonly stream?: StreamRecord }
  readonly answer?: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body?: BodyRecord; readonly stream?: StreamRecord; readonly fault?: string }
  /** What nodes that know callers added to the message, by field. */
  readonly caller?: Readonly<Record<string, unknown>>
}

/** The head of a record, for lists. */
export interface RunRecordHead {
  readonly id: string
  /** Id of the run, as its caller saw it. */
  readonly run: string
  readonly flow: string
  readonly revision: string
  /** Node it entered by. */
  readonly entry: string
  readonly on: string
  /** RFC 3339. */
  readonly at: string
  readonly tookMs: number
  readonly method?: string
  /** Route pattern. */
  readonly route?: string
  readonly status?: number
  readonly fault?: string
  /** The watch it was recorded for; absent for one that was sampled. */
  readonly watch?: string
  /** `shown`: messages and bodies are here. `local`: they are on the gateway and do not leave it. `none`: they were not kept. */
  readonly payloads: 'shown' | 'local' | 'none'
  /** W3C trace id (hex). */
  readonly traceId: string
}

export interface StepRecord {
  readonly node: string
  readonly flow: string
  readonly type: string
  readonly name?: string
  /** Milliseconds after the run began. */
  readonly atMs: number
  /** Until it gave its last message; absent when the run ended before. */
  readonly tookMs?: number
  /** Place of the message that came. */
  readonly in?: number
  /** What left, in order. */
  readonly sends: readonly SendRecord[]
  readonly fault?: { readonly code: string; readonly status: number; readonly message: string }
  /** Callouts it made. */
  readonly attempts?: number
  readonly facts?: TraceFacts
}

export interface SendRecord {
  readonly port: number
  /** Nodes at the other end of the wires. */
  readonly to: readonly string[]
  readonly message?: number
}

export interface CalloutRecord {
  /** Place of the step among the steps; absent when the step is not kept. */
  readonly step?: number
  readonly node: string
  readonly method: string
  readonly url: string
  readonly atMs: number
  /** Until it was answered; of an answer that passes as a stream, until that began. */
  readonly tookMs?: number
  readonly status?: number
  readonly fault?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: BodyRecord
  /** Its answer passed while it came. */
  readonly stream?: StreamRecord
  /** What it was asked with, when that went up while it came. */
  readonly sent?: { readonly body?: BodyRecord; readonly stream: StreamRecord }
}

/** How a stream passed. Times are milliseconds after its callout began; of one that is not the answer of a callout, after the run did. */
export interface StreamRecord {
  readonly bytes: number
  readonly firstByteMs?: number
  readonly endMs?: number
  /**
   * `whole`: all of it came and was read. `cut`: whoever sent it broke it off. `gone`: whoever read it let go of it, such as a client that
   * left. Absent: it still comes.
   */
  readonly end?: 'whole' | 'cut' | 'gone'
  /** Code of what it was broken off with. */
  readonly fault?: string
}

/** A body: whole, or only its size when it is too large, may hold a secret in bytes that are no text, or does not leave the gateway. */
export interface BodyRecord {
  readonly bytes: number
  readonly text?: string
  /** Bytes that are no text. */
  readonly base64?: string
  /** What these bytes say to be, such as `image/png`. */
  readonly type?: string
  /** Why it is not here; of a stream that is too large its beginning is. */
  readonly cut?: 'large' | 'binary' | 'local'
}
