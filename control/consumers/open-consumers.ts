import type { ClientChange, TokenMarks } from '../../runtime/core/access/clients.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Audit } from '../audit.ts'
import type { Actor, ApiGroup, ApiGroupInput, ApiProduct, ApiProductInput, AuditLog, ClientApplication, ClientApplicationInput, ClientPlan, ClientPlanInput, Consumers, Member, MemberInput, Organisation, OrganisationInput, Role } from '../contract.ts'
import { openPartners, type PartnersParts } from '../partners/open-partners.ts'
import type { SealingKey } from '../keys/key-files.ts'
import { openRevocationFeed, publishedKey } from '../oauth/revocation-feed.ts'
import { revokeTokensOfMember } from '../oauth/revoke.ts'
import { createSerial } from '../serial.ts'
import type { ConsumerRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { createApis } from './apis.ts'
import { createAuditLog } from './audit-log.ts'
import { createChecker } from './check.ts'
import { loadClientKey } from './client-key.ts'
import { createCredentials } from './credentials.ts'
import { bodyOf, type KindName } from './kind.ts'
import { applications, groups, members, organisations, plans, products } from './kinds.ts'
import { createRecords, type Desk } from './records.ts'
import { toAccess } from './rights.ts'
import { schemas } from './schemas.ts'
import { defaultSecretCost, type SecretCost } from './secrets.ts'
import { createSubscriptions } from './subscriptions.ts'
import { createUnit } from './unit.ts'
import { openView } from './view.ts'
import { applyYaml, exportYaml } from './yaml.ts'

export interface ConsumersParts {
  readonly store: Store
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
  readonly keys: { current: SealingKey; older: readonly SealingKey[] }
  readonly cost?: SecretCost | undefined
  /** The warning about a live flow that has routes which ask nobody who calls. */
  readonly publicRouteOf?: ((flow: string) => Problem | undefined) | undefined
  /** The flow that is live under an id, and whose it is; `undefined`, as when this is left out: there is none. */
  readonly flowOf?: ((id: string) => { readonly organisation?: string } | undefined) | undefined
  /** Of our own authorization server. */
  readonly tokenIssuer?: string | undefined
  /** How partner services are asked; absent: connectors fetch nothing. */
  readonly partnerFetch?: PartnersParts['fetch']
  readonly tlsOf?: PartnersParts['tlsOf']
}

/** The setting may be another one when the authorization server runs next. */
const longestTokenMs = 86_400_000
const versionKey = 'clients.version'
const retryMs = 1000

/** Opens the records of consumers: what was written is read into the view of gateways. */
export async function openConsumers({ store, audit, flowOf = () => undefined, publicRouteOf, clock, log, keys, cost = defaultSecretCost, tokenIssuer, partnerFetch, tlsOf }: ConsumersParts): Promise<Consumers & { /** How work over several records is done, for the rest of control. */ readonly desk: Desk; /** Looks at once for tokens that were taken back. */ lookForRevoked(): Promise<void>; isRevoked(token: TokenMarks): boolean; close(): void }> {
  const clientKey = await loadClientKey(store, keys, log)
  const checker = createChecker()
  let version = Number((await store.meta.get(versionKey)) ?? 0)
  const view = await openView(store, version, clock, tokenIssuer)
  const listeners = new Set<(change: ClientChange) => void>()
  const inTurn = createSerial()
  /** What is in the store and not yet in the view. */
  const behind = new Map<KindName, Map<string, ConsumerRow>>()
  let cancelRetry = () => {}

  async function access(by: Actor) {
    const rows = await store.consumers.byParents('members', [by.name])
    return toAccess(by, rows.map((row) => ({ organisation: row.organisation as string, role: (bodyOf(row) as unknown as Member).role as Role })))
  }

  async function catchUp(): Promise<void> {
    if (behind.size === 0) return
    try {
      const change = await view.follow(behind, version)
      behind.clear()
      for (const listener of listeners) tell(listener, change)
    } catch (thrown) {
      // The write is done and stays done; only gateways hear of it later.
      log.error({ reason: (thrown as Error).message }, 'a change of consumers is in the store, but could not be read back for the gateways; trying again')
      cancelRetry()
      cancelRetry = clock.setTimer(() => void inTurn(catchUp).catch(() => {}), retryMs)
    }
  }

  function tell(listener: (change: ClientChange) => void, change: ClientChange): void {
    try {
      listener(change)
    } catch (thrown) {
      log.error({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'a listener of the records of consumers failed')
    }
  }

  const desk: Desk = {
    access,
    tables: store,
    run: (by, work, given) =>
      inTurn(async () => {
        const held = given ?? (await access(by))
        const done = await store.transaction(async (tables) => {
          const unit = createUnit({ tables, access: held, checker, audit, flowOf, nowMs: clock.now() })
          const result = await work(unit)
          const concerned = view.concerns(unit.touched)
          // What a token for an API of the organisation may do followed from the role that its user had there. The admin API asks for roles at each call.
          for (const { organisation, parent: user, version: times } of unit.touched.get('members')?.values() ?? []) {
            if (organisation !== null && user !== null && times > 1) await revokeTokensOfMember(tables, { organisation, user }, clock.now(), longestTokenMs)
          }
          if (concerned) await tables.meta.set(versionKey, String(version + 1))
          return { result, concerned, touched: unit.touched }
        })
        if (done.concerned) {
          version++
          for (const [kind, rows] of done.touched) behind.set(kind, new Map([...(behind.get(kind) ?? []), ...rows]))
          await catchUp()
        }
        return done.result
      }),
  }

  const feed = tokenIssuer === undefined ? undefined : await openRevocationFeed({
    store, clock, log, issuer: tokenIssuer,
    publish: (revoked, head) => inTurn(async () => {
      await catchUp()
      // Versions go out one after the other: this one waits for those that cannot be read back yet.
      if (behind.size > 0) return false
      const next = version + 1
      await store.transaction(async (tables) => {
        await tables.meta.set(versionKey, String(next))
        await tables.meta.set(publishedKey, String(head))
      })
      version = next
      view.advance(next)
      for (const listener of listeners) tell(listener, { version: next, revoked })
      return true
    }),
  })

  const partners = openPartners({ desk, audit, clock, log, keys, fetch: partnerFetch, tlsOf })
  const auditLog: AuditLog = createAuditLog(audit, access)
  return {
    organisations: createRecords<Organisation, OrganisationInput>(organisations, desk),
    members: createRecords<Member, MemberInput>(members, desk),
    applications: createRecords<ClientApplication, ClientApplicationInput>(applications, desk),
    credentials: createCredentials(desk, { clientKey, cost }),
    plans: createRecords<ClientPlan, ClientPlanInput>(plans, desk),
    apis: createApis(desk, publicRouteOf),
    groups: createRecords<ApiGroup, ApiGroupInput>(groups, desk),
    products: createRecords<ApiProduct, ApiProductInput>(products, desk),
    subscriptions: createSubscriptions(desk),
    connectors: partners,
    audit: auditLog,
    exportYaml: (by) => exportYaml(desk, by),
    applyYaml: (yaml, options, by) => applyYaml(desk, yaml, options, by),
    schemas,
    check: (schema, value) => checker.check(schema, value),
    async rightsOf(by) {
      const held = await access(by)
      return { everywhere: [...held.everywhere], organisations: Object.fromEntries([...held.organisations].map(([id, rights]) => [id, [...rights]])) }
    },
    snapshot: () => ({ ...view.snapshot(), ...(feed ? { revoked: feed.list() } : {}) }),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    clientKey,
    desk,
    isRevoked: (token) => feed?.isRevoked(token) === true,
    lookForRevoked: async () => await feed?.look(),
    close() {
      partners.close()
      feed?.close()
      cancelRetry()
    },
  }
}
