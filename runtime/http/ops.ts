import { listen, toUrlHost } from '../core/http/listening.ts'
import { http } from '../core/http/node-http.ts'

export interface OpsParts {
  /** Ready means: a release is loaded and can run, and the gateway is not shutting down. */
  ready(): { readonly ready: boolean; readonly detail: object }
  readonly metrics: { text(): Promise<string>; readonly contentType: string }
}

/** The operators' port: `/healthz`, `/readyz`, `/metrics`. It carries no traffic and says nothing of flows' data. */
export interface Ops {
  listen(): Promise<{ url: string; host: string; port: number }>
  close(): Promise<void>
}

/** Wires the operators' port. Nothing listens before `listen()`; a port in use rejects with code `port.busy`. */
export function createOps(options: { readonly host: string; readonly port: number }, parts: OpsParts): Ops {
  const server = http.createServer({ requestTimeout: 10_000, headersTimeout: 5000, keepAliveTimeout: 30_000, maxHeaderSize: 8192 }, (request, reply) => {
    const answer = (status: number, type: string, text: string): void => {
      reply.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
      reply.end(text)
    }
    const json = (status: number, value: object): void => answer(status, 'application/json; charset=utf-8', JSON.stringify(value))
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      reply.setHeader('Allow', 'GET, HEAD')
      return json(405, { status: 405, title: 'Method not allowed' })
    }
    switch ((request.url ?? '').split('?')[0]) {
      case '/healthz':
        return json(200, { status: 'ok' })
      case '/readyz': {
        const { ready, detail } = parts.ready()
        return json(ready ? 200 : 503, { ready, ...detail })
      }
      case '/metrics':
        parts.metrics.text().then(
          (text) => answer(200, parts.metrics.contentType, text),
          () => json(500, { status: 500, title: 'Metrics could not be collected' }),
        )
        return
      default:
        return json(404, { status: 404, title: 'Not found', paths: ['/healthz', '/readyz', '/metrics'] })
    }
  })
  server.setTimeout(60_000)

  return {
    async listen() {
      const { host } = options
      const port = await listen(server, options)
      return { url: `http://${toUrlHost(host)}:${port}`, host, port }
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
