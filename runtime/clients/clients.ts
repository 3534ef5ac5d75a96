import type { Api, Application, ClientChange, ClientCopy, ClientCredential, Credentialed, Plan } from '../core/clients.ts'
import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { clientSecretPurpose, unseal } from '../core/seal.ts'
import { createCompactor } from './compact.ts'
import { createIndex } from './index-of.ts'

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
  const applications = new Map<string, Application>()
  const plans = new Map<string, Plan>()
  const apis = new Map<string, Api>()
  const byKind = {
    key: createIndex(better),
    basic: createIndex(better),
    hmac: createIndex(better),
    jwt: createIndex(better),
    fingerprint: createIndex(better),
    san: createIndex(better),
  }
  const byFlow = createIndex<Api>((one, other) => rank(one) < rank(other))
  const compactor = createCompactor()
  let version = 0
  let key: Buffer | undefined
  let heardAt: number | undefined
  let told = false
  let cancelWatch = () => {}
  let followed = false

  const silentMs = () => (heardAt === undefined ? undefined : clock.elapsed() - heardAt)
  const stale = () => followed && (heardAt === undefined || clock.elapsed() - heardAt > staleMs)

  /** Where a credential is found; a certificate is pinned by its fingerprint before its name. */
  function placeOf(credential: ClientCredential): [keyof typeof byKind, string] | undefined {
    switch (credential.kind) {
      case 'key':
        return ['key', credential.prefix]
      case 'basic':
        return ['basic', credential.name]
      case 'hmac':
        return ['hmac', credential.id]
      case 'jwt':
        return ['jwt', pairOf(credential.issuer, credential.subject)]
      case 'certificate':
        if (credential.fingerprint !== undefined) return ['fingerprint', toFingerprint(credential.fingerprint)]
        return credential.san === undefined ? undefined : ['san', credential.san.toLowerCase()]
      default:
        return undefined // a kind that a newer control knows
    }
  }

  function removeApplication(id: string): void {
    const before = applications.get(id)
    if (!before) return
    applications.delete(id)
    for (const credential of before.credentials) {
      const place = placeOf(credential)
      if (place) byKind[place[0]].remove(place[1], ({ application }) => application === before)
    }
  }

  function addApplication(given: Application): void {
    const application = compactor.application(given)
    applications.set(application.id, application)
    for (const credential of application.credentials) {
      const place = placeOf(credential)
      if (place) byKind[place[0]].add(place[1], { application, credential })
    }
  }

  function setApi(id: string, api: Api | null): void {
    const before = apis.get(id)
    if (before) byFlow.remove(before.flow, (one) => one === before)
    if (!api) return void apis.delete(id)
    apis.set(id, api)
    byFlow.add(api.flow, api)
  }

  function setPlan(id: string, plan: Plan | null): void {
    if (plan) plans.set(id, plan)
    else plans.delete(id)
  }

  function watch(): void {
    cancelWatch()
    cancelWatch = clock.setTimer(() => {
      told = true
      log?.warn({ version, silentMs: Math.round(silentMs() ?? staleMs), whenStale }, 'control was not heard for longer than its records of callers may be old')
      onStale?.()
    }, staleMs)
  }

  return {
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
      return applications.size
    },
    byKey: (prefix) => byKind.key.get(prefix),
    byBasicName: (name) => byKind.basic.get(name),
    byHmacId: (id) => byKind.hmac.get(id),
    byJwt: (issuer, subject) => byKind.jwt.get(pairOf(issuer, subject)),
    byCertificate({ fingerprint, sans }) {
      const names = sans.map((san) => san.toLowerCase())
      const pinned = byKind.fingerprint.get(toFingerprint(fingerprint))
      // A record with both asks for both.
      if (pinned && hasName(pinned.credential, names)) return pinned
      for (const name of names) {
        const named = byKind.san.get(name)
        if (named) return named
      }
      return undefined
    },
    application: (id) => applications.get(id),
    plan: (id) => plans.get(id),
    apiOfFlow: (flow) => byFlow.get(flow),
    open(sealed) {
      if (!key) throw new Error('The key of client secrets has not reached this gateway.')
      return Buffer.from(unseal(key, sealed, clientSecretPurpose), 'utf8')
    },
    ids: () => applications.keys(),
    replace(snapshot) {
      // Checked before anything is let go: half a snapshot is none.
      if (!snapshot.applications.every(isApplication)) throw new TypeError('An application of the snapshot is not whole.')
      applications.clear()
      plans.clear()
      apis.clear()
      byFlow.clear()
      for (const index of Object.values(byKind)) index.clear()
      compactor.clear()
      for (const plan of snapshot.plans) setPlan(plan.id, plan)
      for (const api of snapshot.apis) setApi(api.id, api)
      for (const application of snapshot.applications) addApplication(application)
      version = snapshot.version
    },
    apply(change: ClientChange) {
      const changed = Object.entries(change.applications ?? {})
      if (!changed.every(([, application]) => application === null || isApplication(application))) throw new TypeError('An application of the change is not whole.')
      // All that goes goes first: a credential may move from one application to another.
      for (const [id] of changed) removeApplication(id)
      for (const [, application] of changed) if (application) addApplication(application)
      for (const [id, plan] of Object.entries(change.plans ?? {})) setPlan(id, plan)
      for (const [id, api] of Object.entries(change.apis ?? {})) setApi(id, api)
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

/** An active credential is shown rather than one that is not; else the later one. */
function better(one: Credentialed, other: Credentialed): boolean {
  return usable(one) >= usable(other)
}

const usable = ({ application, credential }: Credentialed) => (credential.active ? 2 : 0) + (application.active ? 1 : 0)

const order = ['PUBLISHED', 'DEPRECATED', 'PROTOTYPED', 'BLOCKED', 'CREATED', 'RETIRED']
const rank = (api: Api) => order.indexOf(api.lifecycle)

const pairOf = (issuer: string, subject: string) => `${issuer}\0${subject}`

/** `AB:CD…` and `abcd…` are one fingerprint. */
const toFingerprint = (text: string) => text.replaceAll(':', '').toLowerCase()

function hasName(credential: ClientCredential, names: readonly string[]): boolean {
  return credential.kind !== 'certificate' || credential.san === undefined || names.includes(credential.san.toLowerCase())
}
