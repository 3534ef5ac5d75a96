import { methods } from '../../runtime/core/http/methods.ts'
import type { Mock } from './to-mock.ts'

/** One route to be: what callers ask for, and what is asked of the service then. */
export interface Operation {
  /** Upper case. */
  readonly method: string
  /** As `http in` has it: `/orders/:id`. */
  readonly path: string
  /** As `service callout` has it: `https://host/orders/{{req.params.id}}`. */
  readonly upstream: string
  /** Short, for the node. */
  readonly name: string
  readonly summary?: string
  /** Request headers that are passed on besides the usual ones. */
  readonly headers: readonly string[]
  /** JSON of the OpenAPI operation, for `validate`. */
  readonly contract?: string
  /** Answered in place of the service. */
  readonly mock?: Mock
  /** Place in what was sent. */
  readonly pointer: string
}

/** Whether `http in` and `service callout` can both do it. */
export function isServed(method: string): boolean {
  return (methods as readonly string[]).includes(method)
}

/** Of one API. */
export const operationsAtMost = 1000
