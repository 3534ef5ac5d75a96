import type { Agent, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../core/time/clock.ts'
import { http } from '../core/http/node-http.ts'

/** How a gateway proves to a vault that it is one. */
export interface VaultTrust {
  /** Bearer token. */
  readonly token?: string | undefined
  /** PEM of the authorities that signed the vault's certificate; default: the public ones. */
  readonly ca?: string | Buffer | undefined
  /** PEM of the certificate that is shown, and its key. */
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
}

/** What a vault answered. */
export interface VaultReply {
  readonly status: number
  readonly text: string
}

/** Connections to one vault, kept open. */
export interface VaultLink {
  readonly url: string
  /** New connections show and trust this from now on; what is under way on older ones ends there. */
  renew(trust: VaultTrust): void
  /**
   * @throws Error when nothing came back: with `code` as Node gives it, `ETIMEDOUT` after `timeoutMs`
   */
  send(method: 'GET' | 'POST', path: string, body: string | undefined, timeoutMs: number): Promise<VaultReply>
  close(): void
}

const replyLimitBytes = 96 * 1024 * 1024
/** Shorter than vaults keep a connection that is idle: a request never meets one that is being closed. */
const idleMs = 20_000

export function createVaultLink(url: string, trust: VaultTrust, clock: Clock): VaultLink {
  const { protocol, hostname, port } = new URL(url)
  const secure = protocol === 'https:'
  const client = secure ? process.getBuiltinModule('node:https') : http
  const host = hostname.replace(/^\[|\]$/g, '')
  let way = openWay(trust)

  function openWay({ token, ca, cert, key }: VaultTrust): { readonly agent: Agent; readonly authorization: Readonly<Record<string, string>> } {
    const agent = new client.Agent({
      keepAlive: true, scheduling: 'lifo', timeout: idleMs,
      ...(secure ? { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }), minVersion: 'TLSv1.2' as const } : {}),
    })
    return { agent, authorization: token === undefined ? {} : { Authorization: `Bearer ${token}` } }
  }

  /** Connections that carry nothing end now, the others with what they carry. */
  function retire(agent: Agent): void {
    agent.on('free', (socket: Socket) => socket.destroy())
    for (const socket of Object.values(agent.freeSockets).flatMap((some) => some ?? [])) socket.destroy()
  }

  function once(method: 'GET' | 'POST', path: string, body: string | undefined, timeoutMs: number): Promise<VaultReply & { readonly reused: boolean }> {
    return new Promise((resolve, reject) => {
      const { agent, authorization } = way
      const headers = { ...authorization, ...(body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }) }
      const request = client.request({ agent, host, port: port || (secure ? 443 : 80), method, path, headers })
      const stop = clock.setTimer(() => request.destroy(Object.assign(new Error('the vault did not answer in time'), { code: 'ETIMEDOUT' })), timeoutMs)
      const fail = (error: Error) => {
        stop()
        reject(Object.assign(error, { reused: request.reusedSocket }))
      }
      request.on('error', fail)
      request.on('response', (response: IncomingMessage) => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > replyLimitBytes) request.destroy(new Error('the answer of the vault is too large'))
          else chunks.push(chunk)
        })
        response.on('error', fail)
        response.on('end', () => {
          stop()
          const text = chunks.length === 1 ? (chunks[0] as Buffer).toString('utf8') : Buffer.concat(chunks).toString('utf8')
          resolve({ status: response.statusCode ?? 0, text, reused: request.reusedSocket })
        })
      })
      request.end(body)
    })
  }

  return {
    url,
    async send(method, path, body, timeoutMs) {
      try {
        return await once(method, path, body, timeoutMs)
      } catch (thrown) {
        const { code, reused } = thrown as NodeJS.ErrnoException & { reused?: boolean }
        // A connection that was kept may have ended meanwhile: that says nothing of the vault.
        if (reused && (code === 'ECONNRESET' || code === 'EPIPE')) return once(method, path, body, timeoutMs)
        throw thrown
      }
    },
    renew(next) {
      retire(way.agent)
      way = openWay(next)
    },
    close: () => way.agent.destroy(),
  }
}
