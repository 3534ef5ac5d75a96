import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Decision } from '../../runtime/core/access/decision.ts'
import type { GatewayCommand } from '../../runtime/core/deployer.ts'
import type { Log } from '../../runtime/core/log.ts'
import { owns } from '../consumers/sees.ts'
import type { Access } from '../consumers/rights.ts'
import { Refused, type Actor, type DecisionQuery, type KnownDecision, type RefusalDecisions } from '../contract.ts'
import { maySeeFlowsOf } from '../releases/ownership.ts'
import { createSerial } from '../serial.ts'
import type { DecisionRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { toDecision } from './to-decision.ts'

export interface DecisionsParts {
  readonly store: Pick<Store, 'decisions' | 'consumers'>
  readonly clock: Clock
  readonly log: Log
  access(by: Actor): Promise<Access>
  /** Asks every connected gateway; each answer comes by itself. */
  ask(command: GatewayCommand): readonly Promise<{ readonly gateway: string; readonly result?: unknown } | undefined>[]
  /** The flow that is live under an id, and whose it is; left out: there is none. */
  readonly flowOf?: ((id: string) => { readonly organisation?: string } | undefined) | undefined
  readonly limits?: Partial<DecisionLimits> | undefined
}

export interface DecisionLimits {
  readonly days: number
  /** Rows at most; callers whom nobody knows have no more than half of them. */
  readonly rows: number
  readonly pruneEveryMs: number
}

/** The door, and the end of the gateways' line. */
export interface OpenDecisions extends RefusalDecisions {
  /** Keeps what a gateway sent; resolves when it is in the store. @throws Refused `control.busy` 503, `store.unavailable` 503 */
  take(gateway: string, decisions: readonly unknown[]): Promise<void>
  close(): void
}

const standard: DecisionLimits = { days: 7, rows: 100_000, pruneEveryMs: 60_000 }
const dayMs = 86_400_000
const portionRows = 500
const pageLimit = 200
/** Gateways are asked for so many ids at a time: asking for what is not there must cost them little. */
const asksAtOnce = 8
const asksWaiting = 200
const writesWaiting = 50

/** Why calls were refused, as gateways say. */
export function openDecisions({ store, clock, log, access, ask, flowOf = () => undefined, limits }: DecisionsParts): OpenDecisions {
  const { days, rows: mostRows, pruneEveryMs } = { ...standard, ...limits }
  const writing = createSerial(1, writesWaiting)
  const asking = createSerial(asksAtOnce, asksWaiting)
  let closed = false
  let cancel = () => {}

  async function prune(): Promise<void> {
    const before = new Date(clock.now() - days * dayMs).toISOString()
    // A portion at a time, each a transaction of its own: whoever writes meanwhile waits for none of them long.
    while (!closed && (await writing(() => store.decisions.removeBefore(before, portionRows))) === portionRows) await breath()
    const count = await store.decisions.count()
    let strangers = Math.min(count.all - mostRows, count.unknown - Math.floor(mostRows / 2))
    let others = count.all - mostRows - Math.max(0, strangers)
    while (!closed && strangers > 0) strangers -= await removeOldest(strangers, true)
    while (!closed && others > 0) others -= await removeOldest(others, false)
  }

  async function removeOldest(count: number, unknown: boolean): Promise<number> {
    const gone = await writing(() => store.decisions.removeOldest(Math.min(count, portionRows), unknown))
    await breath()
    return gone === 0 ? count : gone // somebody else was there
  }

  function planPruning(): void {
    cancel = clock.setTimer(() => {
      prune()
        .catch((thrown: unknown) => log.warn({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'old decisions could not be removed; trying again'))
        .finally(() => closed || planPruning())
    }, pruneEveryMs)
  }
  planPruning()

  /** Of those who are connected the first that knows it. */
  async function askGateways(id: string): Promise<DecisionRow | undefined> {
    return await asking(
      () =>
        new Promise<DecisionRow | undefined>((resolve) => {
          const answers = ask({ do: 'decision.get', id }).map(async (answer) => {
            const given = await answer
            const decision = toDecision(given?.result)
            if (given && decision?.id === id) resolve(toRow(given.gateway, decision))
          })
          void Promise.allSettled(answers).then(() => resolve(undefined))
        }),
    )
  }

  function maySee(held: Access, flow: string): boolean {
    const home = flowOf(flow)
    return home !== undefined && maySeeFlowsOf(held, home.organisation)
  }

  /** What somebody may see of it; `undefined`: nothing. */
  async function view(row: DecisionRow, held: Access): Promise<KnownDecision | undefined> {
    const decision = JSON.parse(row.body) as Decision
    if (held.may('decisions.read', row.provider)) return { ...decision, gateway: row.gateway }
    // Whoever runs the caller's organisation knows no more of a flow of another than the application's owner does.
    if (held.may('decisions.read', row.organisation)) return maySee(held, decision.flow) ? { ...decision, gateway: row.gateway } : toCallersView(decision)
    const application = row.application === null ? undefined : await store.consumers.get('applications', row.application)
    return application && owns(held, application) ? toCallersView(decision) : undefined
  }

  return {
    async take(gateway, given) {
      const rows = given.flatMap((one) => {
        const decision = toDecision(one)
        return decision ? [toRow(gateway, decision)] : []
      })
      if (rows.length < given.length) log.warn({ gateway, left: given.length - rows.length }, 'a gateway sent decisions that cannot be read')
      if (rows.length > 0) await writing(() => store.decisions.add(rows))
    },
    async get(id, by) {
      const held = await access(by)
      const row = mayAny(held) ? ((await store.decisions.get(id)) ?? (await askGateways(id))) : undefined
      const known = row && (await view(row, held))
      if (!known) throw new Refused('record.none', 404, 'There is no such decision. They are kept for some days.')
      return known
    },
    async list(query, by) {
      const held = await access(by)
      const limit = Math.min(Math.max(Math.trunc(query.limit ?? 50), 1), pageLimit)
      const rows = await store.decisions.page({
        limit: limit + 1, before: toPlace(query.cursor), application: query.application, api: query.api, code: query.code, organisation: query.organisation,
        from: toTime(query, 'from'), to: toTime(query, 'to'), reach: toReach(held),
      })
      const shown = rows.slice(0, limit)
      const views = await Promise.all(shown.map((row) => view(row, held)))
      const last = shown.at(-1)
      return { items: views.filter((one) => one !== undefined), ...(rows.length > limit && last ? { next: `${last.at}${last.id}` } : {}) }
    },
    close() {
      closed = true
      cancel()
    },
  }
}

function mayAny({ everywhere, organisations }: Access): boolean {
  return everywhere.has('decisions.read') || [...organisations.values()].some((rights) => rights.has('decisions.read') || rights.has('records.own'))
}

function toReach(held: Access) {
  if (held.everywhere.has('decisions.read')) return undefined
  const having = (right: 'decisions.read' | 'records.own') => [...held.organisations].filter(([, rights]) => rights.has(right)).map(([id]) => id)
  const owning = held.everywhere.has('records.own') ? [...held.organisations.keys()] : having('records.own')
  return { organisations: having('decisions.read'), owning, owner: held.by.name }
}

function toRow(gateway: string, decision: Decision): DecisionRow {
  const { id, at, organisation, provider, application, api, code } = decision
  return {
    id, at: new Date(at).toISOString(), organisation: organisation ?? null, provider: provider ?? null, application: application ?? null, api: api ?? null, code, gateway, body: JSON.stringify(decision),
  }
}

/** Lists of networks in a flow name others than the caller; so may a check of somebody else's credential. */
const ofTheFlow: ReadonlySet<string> = new Set(['allowed', 'not denied'])

function toCallersView({ flow: _flow, node: _node, nodeName: _name, ...decision }: Decision): KnownDecision {
  const checks = decision.checks.map((check) => {
    const { networks, application, ...rest } = check
    return {
      ...rest,
      ...(networks === undefined || ofTheFlow.has(check.check) ? {} : { networks }),
      ...(application === decision.application && application !== undefined ? { application } : {}),
    }
  })
  return { ...decision, checks }
}

const isoCharacters = 24

/** Where a page begins: time and id of the last one of the page before. */
function toPlace(cursor: string | undefined): { readonly at: string; readonly id: string } | undefined {
  if (cursor === undefined) return undefined
  const at = cursor.slice(0, isoCharacters)
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(at)) throw wrong('cursor', 'is not the `next` of a page')
  return { at, id: cursor.slice(isoCharacters) }
}

function toTime(query: DecisionQuery, name: 'from' | 'to'): string | undefined {
  const text = query[name]
  if (text === undefined) return undefined
  const ms = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/i.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw wrong(name, 'is no time such as 2026-01-31T08:00:00Z')
  return new Date(ms).toISOString()
}

function wrong(name: string, what: string): Refused {
  const message = `“${name}” ${what}.`
  return new Refused('query.invalid', 422, message, [{ severity: 'error', code: 'query.invalid', property: name, message, remedy: 'Correct it, or leave it out.' }])
}

const breath = () => new Promise<void>((resolve) => setImmediate(resolve))
