import type { Checked } from '../../runtime/core/openapi/checked-message.ts'
import type { RequestFacts } from '../../runtime/core/http/request-facts.ts'
import { RequestView } from '../../runtime/core/http/request-view.ts'

type Values = Readonly<Record<string, unknown>>

/**
 * Values with their types in the place of those that a request shows. What it does not show though it came with it (a credential
 * that somebody hid) stays hidden.
 */
export function withTypes(shown: Values, came: Values, typed: Values | undefined): Values {
  if (!typed) return shown
  const made: Record<string, unknown> = { ...shown }
  for (const [name, value] of Object.entries(typed)) if (Object.hasOwn(shown, name) || !Object.hasOwn(came, name)) made[name] = value
  return made
}

/** A request whose query, parameters, headers and cookies have the types of their schemas. */
export class TypedRequest extends RequestView {
  readonly #of: RequestFacts
  readonly #came: RequestFacts
  readonly #typed: Checked['typed']

  /** `of`: as the message shows it; `came`: as it was sent. */
  constructor(of: RequestFacts, came: RequestFacts, typed: Checked['typed']) {
    super(of)
    this.#of = of
    this.#came = came
    this.#typed = typed
    Object.freeze(this)
  }

  override get query(): RequestFacts['query'] {
    return withTypes(this.#of.query, this.#came.query, this.#typed.query)
  }
  override get params(): RequestFacts['params'] {
    return withTypes(this.#of.params, this.#came.params, this.#typed.path) as RequestFacts['params']
  }
  override get headers(): RequestFacts['headers'] {
    return withTypes(this.#of.headers, this.#came.headers, this.#typed.header) as RequestFacts['headers']
  }
  override get cookies(): RequestFacts['cookies'] {
    return withTypes(this.#of.cookies, this.#came.cookies, this.#typed.cookie) as RequestFacts['cookies']
  }
}
