import type { SchemaError } from '../json-schema/check-context.ts'
import type { Carried } from './read-parameter.ts'

export type ErrorPlace = 'query' | 'path' | 'header' | 'cookie' | 'body' | 'status'

/** One way in which a request or an answer does not fit. `pointer` begins inside the place: `/page` of the query, `/items/0/price` of the body. */
export interface PlacedError extends SchemaError {
  readonly in: ErrorPlace
}

/** What is checked of a request, or of an answer. */
export interface Given {
  readonly carried: Carried
  /** Absent: none was said. */
  readonly contentType: string | undefined
  readonly hasBody: boolean
  /** Status of an answer. */
  readonly status?: number | undefined
  /** Names of the files of a multipart body. */
  readonly files: readonly string[]
  /** The body's value; may throw a fault when the bytes are no such thing. */
  body(): unknown
}

export interface Checked {
  readonly errors: readonly PlacedError[]
  /** The body's type, when it is none that is taken. */
  readonly unsupported?: string
  /** Values with the types of their schemas, by place; a place that has no schema is not there. */
  readonly typed: { readonly [P in 'query' | 'path' | 'header' | 'cookie']?: Readonly<Record<string, unknown>> } & { readonly body?: { readonly value: unknown } }
}

/** @throws Fault `schema.work`, and what reading the body throws */
export type CheckMessage = (given: Given, errorsAtMost: number) => Checked
