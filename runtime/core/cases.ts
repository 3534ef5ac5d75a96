import type { EditorNode } from './flow.ts'
import type { RunRecord, RunRecordHead } from './trace.ts'

/** One promise of an API: a request, what its upstreams say, and the answer. */
export interface FlowCase {
  readonly name: string
  readonly request: {
    readonly method?: string
    /** Path and query. */
    readonly url: string
    readonly headers?: Readonly<Record<string, string>>
    /** A text as it is; anything else as JSON. */
    readonly body?: unknown
    /** In the place of `body`: bytes. */
    readonly base64?: string
    /** The body is sent in pieces, and its length is not said before. */
    readonly streamed?: boolean
  }
  /** Who calls, as fields of the message: nodes that know callers let the request pass and add them. Absent: they are asked as always. */
  readonly caller?: Readonly<Record<string, unknown>>
  readonly upstreams?: readonly PlayedUpstream[]
  readonly expect: {
    readonly status: number
    /** These headers with exactly these values, among others. */
    readonly headers?: Readonly<Record<string, string>>
    /** The body holds at least this: named properties are compared, others may be there; lists are compared whole. */
    readonly json?: unknown
    /** Expressions over `{status, headers, body}`; each must give true. */
    readonly jsonata?: string | readonly string[]
    /** The whole body. */
    readonly text?: string
    /** The whole body, when it is no text. */
    readonly base64?: string
  }
}

/** An answer for every callout whose method and URL match. The first that matches answers. */
export interface PlayedUpstream {
  /** `*` in the URL stands for anything; the method is GET unless said. */
  readonly match: { readonly method?: string; readonly url: string }
  /** What it is asked with, each time and at least once: JSON that holds at least this, or the whole body as text or as bytes. Absent: anything. */
  readonly asked?: { readonly json?: unknown; readonly text?: string; readonly base64?: string }
  readonly reply: {
    readonly status?: number
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: unknown
    /** In the place of `body`: bytes. */
    readonly base64?: string
    /** A file beside cases.json in place of `body`. */
    readonly file?: string
    /** Fails instead of answering: `timeout` or `connect`; `cut`: its connection breaks off behind what it says. */
    readonly fail?: 'timeout' | 'connect' | 'cut'
  }
  /** How often it answers before the next that matches does. Absent: always. */
  readonly times?: number
}

/** What a case came to. */
export interface CaseResult {
  readonly name: string
  readonly ok: boolean
  /** What was not as promised, one sentence each. */
  readonly failures: readonly string[]
  readonly tookMs: number
  readonly answer?: CaseAnswer
  /** The way it took, without messages. */
  readonly record?: RunRecord
  /** Wires that it took: node, port, node. */
  readonly wires?: readonly (readonly [from: string, port: number, to: string])[]
}

export interface CaseAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Without `base64`. */
  readonly text: string
  /** A body that is no text. */
  readonly base64?: string
}

/** What cases of a flow that is perhaps not deployed come to; `problems` when it cannot be compiled. */
export interface CasesReport {
  readonly results: readonly CaseResult[]
  readonly problems: readonly { readonly node?: string; readonly flow?: string; readonly message: string; readonly remedy?: string; readonly code: string; readonly severity: string }[]
  /** Cases that there was no time for. */
  readonly leftOut: number
}

/** Runs cases against flows beside what is live: callouts are played, nothing is counted or kept. */
export interface CaseRunner {
  run(nodes: readonly EditorNode[], cases: readonly FlowCase[]): Promise<CasesReport>
}

/** A recorded run done again against other flows. */
export interface ReplayReport {
  readonly before: CaseAnswer
  readonly after?: CaseAnswer
  /** Where the answers differ, one sentence each; none when they are the same. */
  readonly differences: readonly string[]
  readonly record?: RunRecord
  readonly problems: CasesReport['problems']
}

/** What the editor asks of a gateway about runs and cases. */
export type TraceCommand =
  | { readonly do: 'traces.watch'; readonly id: string; readonly flow: string; readonly next: number; readonly forMs: number; readonly tokenHash?: string }
  | { readonly do: 'traces.unwatch'; readonly id: string }
  /** Gives TraceList. */
  | { readonly do: 'traces.list'; readonly flow: string; readonly watch?: string; readonly limit: number }
  /** Gives RunRecord, or nothing. */
  | { readonly do: 'traces.get'; readonly id: string }
  /** Gives FlowCase, or nothing when there is no such run. */
  | { readonly do: 'traces.case'; readonly id: string; readonly name: string }
  /** Gives ReplayReport, or nothing when there is no such run. */
  | { readonly do: 'traces.replay'; readonly id: string; readonly nodes: readonly EditorNode[] }
  /** Gives CasesReport. */
  | { readonly do: 'cases.run'; readonly nodes: readonly EditorNode[]; readonly cases: readonly FlowCase[] }

export interface TraceList {
  readonly runs: readonly RunRecordHead[]
  /** How many the watch still waits for; absent when it is over. */
  readonly left?: number
}
