import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Acknowledgement, JoinReply, JoinRequest } from '../../runtime/core/sync-wire.ts'
import type { Audit } from '../audit.ts'
import { Refused, type Doer, type GatewayInfo } from '../contract.ts'
import { deriveSealKey } from '../../runtime/core/secrets/seal.ts'
import type { AcknowledgementRow, GatewayRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { hashToken } from '../users/users.ts'

export interface RegistryParts {
  readonly store: Store
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
  readonly publicKey: string
  /** The release that all should run. */
  current(): { readonly id: number; readonly hash: string } | undefined
  isConnected(id: string): boolean
  /** How far its copy of the callers' records is. */
  clientsOf(id: string): GatewayInfo['clients']
  changed(gateway: GatewayInfo): void
}

/** A gateway that showed its key. */
export interface KnownGateway {
  readonly id: string
  readonly name: string
  readonly sealKey: Buffer
}

const joinTtlMs = 3600_000
const keptAcknowledgements = 50

/** Who the gateways are and what each said last. Held in memory, written through to the store. */
export async function openRegistry(parts: RegistryParts) {
  const { store, audit, clock, log } = parts
  const rows = new Map<string, GatewayRow>((await store.gateways.list()).map((row) => [row.id, row]))
  /** What each said last that it runs, and what it said last that it could not prepare. */
  const live = new Map<string, AcknowledgementRow>()
  const refused = new Map<string, AcknowledgementRow>()
  // Of two acknowledgements the later one counts; they come in order of time.
  for (const ack of await store.gateways.acknowledgements()) note(ack)
  const nowIso = () => new Date(clock.now()).toISOString()

  function info(row: GatewayRow): GatewayInfo {
    const ack = ackOf(row.id)
    const { state, detail } = stateOf(ack, parts.current())
    return {
      id: row.id,
      name: row.name,
      connected: parts.isConnected(row.id),
      ...(row.last_seen_at === null ? {} : { lastSeenAt: row.last_seen_at }),
      ...(ack && ack.state !== 'refused' ? { release: ack.release_id, hash: ack.hash } : {}),
      state,
      ...(detail ? { detail } : {}),
      ...withClients(row),
      ...(row.url === null ? {} : { url: row.url }),
      ...(row.version === null ? {} : { version: row.version }),
    }
  }

  function note(ack: AcknowledgementRow): void {
    if (ack.state === 'refused') refused.set(ack.gateway_id, ack)
    else {
      live.set(ack.gateway_id, ack)
      if (refused.get(ack.gateway_id)?.release_id === ack.release_id) refused.delete(ack.gateway_id)
    }
  }

  /** A refusal counts for the release that all should run only: a deploy that was refused changed nothing. */
  function ackOf(id: string): AcknowledgementRow | undefined {
    const refusal = refused.get(id)
    const current = parts.current()
    return refusal && refusal.release_id === current?.id && refusal.hash === current.hash ? refusal : live.get(id)
  }

  /** What it said of its copy; out of touch for longer than it allows counts more. */
  function withClients(row: GatewayRow): Pick<GatewayInfo, 'clients'> {
    const clients = parts.clientsOf(row.id)
    if (!clients) return {}
    const away = !parts.isConnected(row.id) && (row.last_seen_at === null || clock.now() - Date.parse(row.last_seen_at) > clients.staleMs)
    return { clients: away ? { ...clients, state: 'away' } : clients }
  }

  function tell(id: string): void {
    const row = rows.get(id)
    if (row) parts.changed(info(row))
  }

  return {
    tell,
    list: (): GatewayInfo[] => [...rows.values()].map(info),
    async createJoinToken(by: Doer, ttlMs = joinTtlMs): Promise<{ token: string; expiresAt: string }> {
      const token = `slj_${randomBytes(32).toString('base64url')}`
      const expiresAt = new Date(clock.now() + ttlMs).toISOString()
      const created_by = typeof by === 'string' ? by : by.name
      await store.transaction(async (tables) => {
        await tables.gateways.addJoinToken({ hash: hashToken(token), created_by, created_at: nowIso(), expires_at: expiresAt, used_at: null })
        await audit.add(by, 'gateway.token', { expiresAt }, tables, { subject: 'gateways' })
      })
      return { token, expiresAt }
    },
    /** `undefined` when the token is unknown, used or too old; which of them is nobody's business. */
    async join(request: JoinRequest, from?: string): Promise<JoinReply | undefined> {
      const secret = randomBytes(32).toString('base64url')
      const row: GatewayRow = {
        id: `gw-${randomBytes(8).toString('hex')}`,
        name: request.name,
        key_hash: hashToken(secret),
        joined_at: nowIso(),
        last_seen_at: nowIso(),
        url: request.url ?? null,
        version: request.version ?? null,
        revoked_at: null,
      }
      const joined = await store.transaction(async (tables) => {
        if (!(await tables.gateways.useJoinToken(hashToken(request.token), nowIso()))) return false
        await tables.gateways.add(row)
        await audit.add(row.id, 'gateway.join', { name: row.name }, tables, { subject: `gateways/${row.id}`, from, after: toAudited(row) })
        return true
      })
      if (!joined) {
        log.warn({ name: request.name }, 'a gateway tried to join with a token that is not valid (any more)')
        return undefined
      }
      rows.set(row.id, row)
      log.info({ gateway: row.id, name: row.name }, 'a gateway joined')
      return { gatewayId: row.id, key: `${row.id}.${secret}`, publicKey: parts.publicKey }
    },
    /** Whose key this is. Takes the same time whether the gateway is known or not. */
    authenticate(header: string | undefined): KnownGateway | undefined {
      const key = header?.startsWith('Bearer ') ? header.slice('Bearer '.length) : ''
      const dot = key.indexOf('.')
      const id = key.slice(0, Math.max(dot, 0))
      const secret = key.slice(dot + 1)
      const row = rows.get(id)
      const expected = Buffer.from(row?.key_hash ?? '0'.repeat(64), 'hex')
      const given = createHash('sha256').update(secret, 'utf8').digest()
      if (!timingSafeEqual(expected, given) || !row) return undefined
      return { id: row.id, name: row.name, sealKey: deriveSealKey(row.id, secret) }
    },
    async seen(id: string, facts: { url?: string; version?: string } = {}): Promise<void> {
      const row = rows.get(id)
      if (!row) return
      const change = { last_seen_at: nowIso(), ...facts }
      rows.set(id, { ...row, ...change })
      await store.gateways.change(id, change)
    },
    async revoke(id: string, by: Doer): Promise<void> {
      const row = rows.get(id)
      if (!row) throw new Refused('gateway.none', 404, `There is no gateway “${id}”.`)
      await store.transaction(async (tables) => {
        const revoked = { ...row, revoked_at: nowIso() }
        await tables.gateways.change(id, { revoked_at: revoked.revoked_at })
        await audit.add(by, 'gateway.revoke', { gateway: id, name: row.name }, tables, { subject: `gateways/${id}`, before: toAudited(row), after: toAudited(revoked) })
      })
      rows.delete(id)
    },
    /** Notes what a gateway says it runs, and raises the alarm when that is not what it should be. */
    async acknowledge(id: string, ack: Acknowledgement): Promise<void> {
      if (ack.state !== 'live' && ack.state !== 'refused') return
      const current = parts.current()
      const skewed = ack.state === 'live' && current?.id === ack.release && current.hash !== ack.hash
      if (skewed) {
        log.warn({ gateway: id, release: ack.release, hash: ack.hash, expected: current?.hash }, 'a gateway runs something else than its release says')
      }
      const detail = skewed ? 'It acknowledged another content hash than the release has.' : (ack.detail ?? ack.problems?.[0]?.message ?? null)
      const row: AcknowledgementRow = { gateway_id: id, release_id: ack.release, hash: ack.hash, state: ack.state, detail: detail?.slice(0, 2000) ?? null, at: nowIso() }
      note(row)
      tell(id)
      await store.gateways.acknowledge(row)
      // All of them are read at start, so they may not grow for ever.
      if (ack.release % keptAcknowledgements === 0) await store.gateways.forgetAcknowledgements(id, ack.release - keptAcknowledgements)
    },
  }
}

/** What the audit log keeps of a gateway: nothing of its key. */
function toAudited({ id, name, joined_at, url, version, revoked_at }: GatewayRow) {
  return { id, name, joinedAt: joined_at, ...(url === null ? {} : { url }), ...(version === null ? {} : { version }), ...(revoked_at === null ? {} : { revokedAt: revoked_at }) }
}

export type Registry = Awaited<ReturnType<typeof openRegistry>>

function stateOf(ack: AcknowledgementRow | undefined, current: { id: number; hash: string } | undefined): { state: GatewayInfo['state']; detail?: string | null } {
  if (!ack) return { state: 'never' }
  if (ack.release_id === current?.id && ack.state === 'refused') return { state: 'refused', detail: ack.detail }
  if (ack.release_id === current?.id && ack.hash === current.hash) return { state: 'live' }
  return { state: 'behind', detail: ack.detail }
}
