import type { Application, ClientChange, ClientCopy, ClientCredential, StagedClients } from '../core/access/clients.ts'
import type { Clock } from '../core/time/clock.ts'
import type { Log } from '../core/log.ts'
import { clientSecretPurpose, unseal } from '../core/secrets/seal.ts'
import { createTables, pairOf, toFingerprint } from './tables.ts'

export interface ClientsOptions {
  readonly clock: Clock
  /** How long control may be silent before the copy counts as stale; default 10 s. */
  readonly staleMs?: number
  /** `refuse`: a stale copy is not `fresh`, and nodes turn callers away. Default `serve`. */
  readonly whenStale?: 'serve' | 'refuse'
  /** Says when control fell silent and when it is back. */
  readonly log?: Log
  /** Told once each time the copy becomes stale. */
  readonly onStale?: () => void
}

const defaultStaleMs = 10_000

/**
 * The records of a gateway, found in constant time by whatever a caller shows. A change is worked in within one turn
 * of the event loop, so no look-up sees half of it, and a record that a request holds stays as it was.
 */
export function createClients({ clock, staleMs = defaultStaleMs, whenStale = 'serve', log, onStale }: ClientsOptions): ClientCopy {
  let tables = createTables()
  let version = 0
  let key: Buffer | undefined
  let heardAt: number | undefined
  let told = false
  let cancelWatch = () => {}
  let followed = false

  const silentMs = () => (heardAt === undefined ? undefined : clock.elapsed() - heardAt)
  const stale = () => followed && (heardAt === undefined || clock.elapsed() - heardAt > staleMs)

  function watch(): void {
    cancelWatch()
    cancelWatch = clock.setTimer(() => {
      told = true
      log?.warn({ version, silentMs: Math.round(silentMs() ?? staleMs), whenStale }, 'control was not heard for longer than the records of callers may be old')
      onStale?.()
    }, staleMs + 1)
  }

  function stage(): StagedClients {
    const next = createTables()
    return {
      add(applications) {
        if (!applications.every(isApplication)) throw new TypeError('An application of the snapshot is not whole.')
        for (const application of applications) next.addApplication(application)
      },
      commit(rest) {
        for (const plan of rest.plans) next.setPlan(plan.id, plan)
        for (const api of rest.apis) next.setApi(api.id, api)
        if (rest.revoked) next.revoke(rest.revoked, clock.now())
        tables = next
        version = rest.version
      },
    }
  }

  return {
    staleMs,
    whenStale,
    get version() {
      return version
    },
    get fresh() {
      return whenStale === 'serve' || !stale()
    },
    get stale() {
      return stale()
    },
    get silentMs() {
      return silentMs()
    },
    get applications() {
      return tables.applications.size
    },
    byKey: (prefix) => tables.byKind.key.get(prefix),
    byBasicName: (name) => tables.byKind.basic.get(name),
    bySigner: (id) => tables.byKind.signer.get(id),
    byJwt: (issuer, subject) => tables.byKind.jwt.get(pairOf(issuer, subject)),
    byCertificate({ fingerprint, sans }) {
      // Records may name `DNS:client.example` or just the name.
      const names = sans.flatMap((san) => [san, san.slice(san.indexOf(':') + 1)]).map((san) => san.toLowerCase())
      const pinned = tables.byKind.fingerprint.get(toFingerprint(fingerprint))
      // A record with both asks for both.
      if (pinned && hasName(pinned.credential, names)) return pinned
      for (const name of names) {
        const named = tables.byKind.san.get(name)
        if (named) return named
      }
      return undefined
    },
    application: (id) => tables.applications.get(id),
    plan: (id) => tables.plans.get(id),
    api: (id) => tables.apis.get(id),
    apiOfFlow: (flow) => tables.byFlow.get(flow),
    apisOfFamily: (family) => tables.families.get(family) ?? [],
    isRevoked: (token) => tables.isRevoked(token),
    open(sealed) {
      if (!key) throw new Error('The key of client secrets has not reached this gateway.')
      return Buffer.from(unseal(key, sealed, clientSecretPurpose), 'utf8')
    },
    ids: () => ({ applications: tables.applications.keys(), plans: tables.plans.keys(), apis: tables.apis.keys() }),
    stage,
    replace(snapshot) {
      const staged = stage()
      staged.add(snapshot.applications)
      staged.commit(snapshot)
    },
    apply(change: ClientChange) {
      const changed = Object.entries(change.applications ?? {})
      if (!changed.every(([, application]) => application === null || isApplication(application))) throw new TypeError('An application of the change is not whole.')
      // All that goes goes first: a credential may move from one application to another.
      for (const [id] of changed) tables.removeApplication(id)
      for (const [, application] of changed) if (application) tables.addApplication(application)
      if (change.revoked) tables.revoke(change.revoked, clock.now())
      for (const [id, plan] of Object.entries(change.plans ?? {})) tables.setPlan(id, plan)
      for (const [id, api] of Object.entries(change.apis ?? {})) tables.setApi(id, api)
      version = change.version
    },
    follow() {
      followed = true
      watch()
    },
    heard() {
      heardAt = clock.elapsed()
      if (told) log?.info({ version }, 'control is heard again; the records of callers are up to date')
      told = false
      if (followed) watch()
    },
    setKey(next) {
      key = next
    },
    close: () => cancelWatch(),
  }
}

function isApplication(value: Application): boolean {
  return typeof value?.id === 'string' && Array.isArray(value.credentials) && Array.isArray(value.subscriptions)
}

function hasName(credential: ClientCredential, names: readonly string[]): boolean {
  return credential.kind !== 'certificate' || credential.san === undefined || names.includes(credential.san.toLowerCase())
}
