import type { RequestFacts } from './request-facts.ts'

/** A request as a plain object: what a guest, the debug sidebar and whoever serialises it may see. */
export function toPlainRequest(request: RequestFacts): Record<string, unknown> {
  const { method, url, originalUrl, path, route, query, params, headers, cookies, hostname, protocol, secure, ip, files, clientCertificate } = request
  const plain: Record<string, unknown> = { method, url, originalUrl, path, route, query, params, headers, cookies, hostname, protocol, secure, ip }
  if (files) plain['files'] = files
  if (clientCertificate) plain['clientCertificate'] = clientCertificate
  return plain
}

/**
 * A request that shows another in part or in other words: who extends it says what differs, everything else is that request's own,
 * worked out when read. Like the request it has no property of its own, so that nothing can be changed or looked behind.
 */
export class RequestView implements RequestFacts {
  readonly #of: RequestFacts

  constructor(of: RequestFacts) {
    this.#of = of
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
    return this.#of.query
  }
  get params(): RequestFacts['params'] {
    return this.#of.params
  }
  get headers(): RequestFacts['headers'] {
    return this.#of.headers
  }
  get cookies(): RequestFacts['cookies'] {
    return this.#of.cookies
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
  get bodyStreams(): boolean {
    return this.#of.bodyStreams === true
  }

  toJSON(): Record<string, unknown> {
    return toPlainRequest(this)
  }
}
