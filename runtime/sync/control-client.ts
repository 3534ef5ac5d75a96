import { X509Certificate } from 'node:crypto'
import type { ClientRequest, IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Clock } from '../core/time/clock.ts'
import { http } from '../core/http/node-http.ts'

export interface ControlClientOptions {
  readonly controlUrl: string
  /** Certificate authority of control's certificate, PEM, when no public one signed it. */
  readonly ca?: string | undefined
  /**
   * The certificate that control shows, PEM, asked for at every request because it is renewed while we run. It is
   * trusted whoever signed it and whatever name it is for: two processes of one machine meet on a loopback address.
   */
  readonly pinned?: (() => string) | undefined
  readonly clock: Clock
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/** Control gave no good answer. `status` 401: it does not know this key (any more); 0: there was no answer at all. */
export class ControlError extends Error {
  readonly status: number
  constructor(status: number, path: string, cause?: unknown) {
    const reason = (cause as NodeJS.ErrnoException | undefined)?.code ?? (cause instanceof Error ? cause.message : '')
    super(status === 0 ? `control cannot be reached (${reason})` : `control answered ${status} to ${path}`, { cause })
    this.status = status
  }
}

/** The largest answer taken: an estate's documents come in portions far below it. */
const answerBytes = 256 * 1024 * 1024

/** Requests to control over kept connections. `close` breaks off all that are under way. */
export function createControlClient({ controlUrl, ca, pinned, clock, headers, timeoutMs }: ControlClientOptions) {
  const base = new URL(controlUrl)
  const secure = base.protocol === 'https:'
  if (!secure && base.protocol !== 'http:') throw new TypeError(`the control URL must be http or https: ${controlUrl}`)
  const agent = secure ? new https.Agent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) }) : new http.Agent({ keepAlive: true })
  const underWay = new Set<ClientRequest>()

  function open(method: string, path: string, key: string | undefined, body: string | undefined): Promise<{ request: ClientRequest; response: IncomingMessage }> {
    return new Promise((resolve, reject) => {
      const request = (secure ? https : http).request(new URL(path, base), {
        method,
        agent,
        ...(pinned === undefined || !secure ? {} : trustOnly(pinned())),
        headers: {
          ...headers,
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      })
      underWay.add(request)
      request.on('close', () => underWay.delete(request))
      request.on('error', reject)
      request.on('response', (response) => resolve({ request, response }))
      request.end(body)
    })
  }

  return {
    /** @throws ControlError for an answer other than 2xx, or when there is none in time */
    async call(method: 'GET' | 'POST', path: string, key: string | undefined, body?: unknown, withinMs = timeoutMs): Promise<unknown> {
      let opened: ClientRequest | undefined
      let late = false
      const cancel = clock.setTimer(() => {
        late = true
        opened?.destroy(new Error(`control did not answer ${path} within ${withinMs} ms`))
      }, withinMs)
      try {
        const opening = open(method, path, key, body === undefined ? undefined : JSON.stringify(body))
        opened = [...underWay].at(-1)
        const { request, response } = await opening
        if (late) throw new Error(`control did not answer ${path} in time`)
        const text = await readText(request, response)
        const status = response.statusCode ?? 0
        if (status < 200 || status > 299) throw new ControlError(status, path)
        return text === '' ? undefined : (JSON.parse(text) as unknown)
      } catch (thrown) {
        throw thrown instanceof ControlError ? thrown : new ControlError(0, path, thrown)
      } finally {
        cancel()
      }
    },
    /**
     * Reads server-sent events until the stream ends; `data` gets each event's text. Ends with an error
     * when nothing, not even a heartbeat, came for as long as `silenceMs` says. `alive` is told when all that came was taken.
     */
    async stream(path: string, key: string, data: (text: string) => void, silenceMs: () => number, alive: () => void = () => {}): Promise<void> {
      const opening = open('GET', path, key, undefined)
      const opened = [...underWay].at(-1)
      let cancel = () => {}
      const watch = () => {
        cancel()
        cancel = clock.setTimer(() => opened?.destroy(new Error('the stream of control fell silent')), silenceMs())
      }
      watch()
      try {
        const { request, response } = await opening
        if (response.statusCode !== 200) {
          response.resume()
          throw new ControlError(response.statusCode ?? 0, path)
        }
        let rest = ''
        response.setEncoding('utf8')
        for await (const part of response as AsyncIterable<string>) {
          watch()
          rest += part
          if (rest.length > answerBytes) request.destroy()
          if (!part.includes('\n')) continue
          const blocks = rest.split('\n\n')
          rest = blocks.pop() as string
          for (const block of blocks) if (block.startsWith('data: ')) data(block.slice('data: '.length))
          if (rest === '') alive()
        }
      } finally {
        cancel()
        opened?.destroy()
      }
    },
    close(): void {
      for (const request of underWay) request.destroy()
      agent.destroy()
    },
  }
}

/** TLS options that take this certificate and no other. */
function trustOnly(pem: string): https.RequestOptions & { allowPartialTrustChain: true } {
  const { fingerprint256 } = new X509Certificate(pem)
  return {
    ca: pem,
    allowPartialTrustChain: true,
    checkServerIdentity: (_host, shown) => (shown.fingerprint256 === fingerprint256 ? undefined : new Error('control shows another certificate than its file holds')),
  }
}

export type ControlClient = ReturnType<typeof createControlClient>

async function readText(request: ClientRequest, response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > answerBytes) {
      request.destroy()
      throw new Error('the answer of control is too large')
    }
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}
