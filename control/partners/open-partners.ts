import { randomUUID } from 'node:crypto'
import type { Clock } from '../../runtime/core/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import { seal, unseal } from '../../runtime/core/seal.ts'
import { Refused, type Actor, type Connector, type ConnectorInput, type Connectors, type ConnectorState, type ConnectorStatus, type FetchResult, type PartnerFetch, type PartnerTls } from '../contract.ts'
import type { Audit } from '../audit.ts'
import { bodyOf, toRecord } from '../consumers/kind.ts'
import { createRecords, getVisible, loadForChange, type Desk } from '../consumers/records.ts'
import { toAccess } from '../consumers/rights.ts'
import { runOrTry } from '../consumers/run-or-try.ts'
import { notAllowed, retired } from '../consumers/unit.ts'
import type { SealingKey } from '../keys/key-files.ts'
import type { ConnectorStateRow, ConsumerRow } from '../store/schema.ts'
import { fetchPages, unreachable, type PageTag } from './fetch-pages.ts'
import { connectors, originOf, writerOf } from './kind.ts'
import { pauseMs } from './pause.ts'
import { readPartners, type Partner } from './read-partners.ts'
import { reconcile, type Reconciled } from './reconcile.ts'

export interface PartnersParts {
  readonly desk: Desk
  readonly audit: Pick<Audit, 'add'>
  readonly clock: Clock
  readonly log: Log
  readonly keys: { current: SealingKey; older: readonly SealingKey[] }
  /** Absent: nothing is fetched, by itself or when asked. */
  readonly fetch?: PartnerFetch | undefined
  /** The TLS configuration of the flows with this id. @throws Error whose message may be shown */
  readonly tlsOf?: ((id: string) => Promise<PartnerTls | undefined>) | undefined
}

/** How often the settings are read again: another control may have changed them. */
const lookMs = 2000
const tickMs = 250
/** Beyond the limit of a request: how long a control that died keeps others from fetching. */
const leaseMarginMs = 20_000
const fetchesAtOnce = 4
const shownChanges = 1000

/** A connector that is active, and how far it was when that was looked at. */
interface Due {
  readonly row: ConsumerRow
  readonly state: ConnectorStateRow | undefined
  nextMs: number
}

interface Outcome {
  readonly result: FetchResult
  readonly tags: readonly PageTag[] | undefined
}

/** Connectors to partner services: their records, and the work of keeping what they say. */
export function openPartners({ desk, audit, clock, log, keys, fetch, tlsOf }: PartnersParts): Connectors & { close(): void } {
  const records = createRecords<Connector, ConnectorInput>(connectors, desk)
  const states = desk.tables.connectors
  /** Of this process, so that of several controls one fetches. */
  const holder = randomUUID()
  const running = new Set<string>()
  let closed = false
  let lookedAt = Number.NEGATIVE_INFINITY
  let due = new Map<string, Due>()
  let cancelTick = () => {}

  const iso = (ms: number) => new Date(ms).toISOString()
  const wake = () => void (lookedAt = Number.NEGATIVE_INFINITY)

  /** The settings were changed: what is in force stays, and the service is asked at once. */
  async function changed<T extends { readonly id: string }>(work: Promise<T>): Promise<T> {
    const done = await work
    await states.add(done.id)
    await states.reset(done.id)
    wake()
    return done
  }

  /** Reads which connectors there are, and when each is due. */
  async function look(): Promise<void> {
    const found = new Map<string, Due>()
    const stateOf = new Map((await states.list()).map((row) => [row.id, row]))
    let after: string | undefined
    for (;;) {
      const rows = await desk.tables.consumers.page({ kind: 'connectors', after, limit: 200 })
      for (const row of rows) {
        if (row.state !== 'active') continue
        if (!stateOf.has(row.id)) await states.add(row.id)
        const nextAt = stateOf.get(row.id)?.next_at
        found.set(row.id, { row, state: stateOf.get(row.id), nextMs: nextAt ? Date.parse(nextAt) : 0 })
      }
      if (rows.length < 200) break
      after = rows.at(-1)?.id
    }
    due = found
  }

  async function tick(): Promise<void> {
    const nowMs = clock.now()
    if (nowMs - lookedAt >= lookMs) {
      lookedAt = nowMs
      await look()
    }
    for (const [id, entry] of due) {
      if (running.size >= fetchesAtOnce) return
      if (entry.nextMs > nowMs || running.has(id)) continue
      entry.nextMs = nowMs + lookMs // until it is known better
      running.add(id)
      void turn(entry.row).finally(() => running.delete(id))
    }
  }

  function schedule(): void {
    if (closed || !fetch) return
    cancelTick = clock.setTimer(() => {
      // A store that is away: nothing is fetched until it is back, and what is in force stays so.
      void tick().catch((thrown: unknown) => log.warn({ reason: (thrown as Error).message }, 'connectors to partner services cannot be read')).finally(schedule)
    }, tickMs)
  }

  /** One fetch of the regular ones. */
  async function turn(row: ConsumerRow): Promise<void> {
    try {
      const nowMs = clock.now()
      if (!(await states.take(row.id, holder, iso(nowMs), iso(nowMs + leaseMs(row)), true))) return
      await attempt(toRecord<Connector>(row), row.secret, {}).catch(() => {})
    } catch (thrown) {
      log.warn({ connector: row.id, reason: (thrown as Error).message }, 'a partner service was not asked')
    } finally {
      wake()
    }
  }

  const leaseMs = (row: ConsumerRow) => (bodyOf(row) as unknown as Connector).timeoutMs + leaseMarginMs

  /** Fetches and works in what comes; writes down how it went, and gives the lease back. */
  async function attempt(connector: Connector, sealed: string | null, { dryRun = false, force = false }: { readonly dryRun?: boolean; readonly force?: boolean }): Promise<FetchResult> {
    const state = await states.get(connector.id)
    const attemptedAt = iso(clock.now())
    try {
      const { result, tags } = await work(connector, sealed, state, { dryRun, force })
      if (dryRun) {
        await states.finish(connector.id, holder, {})
        return result
      }
      const now = iso(clock.now())
      await states.finish(connector.id, holder, {
        state: 'ok', failures: 0, problem: null, attempted_at: attemptedAt, fetched_at: now, partners: result.partners, next_at: iso(clock.now() + pauseMs(connector.everySeconds, 0, Math.random())),
        ...(result.changeCount > 0 ? { changed_at: now } : {}),
        ...(result.unchanged ? {} : { tags: tags ? JSON.stringify(tags) : null, connector_version: connector.version }),
      })
      if (result.changeCount > 0) log.info({ connector: connector.id, changes: result.changeCount, partners: result.partners }, 'records of partners were brought up to date')
      return result
    } catch (thrown) {
      const refused = thrown instanceof Refused ? thrown : new Refused('connector.failed', 500, 'The fetch failed.')
      if (!(thrown instanceof Refused)) log.error({ connector: connector.id, reason: (thrown as Error).message }, 'a connector failed')
      if (dryRun || refused.code === 'connector.busy') await states.finish(connector.id, holder, {})
      else await fail(connector, state, refused, attemptedAt)
      throw refused
    }
  }

  async function fail(connector: Connector, state: ConnectorStateRow | undefined, refused: Refused, attemptedAt: string): Promise<void> {
    const failures = (state?.failures ?? 0) + 1
    const next: ConnectorState = refused.code === 'connector.shrunk' ? 'held' : refused.code === 'connector.document' ? 'invalid' : 'unreachable'
    const problem = JSON.stringify({ code: refused.code, message: refused.message, problems: refused.problems })
    await states.finish(connector.id, holder, { state: next, failures, problem, attempted_at: attemptedAt, next_at: iso(clock.now() + pauseMs(connector.everySeconds, failures, Math.random())) })
    const facts = { connector: connector.id, state: next, failures, reason: refused.message }
    if (state?.state === next) log.debug(facts, 'a partner service still gives no records; those from before stay in force')
    else log.warn(facts, 'a partner service gives no records; those from before stay in force')
  }

  async function work(connector: Connector, sealed: string | null, state: ConnectorStateRow | undefined, { dryRun, force }: { readonly dryRun: boolean; readonly force: boolean }): Promise<Outcome> {
    if (!fetch) throw new Refused('connector.off', 503, 'This control fetches nothing from partner services.')
    const known = !dryRun && !force && state?.tags && state.connector_version === connector.version ? (JSON.parse(state.tags) as PageTag[]) : []
    const renew = async () => {
      if (!(await states.renew(connector.id, holder, iso(clock.now() + connector.timeoutMs + leaseMarginMs)))) throw new Refused('connector.busy', 409, 'Another control fetches now.')
    }
    const fetched = await fetchPages({ connector, secret: open(connector, sealed), tls: await tlsFor(connector), fetch, known, step: renew })
    if (fetched.unchanged) return { result: { dryRun, unchanged: true, partners: state?.partners ?? 0, dropped: 0, changes: [], changeCount: 0 }, tags: undefined }
    const { partners, problems } = readPartners(fetched.pages, connector.map, connector.idPrefix)
    if (problems.length > 0) throw new Refused('connector.document', 422, problems.length === 1 ? (problems[0]?.message ?? '') : `${problems.length} things are not right: ${problems[0]?.message ?? ''}`, problems)
    await renew()
    const { changes, dropped } = await put(connector, partners, { dryRun, force })
    return { result: { dryRun, unchanged: false, partners: partners.length, dropped, changes: changes.slice(0, shownChanges), changeCount: changes.length }, tags: fetched.tags }
  }

  /** Writes what the partners are, as the connector: with the rights that it needs, in its organisation alone. */
  async function put(connector: Connector, partners: readonly Partner[], { dryRun, force }: { readonly dryRun: boolean; readonly force: boolean }): Promise<Reconciled> {
    const writer: Actor = { name: writerOf(connector.id), role: 'subscriber', from: 'control' }
    const access = toAccess(writer, [{ organisation: connector.organisation, role: 'admin' }])
    return await runOrTry(desk, writer, dryRun, async (unit) => {
      // Settings that were changed during the fetch win over what was fetched by the old ones.
      const row = await unit.live('connectors', connector.id)
      const ours = await unit.tables.connectors.renew(connector.id, holder, iso(clock.now() + connector.timeoutMs + leaseMarginMs))
      if (!row || row.version !== connector.version || !ours) throw new Refused('connector.busy', 409, 'The connector was changed while it fetched. It fetches again at once.')
      return await reconcile(unit, connector, partners, force)
    }, access)
  }

  async function tlsFor({ tls }: Connector): Promise<PartnerTls | undefined> {
    if (tls === undefined) return undefined
    try {
      const found = await tlsOf?.(tls)
      if (found) return found
    } catch (thrown) {
      throw unreachable((thrown as Error).message)
    }
    throw unreachable(`There is no TLS configuration “${tls}” in the flows, or it holds no certificates.`)
  }

  const about = ({ id, url }: Pick<Connector, 'id' | 'url'>) => `connector ${id} ${originOf(url)}`

  function open(connector: Connector, sealed: string | null): string | undefined {
    const [keyId, text = ''] = (sealed ?? '').split(':')
    const key = [keys.current, ...keys.older].find((one) => one.id === keyId)
    try {
      return key && unseal(key.key, text, about(connector))
    } catch {
      return undefined
    }
  }

  function toStatus(row: ConsumerRow, state: ConnectorStateRow | undefined): ConnectorStatus {
    const said = state?.state as ConnectorState | undefined
    const off = row.retired_at !== null || row.state !== 'active'
    return {
      state: off ? 'off' : (said ?? 'new'),
      partners: state?.partners ?? 0,
      failures: state?.failures ?? 0,
      ...(state?.attempted_at ? { attemptedAt: state.attempted_at } : {}),
      ...(state?.fetched_at ? { fetchedAt: state.fetched_at, ageSeconds: Math.max(0, Math.round((clock.now() - Date.parse(state.fetched_at)) / 1000)) } : {}),
      ...(state?.changed_at ? { changedAt: state.changed_at } : {}),
      ...(state?.next_at && !off ? { nextAt: state.next_at } : {}),
      ...(state?.problem && !off ? { problem: JSON.parse(state.problem) as NonNullable<ConnectorStatus['problem']> } : {}),
    }
  }

  schedule()
  return {
    ...records,
    create: async (input, by) => await changed(records.create(input, by)),
    replace: async (id, input, version, by) => await changed(records.replace(id, input, version, by)),
    patch: async (id, patch, version, by) => await changed(records.patch(id, patch, version, by)),
    retire: async (id, version, by) => await changed(records.retire(id, version, by)),
    async setSecret(id, secret, version, by) {
      return await changed(desk.run(by, async (unit) => {
        unit.checker.check('ConnectorSecret', { secret })
        const row = await loadForChange(unit, 'connectors', id, version)
        const body = bodyOf(row) as unknown as Connector
        await connectors.mayWrite(unit, bodyOf(row), bodyOf(row), id)
        if (body.auth.kind === 'none' && secret !== null) throw new Refused('connector.auth', 422, 'This connector signs in without a secret. Choose bearer or basic first.')
        const sealed = secret === null ? '' : `${keys.current.id}:${seal(keys.current.key, secret, about({ id, url: body.url }))}`
        return toRecord<Connector>(await unit.change(connectors, row, { ...bodyOf(row), hasSecret: secret !== null }, secret === null ? 'take_secret' : 'set_secret', { secret: sealed }))
      }))
    },
    async status(id, by) {
      return toStatus(await getVisible('connectors', await desk.access(by), desk.tables, id), await states.get(id))
    },
    async fetch(id, options, by) {
      const access = await desk.access(by)
      const row = await getVisible('connectors', access, desk.tables, id)
      if (!access.may('connectors.write', row.organisation)) throw notAllowed('let connectors of this organisation fetch')
      if (row.retired_at !== null) throw retired('connectors', id)
      await states.add(id)
      const nowMs = clock.now()
      const mine = !running.has(id) && (await states.take(id, holder, iso(nowMs), iso(nowMs + leaseMs(row)), false))
      if (!mine) throw new Refused('connector.busy', 409, 'It fetches right now. Try again in a moment.')
      running.add(id)
      try {
        const result = await attempt(toRecord<Connector>(row), row.secret, options)
        // What the connector wrote stands under its own name; who let it write, here.
        if (!result.dryRun && (result.changeCount > 0 || options.force)) {
          const detail = { changes: result.changeCount, dropped: result.dropped, ...(options.force ? { force: true } : {}) }
          await audit.add(by.name, 'connectors.fetch', detail, undefined, { from: by.from, subject: `connectors/${id}`, organisation: row.organisation ?? undefined })
        }
        return result
      } finally {
        running.delete(id)
        wake()
      }
    },
    alarms: () =>
      [...due.values()].flatMap(({ row, state: said }) => {
        const { state, ageSeconds } = toStatus(row, said)
        return state === 'ok' || state === 'new' ? [] : [{ id: row.id, state, ...(ageSeconds === undefined ? {} : { ageSeconds }) }]
      }),
    close() {
      closed = true
      cancelTick()
    },
  }
}
