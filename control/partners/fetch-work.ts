import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import { toRecord } from '../consumers/kind.ts'
import type { Desk } from '../consumers/records.ts'
import { toAccess } from '../consumers/rights.ts'
import { runOrTry } from '../consumers/run-or-try.ts'
import { Refused, type Actor, type Connector, type ConnectorState, type FetchResult, type PartnerFetch, type PartnerTls } from '../contract.ts'
import type { ConnectorStateRow, ConsumerRow } from '../store/schema.ts'
import { openSecret, type SecretKeys } from './connector-secret.ts'
import { fetchPages, unreachable, unreachableBy, type PageTag } from './fetch-pages.ts'
import { writerOf } from './kind.ts'
import { pauseMs } from './pause.ts'
import { readPartners, type Partner } from './read-partners.ts'
import { reconcile, type Reconciled } from './reconcile.ts'

export interface FetchWorkParts {
  readonly desk: Desk
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  readonly keys: SecretKeys
  /** Of this process: who has the lease of a connector. */
  readonly holder: string
  /** Absent: nothing is fetched. */
  readonly fetch?: PartnerFetch | undefined
  /** The TLS configuration of the flows with this id. @throws Error whose message may be shown */
  readonly tlsOf?: ((id: string) => Promise<PartnerTls | undefined>) | undefined
}

export interface FetchWork {
  /**
   * Fetches and works in what comes; writes down how it went, and gives the lease back. Settings that change meanwhile win: nothing
   * is written down then.
   * @param row read after the lease was taken: from then on a change takes the lease away
   * @throws Refused, as `Connectors.fetch`
   */
  attempt(row: ConsumerRow, options: { readonly dryRun?: boolean; readonly force?: boolean }): Promise<FetchResult>
  /** How long the lease of a connector is taken for. */
  leaseMs(connector: Pick<Connector, 'timeoutMs'>): number
}

/** Beyond the limit of a request: how long a control that died keeps others from fetching. */
const leaseMarginMs = 20_000
const shownChanges = 1000

interface Outcome {
  readonly result: FetchResult
  readonly tags: readonly PageTag[] | undefined
}

/** One fetch of a connector whose lease is held. */
export function createFetchWork({ desk, clock, log, keys, holder, fetch, tlsOf }: FetchWorkParts): FetchWork {
  const states = desk.tables.connectors
  const iso = (ms: number) => new Date(ms).toISOString()
  const leaseMs = ({ timeoutMs }: Pick<Connector, 'timeoutMs'>) => timeoutMs + leaseMarginMs

  async function attempt(row: ConsumerRow, { dryRun = false, force = false }: { readonly dryRun?: boolean; readonly force?: boolean }): Promise<FetchResult> {
    const connector = toRecord<Connector>(row)
    const state = await states.get(connector.id)
    const attemptedAt = iso(clock.now())
    try {
      const { result, tags } = await work(connector, row.secret, state, { dryRun, force })
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
    const isOurs = await states.finish(connector.id, holder, { state: next, failures, problem, attempted_at: attemptedAt, next_at: iso(clock.now() + pauseMs(connector.everySeconds, failures, Math.random())) })
    if (!isOurs) return
    const facts = { connector: connector.id, state: next, failures, reason: refused.message }
    if (state?.state === next) log.debug(facts, 'a partner service still gives no records; those from before stay in force')
    else log.warn(facts, 'a partner service gives no records; those from before stay in force')
  }

  async function work(connector: Connector, sealed: string | null, state: ConnectorStateRow | undefined, { dryRun, force }: { readonly dryRun: boolean; readonly force: boolean }): Promise<Outcome> {
    if (!fetch) throw new Refused('connector.off', 503, 'This control fetches nothing from partner services.')
    const known = !dryRun && !force && state?.tags && state.connector_version === connector.version ? (JSON.parse(state.tags) as PageTag[]) : []
    const renew = async () => {
      if (!(await states.renew(connector.id, holder, iso(clock.now() + leaseMs(connector))))) throw new Refused('connector.busy', 409, 'Another control fetches now.')
    }
    const fetched = await fetchPages({ connector, secret: openSecret(keys, connector, sealed), tls: await tlsFor(connector), fetch, known, step: renew })
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
      const ours = await unit.tables.connectors.renew(connector.id, holder, iso(clock.now() + leaseMs(connector)))
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
      throw unreachableBy(thrown)
    }
    throw unreachable(`There is no TLS configuration “${tls}” in the flows, or it holds no certificates.`, 'partner.no_tls', { tls })
  }

  return { attempt, leaseMs }
}
