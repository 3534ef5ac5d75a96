import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { makeCertificate } from './certificates.ts'

/** Ways in which a service goes wrong. */
export const faultKinds = [
  'slow headers', 'slow body', 'reset', 'half-close', 'too short', 'too long', 'garbage', 'gzip bomb', 'redirect to metadata', 'status 500', 'status 503',
] as const
export type FaultKind = (typeof faultKinds)[number]

/** What a faulty upstream does with a request: answers it well, or goes wrong. */
export type Behaviour = 'well' | FaultKind

/** A request as it came, and what became of it. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Connection it came on, from 1. */
  readonly connection: number
  readonly behaviour: Behaviour
  /** True once the other side has closed or reset the connection while it was not answered whole. */
  aborted: boolean
  answered: boolean
}

/** A service that goes wrong on demand, by hand over TCP: what an HTTP library would never send. When it is well it agrees to speak WebSocket, and says back what it hears. */
export interface FaultyUpstream extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly seen: readonly Seen[]
  readonly connections: number
  /** Requests that came and were neither answered whole nor given up by who sent them. */
  readonly open: number
  /** What the next requests get, in order; the last goes on for ever. */
  behave(...behaviours: Behaviour[]): void
  /** Answers all slow ones that wait now. */
  release(): void
  close(): Promise<void>
}

const ok = (body: string, extra = '') => `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n${extra}\r\n${body}`
const bombBytes = 64 * 1024 * 1024

/** Starts one on a free port of loopback. */
export async function startFaultyUpstream(options: { readonly tls?: { readonly cert: string; readonly key: string }; readonly answer?: string; readonly retryAfter?: number } = {}): Promise<FaultyUpstream> {
  const { answer = '{"from":"upstream"}', retryAfter } = options
  const sockets = new Set<Socket>()
  const seen: Seen[] = []
  const slow = new Set<() => void>()
  let behaviours: Behaviour[] = ['well']
  let connections = 0
  let bomb: Buffer | undefined

  function serve(socket: Socket): void {
    const connection = (connections += 1)
    sockets.add(socket)
    let buffered = ''
    let current: Seen | undefined
    let agreed = false
    const gone = () => {
      sockets.delete(socket)
      if (current && !current.answered) current.aborted = true
    }
    socket.on('error', gone)
    socket.on('close', gone)
    socket.on('end', () => socket.end())
    socket.on('data', (chunk) => {
      // Who was agreed with hears himself.
      if (agreed) return void socket.write(chunk)
      buffered += chunk.toString('latin1')
      for (;;) {
        const request = parse(buffered)
        if (!request) return
        buffered = buffered.slice(request.length)
        const behaviour = (behaviours.length > 1 ? behaviours.shift() : behaviours[0]) as Behaviour
        current = { ...request.facts, connection, behaviour, aborted: false, answered: false }
        seen.push(current)
        agreed = current.headers['upgrade'] === 'websocket' && behaviour === 'well'
        if (agreed) return void socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nx-agreed: yes\r\n\r\n')
        act(socket, current)
      }
    })
  }

  function act(socket: Socket, request: Seen): void {
    const done = (text: string | Buffer) => {
      request.answered = true
      socket.write(text)
    }
    const later = (text: string) => {
      const give = () => {
        slow.delete(give)
        if (!request.aborted) done(text)
      }
      slow.add(give)
    }
    switch (request.behaviour) {
      case 'well':
        return done(ok(answer))
      case 'slow headers':
        return later(ok(answer))
      case 'slow body':
        socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length}\r\n\r\n${answer.slice(0, 3)}`)
        return later(answer.slice(3))
      case 'reset':
        request.answered = true
        return void socket.resetAndDestroy()
      case 'half-close': // our side says that nothing more will come, and goes on listening
        request.answered = true
        return void socket.end()
      case 'too short':
        request.answered = true
        return void socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length + 10}\r\n\r\n${answer}`)
      case 'too long': // more than was announced: what follows is no answer to anything
        return done(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${answer.length}\r\n\r\n${answer}and more`)
      case 'garbage':
        request.answered = true
        return void socket.end('\0\x01not HTTP at all\r\n\r\n')
      case 'gzip bomb':
        bomb ??= gzipSync(Buffer.alloc(bombBytes))
        done(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`)
        return void socket.write(bomb)
      case 'redirect to metadata':
        return done('HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/\r\ncontent-length: 0\r\n\r\n')
      case 'status 500':
        return done('HTTP/1.1 500 Oops\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\noops')
      case 'status 503':
        return done(`HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n${retryAfter === undefined ? '' : `retry-after: ${retryAfter}\r\n`}\r\n`)
    }
  }

  const server: Server = options.tls ? createTlsServer({ ...options.tls }, serve) : createServer({ allowHalfOpen: true }, serve)
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  async function close(): Promise<void> {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  return {
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    seen,
    get connections() {
      return connections
    },
    get open() {
      return seen.filter(({ answered, aborted }) => !answered && !aborted).length
    },
    behave: (...next) => void (behaviours = next.length > 0 ? [...next] : ['well']),
    release: () => {
      for (const give of slow) give()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** One request at the beginning of the text, once all of it is there. */
function parse(text: string): { length: number; facts: Pick<Seen, 'method' | 'path' | 'headers' | 'body'> } | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
  const length = end + 4 + Number(headers['content-length'] ?? 0)
  if (text.length < length) return undefined
  const [method = '', path = ''] = first.split(' ')
  return { length, facts: { method, path, headers, body: text.slice(end + 4, length) } }
}

/** Certificates for tests of TLS, in a folder of their own: an authority, `right` for localhost, `wrong` for another name. */
export function makeTlsFiles(): { readonly ca: string; readonly right: { readonly cert: string; readonly key: string }; readonly wrong: { readonly cert: string; readonly key: string } } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'))
  try {
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    makeCertificate(folder, 'ca', 'authority')
    makeCertificate(folder, 'right', 'localhost', 'ca')
    makeCertificate(folder, 'wrong', 'elsewhere.example', 'ca')
    return { ca: read('ca.crt'), right: { cert: read('right.crt'), key: read('right.key') }, wrong: { cert: read('wrong.crt'), key: read('wrong.key') } }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
