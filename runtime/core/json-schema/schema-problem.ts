/** A schema that cannot be used, and where in it. */
export class SchemaProblem extends Error {
  override readonly name = 'SchemaProblem'
  /** JSON pointer (RFC 6901) into the schema. */
  readonly pointer: string
  readonly remedy: string
  constructor(pointer: string, message: string, remedy: string) {
    super(message)
    this.pointer = pointer
    this.remedy = remedy
  }
}
