import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface PlayedPartner {
  readonly id: string | number
  readonly [field: string]: unknown
}

/** A partner service on loopback that can do all the things that services do: page, say 304, be slow, talk rubbish, be down. */
export async function startPartnerService() {
  let partners: readonly PlayedPartner[] = []
  let pageSize = Number.POSITIVE_INFINITY
  let answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  let withTags = true
  let wanted: string | undefined
  const asked: { readonly url: string; readonly authorization: string | undefined; readonly status: number }[] = []

  const server = createServer((request, response) => {
    response.on('finish', () => asked.push({ url: request.url ?? '', authorization: request.headers.authorization, status: response.statusCode }))
    if (wanted !== undefined && request.headers.authorization !== wanted) return void response.writeHead(401).end()
    if (answer) return answer(request, response)
    const start = Number(new URL(request.url ?? '', 'http://x').searchParams.get('from') ?? 0)
    const next = start + pageSize < partners.length ? `/partners?from=${start + pageSize}` : null
    const body = JSON.stringify({ partners: partners.slice(start, start + pageSize), next })
    const tag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`
    if (withTags) response.setHeader('etag', tag)
    if (withTags && request.headers['if-none-match'] === tag) return void response.writeHead(304).end()
    response.setHeader('content-type', 'application/json').end(body)
  })
  let port = 0
  const listen = async () => {
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  }
  await listen()
  return {
    get url() {
      return `http://127.0.0.1:${port}/partners`
    },
    get host() {
      return `127.0.0.1:${port}`
    },
    asked,
    say(next: readonly PlayedPartner[], size = Number.POSITIVE_INFINITY) {
      partners = next
      pageSize = size
      answer = undefined
    },
    /** Answers whatever is given instead, until it speaks again. */
    misbehave(how: (request: IncomingMessage, response: ServerResponse) => void) {
      answer = how
    },
    /** Answers 401 to who does not show this. */
    want(authorization: string) {
      wanted = authorization
    },
    tags(on: boolean) {
      withTags = on
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
    start: listen,
  }
}

export type PartnerService = Awaited<ReturnType<typeof startPartnerService>>
