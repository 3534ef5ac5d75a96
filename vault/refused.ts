/** Why the desk did not do what an operator asked for: a stable code, the status of HTTP, and a sentence that says what to do. Holds no value. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly code: string
  readonly status: 400 | 404 | 409 | 410 | 412 | 422

  constructor(code: string, status: Refused['status'], message: string) {
    super(message)
    this.code = code
    this.status = status
  }
}
