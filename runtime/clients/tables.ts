import type { Api, Application, ClientCredential, Credentialed, KnownApi, Plan } from '../core/access/clients.ts'
import { familyOf } from '../core/access/api-family.ts'
import { createCompactor } from './compact.ts'
import { createIndex } from './index-of.ts'
import { createRevoked } from '../core/access/revoked.ts'
import { toKnownApi } from './known-api.ts'

/** The records of one state of the world, with an index for whatever a caller may show. */
export function createTables() {
  const applications = new Map<string, Application>()
  const plans = new Map<string, Plan>()
  const apis = new Map<string, KnownApi>()
  const families = new Map<string, readonly KnownApi[]>()
  const byKind = {
    key: createIndex(better),
    basic: createIndex(better),
    signer: createIndex(better),
    jwt: createIndex(better),
    fingerprint: createIndex(better),
    san: createIndex(better),
  }
  const byFlow = createIndex<KnownApi>((one, other) => rank(one) < rank(other))
  const compactor = createCompactor()
  const { revoke, isRevoked } = createRevoked()

  function leaveFamily(api: KnownApi): void {
    const family = familyOf(api)
    const rest = families.get(family)?.filter((one) => one !== api) ?? []
    if (rest.length === 0) families.delete(family)
    else families.set(family, rest)
  }

  return {
    applications,
    plans,
    apis,
    byKind,
    byFlow,
    revoke,
    isRevoked,
    families,
    removeApplication(id: string): void {
      const before = applications.get(id)
      if (!before) return
      applications.delete(id)
      for (const credential of heldBy(before)) {
        const place = placeOf(credential)
        if (place) byKind[place[0]].remove(place[1], ({ application }) => application === before)
      }
    },
    addApplication(given: Application): void {
      const application = compactor.application(given)
      applications.set(application.id, application)
      for (const credential of heldBy(application)) {
        const place = placeOf(credential)
        if (place) byKind[place[0]].add(place[1], { application, credential })
      }
    },
    setApi(id: string, api: Api | null): void {
      const before = apis.get(id)
      if (before) {
        byFlow.remove(before.flow, (one) => one === before)
        leaveFamily(before)
      }
      if (!api) return void apis.delete(id)
      const known = toKnownApi(api)
      apis.set(id, known)
      byFlow.add(known.flow, known)
      const family = familyOf(known)
      families.set(family, [...(families.get(family) ?? []), known])
    },
    setPlan(id: string, plan: Plan | null): void {
      if (plan) plans.set(id, plan)
      else plans.delete(id)
    },
  }
}

export type Tables = ReturnType<typeof createTables>

type Kind = 'key' | 'basic' | 'signer' | 'jwt' | 'fingerprint' | 'san'

const heldBy = ({ credentials, revoked }: Application): readonly ClientCredential[] => (revoked ? [...credentials, ...revoked] : credentials)

/** Where a credential is found; a certificate is pinned by its fingerprint before its name. */
function placeOf(credential: ClientCredential): [Kind, string] | undefined {
  switch (credential.kind) {
    case 'key':
      return ['key', credential.prefix]
    case 'basic':
      return ['basic', credential.name]
    case 'hmac':
    case 'public-key':
      return ['signer', credential.id]
    case 'jwt':
      return ['jwt', pairOf(credential.issuer, credential.subject)]
    case 'certificate':
      if (credential.fingerprint !== undefined) return ['fingerprint', toFingerprint(credential.fingerprint)]
      return credential.san === undefined ? undefined : ['san', credential.san.toLowerCase()]
    default:
      return undefined // a kind that a newer control knows
  }
}

/** Key of an issuer and a subject together: no name holds a NUL. */
export const pairOf = (issuer: string, subject: string): string => `${issuer}\0${subject}`

/** `AB:CD…` and `abcd…` are one fingerprint. */
export const toFingerprint = (text: string): string => text.replaceAll(':', '').toLowerCase()

/** An active credential is shown rather than one that is not; else the later one. */
function better(one: Credentialed, other: Credentialed): boolean {
  return usable(one) >= usable(other)
}

const usable = ({ application, credential }: Credentialed) => (credential.active ? 2 : 0) + (application.active ? 1 : 0)

const order = ['PUBLISHED', 'DEPRECATED', 'PROTOTYPED', 'BLOCKED', 'CREATED', 'RETIRED']
const rank = (api: Api) => order.indexOf(api.lifecycle)
