import { connect, type Socket } from 'node:net'

/** An answer as it lay on the wire. */
export interface RawReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** The server said that it closes the connection after this answer. */
  readonly closes: boolean
}

/** Why an exchange did not end with a whole answer. */
export class BrokenExchange extends Error {
  readonly kind: 'reset' | 'refused' | 'cutOff'
  constructor(kind: 'reset' | 'refused' | 'cutOff', message: string) {
    super(message)
    this.kind = kind
  }
}

/**
 * One HTTP/1.1 connection on a bare socket: what it reports is what the server did, with no pool, retry
 * or agent of a client library in between. One exchange at a time.
 */
export class RawConnection {
  readonly #host: string
  readonly #port: number
  #socket: Socket | undefined
  #buffer: Buffer = Buffer.alloc(0)
  #wake: () => void = () => {}
  #ended: 'reset' | 'refused' | 'cutOff' | undefined
  #why = ''

  constructor(host: string, port: number) {
    this.#host = host
    this.#port = port
  }

  /** True while the connection can carry another request. */
  get open(): boolean {
    return this.#socket !== undefined && this.#ended === undefined
  }

  /**
   * Sends raw bytes and reads one answer.
   * @throws BrokenExchange when the connection is refused, reset, or ends or stays silent before the answer is whole
   */
  async exchange(request: string | Buffer, limitMs = 30_000): Promise<RawReply> {
    if (!this.open) await this.#connect()
    const socket = this.#socket as Socket
    socket.write(request)
    const deadline = Date.now() + limitMs
    for (;;) {
      const parsed = parseReply(this.#buffer, this.#ended !== undefined)
      if (parsed) {
        this.#buffer = this.#buffer.subarray(parsed.length)
        if (parsed.reply.closes) this.close()
        return parsed.reply
      }
      if (this.#ended) throw new BrokenExchange(this.#ended, `${this.#why || 'the server closed the connection'} after ${this.#buffer.length} bytes of the answer`)
      if (Date.now() >= deadline) {
        this.close()
        throw new BrokenExchange('cutOff', `no whole answer within ${limitMs} ms`)
      }
      await this.#more(deadline - Date.now())
    }
  }

  /** Writes without waiting for an answer. */
  async send(bytes: string | Buffer): Promise<void> {
    if (!this.open) await this.#connect()
    this.#socket?.write(bytes)
  }

  close(): void {
    this.#ended ??= 'cutOff'
    this.#socket?.destroy()
  }

  #more(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limitMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #connect(): Promise<void> {
    this.#buffer = Buffer.alloc(0)
    this.#ended = undefined
    this.#why = ''
    return new Promise((resolve, reject) => {
      const socket = connect({ host: this.#host, port: this.#port, noDelay: true })
      this.#socket = socket
      const end = (kind: 'reset' | 'cutOff', why: string) => {
        if (this.#socket !== socket) return
        this.#ended ??= kind
        this.#why ||= why
        this.#wake()
      }
      socket.once('connect', resolve)
      socket.on('data', (chunk) => {
        this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
        this.#wake()
      })
      socket.on('error', (error: NodeJS.ErrnoException) => {
        reject(new BrokenExchange(error.code === 'ECONNREFUSED' ? 'refused' : 'reset', error.message))
        end('reset', error.message)
      })
      socket.on('end', () => end('cutOff', 'the server ended the connection'))
      socket.on('close', () => end('cutOff', 'the connection was closed'))
    })
  }
}

/** Reads one answer from the front of `bytes`; `undefined` while it is not whole (RFC 9112 §6.3, without upgrades). */
function parseReply(bytes: Buffer, ended: boolean): { reply: RawReply; length: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const status = Number(statusLine.split(' ')[1])
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  const start = headEnd + 4
  if (status >= 100 && status < 200) {
    const rest = parseReply(bytes.subarray(start), ended)
    return rest && { reply: rest.reply, length: start + rest.length }
  }
  const closes = headers['connection']?.toLowerCase() === 'close'
  const done = (body: Buffer, length: number) => ({ reply: { status, headers, body, closes }, length })
  if (status === 204 || status === 304) return done(Buffer.alloc(0), start)
  if (headers['transfer-encoding']?.toLowerCase() === 'chunked') {
    const chunked = parseChunks(bytes.subarray(start))
    return chunked && done(chunked.body, start + chunked.length)
  }
  if (headers['content-length'] !== undefined) {
    const end = start + Number(headers['content-length'])
    return bytes.length >= end ? done(Buffer.from(bytes.subarray(start, end)), end) : undefined
  }
  return ended ? done(Buffer.from(bytes.subarray(start)), bytes.length) : undefined
}

function parseChunks(bytes: Buffer): { body: Buffer; length: number } | undefined {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const next = lineEnd + 2 + size + 2
    if (size === 0) {
      const trailerEnd = bytes.indexOf('\r\n', lineEnd + 2)
      return trailerEnd < 0 ? undefined : { body: Buffer.concat(parts), length: trailerEnd + 2 }
    }
    if (bytes.length < next) return undefined
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = next
  }
}
