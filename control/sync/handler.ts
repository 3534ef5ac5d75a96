import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { GatewayEvent } from '../../runtime/core/deployer.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import type { LedgerAnswer } from '../../runtime/core/state/ledger.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Acknowledgement, ClientsAcknowledgement, JoinRequest, RevisionText } from '../../runtime/core/sync-wire.ts'
import type { KnownGateway, Registry } from '../gateways/registry.ts'
import type { ClientsSource } from './clients-source.ts'
import { sealFor, type Hub, type SyncLimits } from './hub.ts'
import { readJson } from './read-json.ts'
import { openPolls, openStream, type PollSession } from './session.ts'

export interface SyncHandlerParts {
  readonly registry: Registry
  readonly hub: Hub
  readonly clients: ClientsSource
  readonly clock: Clock
  readonly log: Log
  readonly limits: SyncLimits
  /** Documents by hash, from memory or the store. */
  revisions(hashes: readonly string[]): Promise<readonly RevisionText[]>
  event(gateway: string, event: GatewayEvent): void
  /** Keeps why calls were refused; resolves when it is kept. */
  decisions(gateway: string, decisions: readonly unknown[]): Promise<void>
  /** Gives records their places in their ledgers; resolves when they are kept. */
  records(gateway: string, records: readonly unknown[]): Promise<readonly LedgerAnswer[]>
}

const joinBytes = 4096
const smallBytes = 256 * 1024
const bulkBytes = 4 * 1024 * 1024
const hashesAtOnce = 500
const pagesAtOnce = 32
const eventsAtOnce = 2000
const decisionsAtOnce = 500
const recordsAtOnce = 500

type Handle = (gateway: KnownGateway, request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void

/** Answers gateways under `/sync/`, and nobody else: whoever shows no valid key learns nothing but 401. */
export function createSyncHandler(parts: SyncHandlerParts) {
  const { registry, hub, clients, clock, log, limits } = parts
  const polls = new Map<string, PollSession>()

  const handlers: Readonly<Record<string, Handle>> = {
    'GET events'({ id, ...rest }, request, response) {
      hub.add(
        openStream({ id, ...rest }, response, {
          clock,
          heartbeatMs: limits.heartbeatMs,
          closed: (session) => {
            hub.remove(session)
            noteSeen(id)
          },
        }),
      )
      noteSeen(id, request)
    },
    async 'GET state'(gateway, request, response, url) {
      const after = url.searchParams.get('after')
      let session = polls.get(gateway.id)
      if (after === null) {
        session = openPolls(gateway, {
          clock,
          waitMs: limits.pollMs,
          closed: (closed) => {
            if (polls.get(gateway.id) === closed) polls.delete(gateway.id)
            hub.remove(closed)
          },
        })
        polls.set(gateway.id, session)
        hub.add(session)
        noteSeen(gateway.id, request)
      }
      // The other side starts anew: after a restart of control, or when it came too late.
      if (!session?.open) return answer(response, 409)
      answer(response, 200, await session.poll(Number(after ?? 0), (callback) => response.once('close', callback)))
    },
    'POST revisions': withBody(smallBytes, async (_gateway, body, response) => {
      const { hashes } = body
      if (!Array.isArray(hashes) || hashes.length > hashesAtOnce || !hashes.every((hash) => typeof hash === 'string')) return answer(response, 400)
      answer(response, 200, { revisions: await parts.revisions(hashes as string[]) })
    }),
    'GET credentials'(gateway, _request, response, url) {
      const wanted = url.searchParams.get('release')
      const found = hub.release(wanted === null ? 'current' : Number(wanted))
      if (!found) return answer(response, 404)
      answer(response, 200, sealFor(gateway, found.release.manifest.credentialsHash, found.credentials))
    },
    async 'GET clients'(_gateway, _request, response) {
      answer(response, 200, await clients.manifest())
    },
    'POST clients/pages': withBody(smallBytes, (_gateway, body, response) => {
      const { hashes } = body
      if (!Array.isArray(hashes) || hashes.length > pagesAtOnce || !hashes.every((hash) => typeof hash === 'string')) return answer(response, 400)
      answer(response, 200, { pages: clients.pages(hashes as string[]) })
    }),
    'GET clients/key'(gateway, _request, response) {
      answer(response, 200, clients.keyFor(gateway))
    },
    'POST clients/ack': withBody(smallBytes, (gateway, body, response) => {
      const ack = toClientsAcknowledgement(body)
      if (!ack) return answer(response, 400)
      answer(response, 204)
      clients.acknowledge(gateway, ack)
    }),
    'POST ack': withBody(smallBytes, async (gateway, body, response) => {
      const ack = toAcknowledgement(body)
      if (!ack) return answer(response, 400)
      hub.acknowledge(gateway.id, ack)
      answer(response, 204)
      await registry.acknowledge(gateway.id, ack)
    }),
    'POST events': withBody(bulkBytes, (gateway, body, response) => {
      answer(response, 204)
      if (typeof body.dropped === 'number' && body.dropped > 0) log.warn({ gateway: gateway.id, dropped: body.dropped }, 'a gateway dropped status or debug events')
      if (!Array.isArray(body.events)) return
      for (const event of body.events.slice(0, eventsAtOnce)) if (isGatewayEvent(event)) parts.event(gateway.id, event)
    }),
    'POST decisions': withBody(bulkBytes, async (gateway, body, response) => {
      const { decisions, dropped } = body
      if (!Array.isArray(decisions) || decisions.length > decisionsAtOnce) return answer(response, 400)
      try {
        await parts.decisions(gateway.id, decisions)
      } catch {
        return answer(response, 503) // the gateway keeps them and comes again
      }
      answer(response, 204)
      if (typeof dropped === 'number' && dropped > 0) log.info({ gateway: gateway.id, dropped }, 'a gateway refused more calls than it tells of one by one')
    }),
    'POST records': withBody(bulkBytes, async (gateway, body, response) => {
      const { records } = body
      if (!Array.isArray(records) || records.length > recordsAtOnce) return answer(response, 400)
      let answers: readonly LedgerAnswer[]
      try {
        answers = await parts.records(gateway.id, records)
      } catch {
        return answer(response, 503) // the gateway keeps them and comes again
      }
      answer(response, 200, { answers })
    }),
    'POST replies': withBody(bulkBytes, (gateway, body, response) => {
      answer(response, 204)
      if (typeof body.call !== 'string') return
      hub.reply(gateway.id, { call: body.call, result: body.result, ...(typeof body.error === 'string' ? { error: body.error } : {}) })
    }),
  }

  function noteSeen(id: string, request?: IncomingMessage): void {
    const url = header(request, 'x-sluice-url', 300)
    const version = header(request, 'x-sluice-version', 50)
    registry.seen(id, { ...(url ? { url } : {}), ...(version ? { version } : {}) }).catch(() => {}) // the store says so elsewhere
  }

  async function join(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const wanted = toJoinRequest(await readJson(request, joinBytes))
    const reply = wanted && (await registry.join(wanted, request.socket.remoteAddress))
    if (reply) answer(response, 200, wanted.nonce === undefined ? reply : { ...reply, standing: clients.standing(wanted.nonce, hub.release('current')?.release.manifest.id ?? 0) })
    else answer(response, 401)
  }

  /** True when the path is one of ours, whatever the answer was. */
  return async function handleSync(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const url = new URL(request.url ?? '/', 'http://control')
    if (!url.pathname.startsWith('/sync/')) return false
    try {
      const name = `${request.method} ${url.pathname.slice('/sync/'.length)}`
      if (name === 'POST join') {
        await join(request, response)
        return true
      }
      const gateway = registry.authenticate(request.headers.authorization)
      if (!gateway) {
        answer(response, 401)
        return true
      }
      const release = /^GET releases\/(current|\d{1,9})$/.exec(name)?.[1]
      if (release) {
        const found = hub.release(release === 'current' ? 'current' : Number(release))
        if (found) answer(response, 200, { manifest: found.release.text, signature: found.release.signature })
        else answer(response, 404)
        return true
      }
      const handle = Object.hasOwn(handlers, name) ? handlers[name] : undefined
      if (handle) await handle(gateway, request, response, url)
      else answer(response, 404)
    } catch (thrown) {
      log.error({ path: url.pathname, reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'a sync request failed')
      if (!response.headersSent) answer(response, 503)
    }
    return true
  }
}

function withBody(limitBytes: number, handle: (gateway: KnownGateway, body: Record<string, unknown>, response: ServerResponse) => Promise<void> | void): Handle {
  return async (gateway, request, response) => {
    const body = await readJson(request, limitBytes)
    if (body) await handle(gateway, body, response)
    else answer(response, 400)
  }
}

function answer(response: ServerResponse, status: number, value?: unknown): void {
  if (response.headersSent || response.destroyed) return
  if (value === undefined) {
    // A body that was not read to its end must not be taken for the next request.
    response.writeHead(status, { 'cache-control': 'no-store', ...(status >= 400 ? { connection: 'close' } : {}) }).end()
    return
  }
  const text = JSON.stringify(value)
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', 'content-length': Buffer.byteLength(text) }).end(text)
}

function toJoinRequest(body: Record<string, unknown> | undefined): JoinRequest | undefined {
  if (typeof body?.token !== 'string' || typeof body.name !== 'string' || body.name === '') return undefined
  return {
    token: body.token,
    name: printable(body.name, 100),
    ...(typeof body.url === 'string' ? { url: printable(body.url, 300) } : {}),
    ...(typeof body.version === 'string' ? { version: printable(body.version, 50) } : {}),
    ...(typeof body.nonce === 'string' && /^[\w-]{16,64}$/.test(body.nonce) ? { nonce: body.nonce } : {}),
  }
}

function toAcknowledgement(body: Record<string, unknown>): Acknowledgement | undefined {
  const { release, hash, state, problems, detail } = body
  if (!Number.isSafeInteger(release) || typeof hash !== 'string' || hash.length > 128) return undefined
  if (state !== 'preparing' && state !== 'ready' && state !== 'refused' && state !== 'live') return undefined
  return {
    release: release as number,
    hash,
    state,
    ...(Array.isArray(problems) ? { problems: problems.filter(isProblem).slice(0, 200) } : {}),
    ...(typeof detail === 'string' ? { detail: printable(detail, 2000) } : {}),
  }
}

function toClientsAcknowledgement(body: Record<string, unknown>): ClientsAcknowledgement | undefined {
  const { version, state, code, detail, staleMs, whenStale } = body
  if (!Number.isSafeInteger(version) || (state !== 'current' && state !== 'refused')) return undefined
  if (!Number.isSafeInteger(staleMs) || (whenStale !== 'serve' && whenStale !== 'refuse')) return undefined
  return {
    version: version as number,
    state,
    staleMs: staleMs as number,
    whenStale,
    ...(typeof code === 'string' ? { code: printable(code, 100) } : {}),
    ...(typeof detail === 'string' ? { detail: printable(detail, 500) } : {}),
  }
}

function isProblem(value: unknown): value is Problem {
  const problem = value as Problem | null
  return typeof problem === 'object' && problem !== null && typeof problem.code === 'string' && typeof problem.message === 'string'
}

function isGatewayEvent(value: unknown): value is GatewayEvent {
  const event = value as { kind?: unknown; flow?: unknown; node?: unknown; entry?: unknown } | null
  if (typeof event !== 'object' || event === null || typeof event.flow !== 'string') return false
  return event.kind === 'status' ? typeof event.node === 'string' : event.kind === 'debug' && typeof event.entry === 'object' && event.entry !== null
}

function header(request: IncomingMessage | undefined, name: string, limit: number): string | undefined {
  const value = request?.headers[name]
  return typeof value === 'string' && value !== '' ? printable(value, limit) : undefined
}

/** No control characters: these texts are shown and logged. */
function printable(text: string, limit: number): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f]/g, ' ').slice(0, limit)
}
