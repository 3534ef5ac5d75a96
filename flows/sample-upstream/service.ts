import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A document that the sample upstream serves. */
export interface ServedDocument {
  /** Path without the query. */
  readonly path: string
  readonly body: string
  readonly modifiedAt: Date
}

export interface SampleUpstreamOptions {
  readonly documents: readonly ServedDocument[]
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Waited before every answer, to look like a service that is far away. */
  readonly latencyMs?: number
}

export interface SampleUpstream {
  readonly url: string
  close(): Promise<void>
}

/** Plays open-data services: GET and HEAD of documents, with validators (RFC 9110 §13.1). */
export async function openSampleUpstream(options: SampleUpstreamOptions): Promise<SampleUpstream> {
  const served = new Map(options.documents.map((document) => [document.path, withValidators(document)]))
  const server = createServer((request, response) => {
    const reply = () => answer(request, response, served)
    if (options.latencyMs) setTimeout(reply, options.latencyMs)
    else reply()
  })
  await listen(server, options.host, options.port)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${options.host}:${port}`,
    close: () => new Promise((closed) => {
      server.close(() => closed())
      server.closeAllConnections()
    }),
  }
}

interface Served {
  readonly bytes: Buffer
  readonly etag: string
  readonly modifiedAt: Date
}

function withValidators(document: ServedDocument): Served {
  const bytes = Buffer.from(document.body, 'utf8')
  return { bytes, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`, modifiedAt: document.modifiedAt }
}

function answer(request: IncomingMessage, response: ServerResponse, served: ReadonlyMap<string, Served>): void {
  request.resume() // a body that nobody reads would hold the connection
  const document = served.get((request.url ?? '/').split('?', 1)[0] ?? '/')
  if (!document) return problem(response, 404, 'Not found')
  if (request.method !== 'GET' && request.method !== 'HEAD') return problem(response, 405, 'Method not allowed', { allow: 'GET, HEAD' })
  const headers = {
    etag: document.etag,
    'last-modified': document.modifiedAt.toUTCString(),
    'cache-control': 'public, max-age=60',
    'content-type': 'application/json; charset=utf-8',
  }
  if (isUnchanged(request, document)) {
    response.writeHead(304, headers).end()
    return
  }
  response.writeHead(200, { ...headers, 'content-length': document.bytes.length })
  response.end(request.method === 'HEAD' ? undefined : document.bytes)
}

/** If-None-Match wins over If-Modified-Since (RFC 9110 §13.2.2). */
function isUnchanged(request: IncomingMessage, document: Served): boolean {
  const tags = request.headers['if-none-match']
  if (tags !== undefined) return tags === '*' || tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === document.etag)
  const since = Date.parse(request.headers['if-modified-since'] ?? '')
  return Number.isFinite(since) && document.modifiedAt.getTime() <= since + 999 // the header has whole seconds
}

function problem(response: ServerResponse, status: number, title: string, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers })
  response.end(JSON.stringify({ type: 'about:blank', title, status }))
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((listening, failed) => {
    server.once('error', failed)
    server.listen({ host, port }, () => {
      server.off('error', failed)
      listening()
    })
  })
}
