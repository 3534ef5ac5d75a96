import { randomUUID } from 'node:crypto'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { Refused, type Connector, type ConnectorInput, type Connectors } from '../contract.ts'
import type { Audit } from '../audit.ts'
import { bodyOf, toRecord } from '../consumers/kind.ts'
import { createRecords, getVisible, loadForChange } from '../consumers/records.ts'
import { notAllowed, retired } from '../consumers/unit.ts'
import type { ConnectorStateRow, ConsumerRow } from '../store/schema.ts'
import { sealSecret } from './connector-secret.ts'
import { isOff, toStatus } from './connector-status.ts'
import { createFetchWork, type FetchWorkParts } from './fetch-work.ts'
import { connectors } from './kind.ts'

export interface PartnersParts extends Omit<FetchWorkParts, 'holder' | 'clock'> {
  readonly audit: Pick<Audit, 'add'>
  readonly clock: Clock
}

/** How often the settings are read again: another control may have changed them. */
const lookMs = 2000
const tickMs = 250
const fetchesAtOnce = 4

/** A connector that is active, and how far it was when that was looked at. */
interface Due {
  readonly row: ConsumerRow
  readonly state: ConnectorStateRow | undefined
  nextMs: number
}

/** Connectors to partner services: their records, and the work of keeping what they say. */
export function openPartners({ desk, audit, clock, log, keys, fetch, tlsOf }: PartnersParts): Connectors & { close(): void } {
  const records = createRecords<Connector, ConnectorInput>(connectors, desk)
  const states = desk.tables.connectors
  /** Of this process, so that of several controls one fetches. */
  const holder = randomUUID()
  const work = createFetchWork({ desk, clock, log, keys, holder, fetch, tlsOf })
  const running = new Set<string>()
  let closed = false
  let lookedAt = Number.NEGATIVE_INFINITY
  let due = new Map<string, Due>()
  let cancelTick = () => {}

  const iso = (ms: number) => new Date(ms).toISOString()
  const wake = () => void (lookedAt = Number.NEGATIVE_INFINITY)

  /** The settings were changed: what is in force stays, and the service is asked at once. */
  async function changed<T extends { readonly id: string }>(change: Promise<T>): Promise<T> {
    const done = await change
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

  /** @returns the connector as it is once its lease is ours; undefined when it is another's or, with `due`, its time has not come */
  async function lease(row: ConsumerRow, due: boolean): Promise<ConsumerRow | undefined> {
    const nowMs = clock.now()
    const isOurs = await states.take(row.id, holder, iso(nowMs), iso(nowMs + work.leaseMs(toRecord<Connector>(row))), due)
    return isOurs ? await desk.tables.consumers.get('connectors', row.id) : undefined
  }

  /** One fetch of the regular ones. */
  async function turn(row: ConsumerRow): Promise<void> {
    try {
      const current = await lease(row, true)
      if (!current) return
      if (isOff(current)) await states.finish(current.id, holder, {})
      else await work.attempt(current, {}).catch(() => {})
    } catch (thrown) {
      log.warn({ connector: row.id, reason: (thrown as Error).message }, 'a partner service was not asked')
    } finally {
      wake()
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
        const sealed = secret === null ? '' : sealSecret(keys, { id, url: body.url }, secret)
        return toRecord<Connector>(await unit.change(connectors, row, { ...bodyOf(row), hasSecret: secret !== null }, secret === null ? 'take_secret' : 'set_secret', { secret: sealed }))
      }))
    },
    async status(id, by) {
      return toStatus(await getVisible('connectors', await desk.access(by), desk.tables, id), await states.get(id), clock.now())
    },
    async fetch(id, options, by) {
      const access = await desk.access(by)
      const row = await getVisible('connectors', access, desk.tables, id)
      if (!access.may('connectors.write', row.organisation)) throw notAllowed('let connectors of this organisation fetch')
      if (row.retired_at !== null) throw retired('connectors', id)
      await states.add(id)
      const current = running.has(id) ? undefined : await lease(row, false)
      if (!current) throw new Refused('connector.busy', 409, 'It fetches right now. Try again in a moment.')
      running.add(id)
      try {
        const result = await work.attempt(current, options)
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
        const { state, ageSeconds } = toStatus(row, said, clock.now())
        return state === 'ok' || state === 'new' ? [] : [{ id: row.id, state, ...(ageSeconds === undefined ? {} : { ageSeconds }) }]
      }),
    close() {
      closed = true
      cancelTick()
    },
  }
}
