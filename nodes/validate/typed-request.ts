import type { Checked } from '../../runtime/core/openapi/checked-message.ts'
import type { RequestFacts } from '../../runtime/core/request-facts.ts'

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

/** A request whose query, parameters, headers and cookies have the types of their schemas; the rest is the request's own, worked out when read. */
export class TypedRequest implements RequestFacts {
  readonly #of: RequestFacts
  readonly #came: RequestFacts
  readonly #typed: Checked['typed']

  /** `of`: as the message shows it; `came`: as it was sent. */
  constructor(of: RequestFacts, came: RequestFacts, typed: Checked['typed']) {
    this.#of = of
    this.#came = came
    this.#typed = typed
    Object.freeze(this)
  }

  get method(): string {
    return this.#of.method
  }
  get url(): string {
    return this.#of.url
  }
  get originalUrl(): string {
    return this.#of.originalUrl
  }
  get path(): string {
    return this.#of.path
  }
  get route(): string {
    return this.#of.route
  }
  get query(): RequestFacts['query'] {
    return withTypes(this.#of.query, this.#came.query, this.#typed.query)
  }
  get params(): RequestFacts['params'] {
    return withTypes(this.#of.params, this.#came.params, this.#typed.path) as RequestFacts['params']
  }
  get headers(): RequestFacts['headers'] {
    return withTypes(this.#of.headers, this.#came.headers, this.#typed.header) as RequestFacts['headers']
  }
  get cookies(): RequestFacts['cookies'] {
    return withTypes(this.#of.cookies, this.#came.cookies, this.#typed.cookie) as RequestFacts['cookies']
  }
  get hostname(): string {
    return this.#of.hostname
  }
  get protocol(): 'http' | 'https' {
    return this.#of.protocol
  }
  get secure(): boolean {
    return this.#of.secure
  }
  get ip(): string {
    return this.#of.ip
  }
  get files(): RequestFacts['files'] {
    return this.#of.files
  }
  get clientCertificate(): RequestFacts['clientCertificate'] {
    return this.#of.clientCertificate
  }
  get wireBody(): Buffer | undefined {
    return this.#of.wireBody
  }

  toJSON(): Record<string, unknown> {
    const { method, url, originalUrl, path, route, query, params, headers, cookies, hostname, protocol, secure, ip, files, clientCertificate } = this
    const plain: Record<string, unknown> = { method, url, originalUrl, path, route, query, params, headers, cookies, hostname, protocol, secure, ip }
    if (files) plain['files'] = files
    if (clientCertificate) plain['clientCertificate'] = clientCertificate
    return plain
  }
}
