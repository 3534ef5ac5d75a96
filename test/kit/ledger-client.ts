import { BrokenExchange, RawConnection } from './raw-http.ts'
import type { Ledger } from './ledger.ts'

export interface LedgerClientOptions {
  readonly host?: string
  readonly port: number
  readonly ledger: Ledger
  /** Name in ids and failure texts; unique among the clients of a ledger. */
  readonly name: string
  /** Path of a flow that answers `{ id, versions }`: the id it was given and the version that each of its nodes saw. */
  readonly path: string
  /** Closes the connection after every answer instead of keeping it. */
  readonly closeEach?: boolean
  /** Oldest version an answer to a request sent now may have: what was acknowledged as live. */
  readonly liveVersion?: () => number
}

export interface LedgerClient {
  /** Goes on sending, one request after the other, until `stop` is called. */
  run(): Promise<void>
  /** Finishes the request in flight and ends `run`. */
  stop(): void
  /** Sends one request and books it; `query` is added to the path. */
  once(query?: string, limitMs?: number): Promise<void>
  close(): void
}

/**
 * A caller that trusts nothing: a unique id per request must come back, all nodes of the flow must have
 * run on one version, and versions never go back on a connection nor behind what was acknowledged.
 */
export function createLedgerClient(options: LedgerClientOptions): LedgerClient {
  const { port, ledger, name, path, closeEach = false, liveVersion = () => 0, host = '127.0.0.1' } = options
  const connection = new RawConnection(host, port)
  let sent = 0
  let newest = 0
  let stopped = false

  async function once(query = '', limitMs?: number): Promise<void> {
    const id = `${name}-${++sent}`
    const notBefore = liveVersion()
    const request =
      `GET ${path}?id=${id}${query} HTTP/1.1\r\nHost: ${host}:${port}\r\n` + (closeEach ? 'Connection: close\r\n' : '') + '\r\n'
    try {
      const reply = await connection.exchange(request, limitMs)
      const text = reply.body.toString('utf8')
      if (reply.status >= 500) return ledger.book('failed', `${id}: ${reply.status} ${text}`)
      if (reply.status !== 200) return ledger.book('refusedByServer', `${id}: ${reply.status} ${text}`)
      const answer = JSON.parse(text) as { id: string; versions: number[] }
      if (answer.id !== id) return ledger.book('wrongId', `asked as ${id}, answered as ${answer.id}`)
      const version = answer.versions[0] ?? -1
      if (answer.versions.some((one) => one !== version)) return ledger.book('wrongVersion', `${id} mixes ${answer.versions.join(', ')}`)
      if (version < newest || version < notBefore) {
        return ledger.book('wrongVersion', `${id} ran on ${version} after ${newest}, when ${notBefore} was live`)
      }
      newest = version
      ledger.versions.set(version, (ledger.versions.get(version) ?? 0) + 1)
      ledger.book('ok')
    } catch (error) {
      if (error instanceof BrokenExchange) ledger.book(error.kind, `${id}: ${error.message}`)
      else ledger.book('cutOff', `${id}: ${String(error)}`)
    } finally {
      if (closeEach) connection.close()
    }
  }

  return {
    once,
    async run() {
      while (!stopped) await once()
      connection.close()
    },
    stop() {
      stopped = true
    },
    close: () => connection.close(),
  }
}
