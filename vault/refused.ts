import type { Facts } from '../runtime/core/saying.ts'

/** Why the desk did not do what an operator asked for: a stable code, the status of HTTP, a sentence that says what to do, and what that names. Holds no value. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: string
  readonly status: 400 | 404 | 409 | 410 | 412 | 422

  readonly facts: Facts

  constructor(code: string, status: Refused['status'], message: string, facts: Facts = {}) {
    super(message)
    this.code = code
    this.status = status
    this.facts = facts
  }
}
