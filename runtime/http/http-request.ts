import type { IncomingHttpHeaders } from 'node:http'
import { parseCookie } from 'cookie'
import type { RequestFacts, UploadedFile } from '../core/http/request-facts.ts'
import { toPlainRequest } from '../core/http/request-view.ts'
import { clientAddress, type Trusts } from './client-address.ts'
import { hostnameOf } from './hostname.ts'
import { noQuery, toQuery } from './query.ts'

type Params = Readonly<Record<string, string | undefined>>
type Certificate = NonNullable<RequestFacts['clientCertificate']>

/** What is taken from the connection when the request arrives; everything else is worked out when read. */
export interface Arrival {
  readonly method: string
  /** Path and query as received, in origin form. */
  readonly url: string
  /** Where the query begins in `url` (after `?`), or 0. */
  readonly queryAt: number
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly host: string
  readonly remoteAddress: string
  readonly secure: boolean
  readonly trusts: Trusts
  readonly certificate: Certificate | undefined
}

/**
 * `msg.req`. Reading it costs what is read: query, cookies and address are parsed on first use. It has no
 * property of its own, so that nothing on it can be changed.
 */
export class HttpRequest implements RequestFacts {
  readonly #arrival: Arrival
  readonly #route: string
  readonly #params: Params
  readonly #files: readonly UploadedFile[] | undefined
  readonly #wireBody: Buffer | 'streams' | undefined
  #query: Readonly<Record<string, unknown>> | undefined
  #cookies: Readonly<Record<string, string>> | undefined

  constructor(arrival: Arrival, route: string, params: Params, files: readonly UploadedFile[] | undefined, wireBody?: Buffer | 'streams') {
    this.#arrival = arrival
    this.#route = route
    this.#params = params
    this.#files = files
    this.#wireBody = wireBody
    Object.freeze(this)
  }

  get method(): string {
    return this.#arrival.method
  }
  get url(): string {
    return this.#arrival.url
  }
  get originalUrl(): string {
    return this.#arrival.url
  }
  get path(): string {
    return this.#arrival.path
  }
  get route(): string {
    return this.#route
  }
  get params(): Params {
    return this.#params
  }
  get query(): Readonly<Record<string, unknown>> {
    const { url, queryAt } = this.#arrival
    return (this.#query ??= queryAt === 0 ? noQuery : toQuery(url.slice(queryAt)))
  }
  get headers(): Readonly<Record<string, string | string[] | undefined>> {
    return this.#arrival.headers
  }
  get cookies(): Readonly<Record<string, string>> {
    return (this.#cookies ??= parseCookie(this.#arrival.headers.cookie ?? '') as Record<string, string>)
  }
  get hostname(): string {
    return hostnameOf(this.#arrival.host)
  }
  get protocol(): 'http' | 'https' {
    return this.secure ? 'https' : 'http'
  }
  get secure(): boolean {
    const { secure, trusts, remoteAddress, headers } = this.#arrival
    const forwarded = headers['x-forwarded-proto']
    if (typeof forwarded !== 'string' || !trusts(remoteAddress)) return secure
    return forwarded.split(',')[0]?.trim().toLowerCase() === 'https'
  }
  get ip(): string {
    const { remoteAddress, headers, trusts } = this.#arrival
    const forwarded = headers['x-forwarded-for']
    return clientAddress(remoteAddress, Array.isArray(forwarded) ? forwarded.join(',') : forwarded, trusts)
  }
  get files(): readonly UploadedFile[] | undefined {
    return this.#files
  }
  get clientCertificate(): Certificate | undefined {
    return this.#arrival.certificate
  }
  get wireBody(): Buffer | undefined {
    return this.#wireBody === 'streams' ? undefined : this.#wireBody
  }
  get bodyStreams(): boolean {
    return this.#wireBody === 'streams'
  }

  /** Everything, as a plain object: for a guest that needs the whole of it and for the debug sidebar. */
  toJSON(): Record<string, unknown> {
    return toPlainRequest(this)
  }
}
