import type { Api, Application, ClientChange, ClientCredential, ClientSnapshot, Plan, Subscription } from '../../runtime/core/access/clients.ts'
import type { PublicJwk } from '../../runtime/core/access/signing-key.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { ApiGroup, ApiProduct, ClientApplication, ClientPlan, ClientSubscription, Credential, ManagedApi, Organisation } from '../contract.ts'
import type { ConsumerRow } from '../store/schema.ts'
import type { Tables } from '../store/tables.ts'
import { bodyOf, type KindName } from './kind.ts'

const loadRows = 2000
/** So long, and so many of an application, gateways know what was revoked: whoever still shows it reads that, and not that it is unknown. */
const revokedKnownMs = 30 * 86_400_000
const revokedKnown = 10

export type Touched = ReadonlyMap<KindName, ReadonlyMap<string, ConsumerRow>>

/** What gateways know of the records, in memory, kept as the records change. */
export interface View {
  snapshot(): ClientSnapshot
  /** Whether gateways have anything to do with what was touched. */
  concerns(touched: Touched): boolean
  /** Works what was touched into the view, reading what hangs on it. Call after the commit; `version` is the one committed. */
  follow(touched: Touched, version: number): Promise<ClientChange>
  /** Something else made a version of its own. */
  advance(version: number): void
}

interface ApiRecord {
  readonly api: Api
  readonly deprecatedAt: string | undefined
}

const rank = { approved: 0, suspended: 1, pending: 2, refused: 3 } as const

/** `tokenIssuer`: whose tokens name an application by one of its Basic credentials. */
export async function openView(tables: Pick<Tables, 'consumers'>, startVersion: number, clock: Pick<Clock, 'now'>, tokenIssuer?: string): Promise<View> {
  const applications = new Map<string, Application>()
  const plans = new Map<string, Plan>()
  const apis = new Map<string, ApiRecord>()
  const groups = new Map<string, readonly string[]>()
  const products = new Map<string, Pick<ApiProduct, 'apis' | 'groups'>>()
  const suspended = new Set<string>()
  let version = startVersion
  /** Targets still to be followed, when reading failed half-way. */
  const owed = new Set<string>()

  for await (const rows of pages('organisations')) for (const row of rows) takeOrganisation(row)
  for await (const rows of pages('plans')) for (const row of rows) plans.set(row.id, toPlan(row))
  for await (const rows of pages('apis')) for (const row of rows) apis.set(row.id, toApi(row))
  for await (const rows of pages('groups')) for (const row of rows) takeGroup(row)
  for await (const rows of pages('products')) for (const row of rows) takeProduct(row)
  for await (const rows of pages('applications')) for (const application of await project(rows)) applications.set(application.id, application)

  async function* pages(kind: KindName): AsyncIterable<ConsumerRow[]> {
    let after: string | undefined
    for (;;) {
      const rows = await tables.consumers.page({ kind, after, limit: loadRows })
      yield rows
      if (rows.length < loadRows) return
      after = rows.at(-1)?.id
    }
  }

  function takeOrganisation(row: ConsumerRow): void {
    const active = row.retired_at === null && (bodyOf(row) as unknown as Organisation).active
    if (active) suspended.delete(row.id)
    else suspended.add(row.id)
  }
  function takeGroup(row: ConsumerRow): void {
    if (row.retired_at === null) groups.set(row.id, (bodyOf(row) as unknown as ApiGroup).apis)
    else groups.delete(row.id)
  }
  function takeProduct(row: ConsumerRow): void {
    if (row.retired_at === null) products.set(row.id, bodyOf(row) as unknown as ApiProduct)
    else products.delete(row.id)
  }

  /** Applications as gateways know them, with everything that hangs on them. */
  async function project(rows: readonly ConsumerRow[]): Promise<Application[]> {
    const ids = rows.map((row) => row.id)
    const since = new Date(clock.now() - revokedKnownMs).toISOString()
    const credentialsOf = Map.groupBy(await tables.consumers.byParents('credentials', ids, since), (row) => row.parent as string)
    const subscriptionsOf = Map.groupBy(await tables.consumers.byParents('subscriptions', ids), (row) => row.parent as string)
    return rows.map((row) => {
      const { name, organisation, active, rules, oauth, pins } = bodyOf(row) as unknown as ClientApplication
      const { live = [], revoked = [] } = Object.groupBy(credentialsOf.get(row.id) ?? [], ({ retired_at }) => (retired_at === null ? 'live' : 'revoked'))
      const credentials = live.filter(isSettled).map(toCredential)
      return {
        id: row.id,
        name,
        organisation,
        active: active && !suspended.has(organisation),
        rules,
        credentials: oauth && tokenIssuer !== undefined ? [...credentials, ...credentials.flatMap((one) => toTokenCredential(one, tokenIssuer))] : credentials,
        subscriptions: resolve(subscriptionsOf.get(row.id) ?? []),
        ...(pins && Object.keys(pins).length > 0 ? { pins } : {}),
        ...(revoked.length > 0 ? { revoked: toRevoked(revoked) } : {}),
      }
    })
  }

  /**
   * One subscription per API. What was decided goes before what waits; of that the most direct, so that an application suspended
   * or refused for one API does not come in by its group or product; of those alike the approved one, then the newest.
   */
  function resolve(rows: readonly ConsumerRow[]): Subscription[] {
    const best = new Map<string, { readonly order: readonly [number, number, number, number]; readonly subscription: Subscription }>()
    for (const row of rows) {
      const { plan, state, api, group, product } = bodyOf(row) as unknown as ClientSubscription
      const offer = (id: string, depth: number) => {
        // A group or product opens no API that had stopped taking subscribers before.
        const deprecatedAt = apis.get(id)?.deprecatedAt
        if (depth > 0 && deprecatedAt !== undefined && row.created_at >= deprecatedAt) return
        const order = [state === 'pending' ? 1 : 0, depth, rank[state], -Date.parse(row.created_at)] as const
        const other = best.get(id)
        if (!other || isBefore(order, other.order)) best.set(id, { order, subscription: { api: id, plan, state } })
      }
      if (api !== undefined) offer(api, 0)
      else if (group !== undefined) for (const id of groups.get(group) ?? []) offer(id, 1)
      else if (product !== undefined) {
        const contents = products.get(product)
        for (const id of contents?.apis ?? []) offer(id, 2)
        for (const inner of contents?.groups ?? []) for (const id of groups.get(inner) ?? []) offer(id, 2)
      }
    }
    return [...best.values()].map(({ subscription }) => subscription)
  }

  /** Subscription targets whose meaning changed. */
  function targetsOf(touched: Touched): string[] {
    const changedGroups = new Set(touched.get('groups')?.keys() ?? [])
    const changedProducts = new Set(touched.get('products')?.keys() ?? [])
    const changedApis = new Set([...(touched.get('apis') ?? [])].filter(([id, row]) => apis.get(id)?.deprecatedAt !== toApi(row).deprecatedAt).map(([id]) => id))
    if (changedApis.size > 0) {
      for (const [id, list] of groups) if (list.some((api) => changedApis.has(api))) changedGroups.add(id)
      for (const [id, { apis: list }] of products) if (list.some((api) => changedApis.has(api))) changedProducts.add(id)
    }
    for (const [id, { groups: list }] of products) if (list.some((group) => changedGroups.has(group))) changedProducts.add(id)
    return [...[...changedGroups].map((id) => `group:${id}`), ...[...changedProducts].map((id) => `product:${id}`)]
  }

  return {
    snapshot: () => ({ version, applications: [...applications.values()], plans: [...plans.values()], apis: [...apis.values()].map(({ api }) => api) }),
    advance(next) {
      version = next
    },
    concerns: (touched) => [...touched.keys()].some((kind) => kind !== 'members' && kind !== 'connectors'),
    async follow(touched, next) {
      for (const target of targetsOf(touched)) owed.add(target)
      const targets = [...owed]
      for (const row of touched.get('organisations')?.values() ?? []) takeOrganisation(row)
      for (const row of touched.get('groups')?.values() ?? []) takeGroup(row)
      for (const row of touched.get('products')?.values() ?? []) takeProduct(row)

      const changedApis: Record<string, Api | null> = {}
      for (const [id, row] of touched.get('apis') ?? []) {
        const record = toApi(row)
        if (row.retired_at === null) apis.set(id, record)
        else apis.delete(id)
        changedApis[id] = row.retired_at === null ? record.api : null
      }
      const changedPlans: Record<string, Plan | null> = {}
      for (const [id, row] of touched.get('plans') ?? []) {
        const plan = toPlan(row)
        if (row.retired_at === null) plans.set(id, plan)
        else plans.delete(id)
        changedPlans[id] = row.retired_at === null ? plan : null
      }

      const ids = new Set(touched.get('applications')?.keys() ?? [])
      for (const kind of ['credentials', 'subscriptions'] as const) for (const row of touched.get(kind)?.values() ?? []) if (row.parent !== null) ids.add(row.parent)
      if (targets.length > 0) for (const row of await tables.consumers.byTargets('subscriptions', targets)) if (row.parent !== null) ids.add(row.parent)
      const whole = [...(touched.get('organisations')?.keys() ?? [])]
      if (whole.length > 0) for (const row of await tables.consumers.byOrganisations('applications', whole)) ids.add(row.id)

      const changedApplications: Record<string, Application | null> = {}
      const list = [...ids]
      for (let start = 0; start < list.length; start += loadRows) {
        const rows = await tables.consumers.byIds('applications', list.slice(start, start + loadRows))
        for (const row of rows) if (row.retired_at !== null && applications.delete(row.id)) changedApplications[row.id] = null
        for (const application of await project(rows.filter((row) => row.retired_at === null))) {
          applications.set(application.id, application)
          changedApplications[application.id] = application
        }
      }
      owed.clear()
      version = next
      return {
        version,
        ...(list.length > 0 ? { applications: changedApplications } : {}),
        ...(Object.keys(changedPlans).length > 0 ? { plans: changedPlans } : {}),
        ...(Object.keys(changedApis).length > 0 ? { apis: changedApis } : {}),
      }
    },
  }
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  const place = a.findIndex((value, index) => value !== b[index])
  return place >= 0 && (a[place] as number) < (b[place] as number)
}

function toPlan(row: ConsumerRow): Plan {
  const { name, quotas, rate, concurrency, priority } = bodyOf(row) as unknown as ClientPlan
  return { id: row.id, name, quotas, ...(rate ? { rate } : {}), ...(concurrency === undefined ? {} : { concurrency }), priority }
}

function toApi(row: ConsumerRow): ApiRecord {
  const { name, organisation, flow, lifecycle, visibility, family, apiVersion: version, sunset, deprecatedAt } = bodyOf(row) as unknown as ManagedApi
  const said = Object.fromEntries(Object.entries({ family, version, deprecatedAt, sunset }).filter(([, value]) => value !== undefined))
  return { api: { id: row.id, name, organisation, flow, lifecycle, visibility, ...said }, deprecatedAt }
}

/** Begins the client id of whoever proves itself to the authorization server by a public key: no name of a Basic credential does. */
export const keyClientPrefix = 'key:'

/** Tokens of our own authorization server name a client by its Basic name or its public key, and are good as long as that one is. */
function toTokenCredential(credential: ClientCredential, issuer: string): ClientCredential[] {
  if (credential.kind === 'public-key') {
    const { id, jwk: _known, ...common } = credential
    return [{ ...common, kind: 'jwt', issuer, subject: `${keyClientPrefix}${id}` }]
  }
  if (credential.kind !== 'basic') return []
  const { name, verifier: _kept, ...common } = credential
  return [{ ...common, kind: 'jwt', issuer, subject: name }]
}

/** Those of which a hash is known, so that nobody but who had them learns of it; the newest. A signing secret goes when it is revoked. */
function toRevoked(rows: readonly ConsumerRow[]): ClientCredential[] {
  return rows
    .toSorted((a, b) => (b.retired_at as string).localeCompare(a.retired_at as string))
    .map(toCredential)
    .filter(({ kind }) => kind === 'key' || kind === 'basic')
    .slice(0, revokedKnown)
    .map((one) => ({ ...one, active: false }))
}

/** What is only claimed is nothing to gateways. */
function isSettled(row: ConsumerRow): boolean {
  return (bodyOf(row) as unknown as Credential).claim !== 'pending'
}

function toCredential(row: ConsumerRow): ClientCredential {
  const { kind, environment, active, expiresAt, ...one } = bodyOf(row) as unknown as Credential
  const common = { environment, active, ...(expiresAt === undefined ? {} : { expiresAt }) }
  const name = one.name ?? ''
  const kept = row.secret ?? ''
  switch (kind) {
    case 'key': return { kind, prefix: name, hash: kept, ...common }
    case 'basic': return { kind, name, verifier: kept, ...common }
    case 'hmac': return { kind, id: name, sealed: kept, ...common }
    case 'public-key': return { kind, id: name, jwk: JSON.parse(one.publicKey ?? '{}') as PublicJwk, ...common }
    case 'jwt': return { kind, issuer: one.issuer ?? '', subject: one.subject ?? '', ...common }
    default: return { kind, ...(one.fingerprint === undefined ? {} : { fingerprint: one.fingerprint }), ...(one.san === undefined ? {} : { san: one.san }), ...common }
  }
}
