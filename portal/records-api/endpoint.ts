import type { AcceptedWork, Actor, Caches, Consumers, DataProtection, Ledgers, PageQuery, Publishing, Queues, RefusalDecisions, Right } from '../../control/contract.ts'

/** One operation of the API of records: what it answers, who may, and how the document describes it. All from one value. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly operation: string
  readonly summary: string
  readonly tag: string
  /** What whoever asks needs for it, everywhere or in the record's organisation; absent: everybody signed in gets what is his to see. */
  readonly right?: Right
  /** Schema of a JSON body; `yaml`: a document of records. */
  readonly request?: string
  /** Of the body; 1 MiB when absent. */
  readonly bodyLimitBytes?: number
  readonly status: 200 | 201
  /** Schema of the answer. `page`: a page of these. */
  readonly answer: { readonly schema: string; readonly page?: boolean } | 'yaml' | 'csv' | 'any'
  /** What is sent holds something that no answer may repeat, not even a part of it that could not be read. */
  readonly confidential?: boolean
  /** The request names the version it started from (RFC 9110 §13.1.1). `if-there`: only where there is something already. */
  readonly ifMatch?: boolean | 'if-there'
  readonly query?: readonly QueryParameter[]
  handle(call: Call): Promise<Reply>
}

export interface QueryParameter {
  readonly name: string
  readonly description: string
  readonly schema: Readonly<Record<string, unknown>>
}

export interface Call {
  readonly consumers: Consumers
  readonly decisions: RefusalDecisions
  readonly publishing: Publishing
  readonly queues: Queues
  readonly caches: Caches
  readonly accepted: AcceptedWork
  readonly dataProtection: DataProtection
  readonly ledgers: Ledgers
  readonly by: Actor
  /** Of the path; empty when it has none. */
  readonly id: string
  /** A JSON value nobody has looked at yet, or the text of a YAML document. */
  readonly body: unknown
  /** Version that `If-Match` names; `undefined` for `*`. */
  readonly version: number | undefined
  /** The same where it may make something new: without `If-Match` there is to be none yet. */
  readonly expected: number | 'none' | undefined
  readonly query: PageQuery & Readonly<Record<string, string | number | boolean | undefined>>
}

export interface Reply {
  readonly body: unknown
  /** Version of the record in the body, for its ETag. */
  readonly version?: number
  /** Path of what was made. */
  readonly location?: string
}
