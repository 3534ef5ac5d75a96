/**
 * What is known of an HTTP request: a frozen snapshot, given to flows as `msg.req` in the shape Express
 * users know. `query` and `cookies` are parsed when first read. It holds no socket and no stream.
 */
export interface RequestFacts {
  /** Upper case, as received. */
  readonly method: string
  /** Path and query as received: `/taipei/today?district=x`. */
  readonly url: string
  readonly originalUrl: string
  /** Path without the query, still percent-encoded. */
  readonly path: string
  /** Route pattern that matched: `/users/:id`. */
  readonly route: string
  readonly query: Readonly<Record<string, unknown>>
  readonly params: Readonly<Record<string, string | undefined>>
  /** Lower-case names; a repeated header is joined as Node.js does it (`set-cookie` is a list). */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly cookies: Readonly<Record<string, string>>
  /** Without port, lower case. */
  readonly hostname: string
  readonly protocol: 'http' | 'https'
  readonly secure: boolean
  /** The client's address; behind a trusted proxy the one that proxy names. */
  readonly ip: string
  /** Files of a multipart body, as Node-RED gives them. */
  readonly files?: readonly UploadedFile[]
  /** Subject, fingerprint and alternative names (`DNS:client.example`) of the client certificate that TLS verified. */
  readonly clientCertificate?: { readonly subject: string; readonly fingerprint256: string; readonly sans?: readonly string[] }
  /** The body as it was sent, content coding included: for who checks its digest. Not part of what scripts see. */
  readonly wireBody?: Buffer | undefined
  /** The body is passed on as a stream: nobody here can hold it against a digest. */
  readonly bodyStreams?: boolean
}

export interface UploadedFile {
  readonly fieldname: string
  readonly originalname: string
  readonly encoding: string
  readonly mimetype: string
  readonly size: number
  readonly buffer: Buffer
}
