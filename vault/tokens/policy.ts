import type { KeyObject } from 'node:crypto'
import type { Viewer } from '../../runtime/core/secrets/vault.ts'
import { Fault } from '../../runtime/core/fault.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Domain, Grant } from '../contract.ts'
import type { DataKeys } from '../envelope.ts'
import type { RecordStore, Sealed, VaultRecord } from '../parts.ts'

/** A domain without what its keys know. */
export type DomainFacts = Omit<Domain, 'keyVersion' | 'dataKey'>

/** What may be done at a moment: domains, grants, and the keys of the blind indexes. */
export interface Policy {
  readonly domains: ReadonlyMap<string, DomainFacts>
  readonly grants: ReadonlyMap<string, Grant>
  /** Of the domains that are not shredded. */
  readonly indexes: ReadonlyMap<string, KeyObject>
  /** Grows when keys were retired or shredded. */
  readonly keys: number
}

/** The policy of now; without a promise while it is known to be fresh. */
export interface PolicyWatch {
  look(): Policy | Promise<Policy>
}

export function scopeOf(domain: string): string {
  return `domain:${domain}`
}

/** Scope under which domains and grants are sealed: whoever can write to the database alone grants nothing. */
const policyScope = 'policy'

export function sealPolicy(envelope: DataKeys, kind: 'domain' | 'grant', name: string, version: number, facts: object): Promise<Sealed> {
  return envelope.seal(policyScope, `${kind}:${name}:${version}`, Buffer.from(JSON.stringify(facts)))
}

export function createPolicyWatch({ records, envelope, log }: { readonly records: RecordStore; readonly envelope: DataKeys; readonly log: Log }): PolicyWatch {
  let last: { readonly policy: Policy; readonly marks: string } | undefined
  let loading: { readonly marks: string; readonly promise: Promise<Policy> } | undefined

  async function load(marks: string, keys: number): Promise<Policy> {
    const [domains, grants] = await Promise.all([records.list('domain'), records.list('grant')])
    const domainMap = new Map<string, DomainFacts>()
    const grantMap = new Map<string, Grant>()
    const indexes = new Map<string, KeyObject>()
    for (const record of domains) {
      if (!(await isGenuine(record))) continue
      const domain = { ...record.facts, name: record.name } as unknown as DomainFacts
      domainMap.set(record.name, domain)
      if (domain.state === 'shredded') continue
      try {
        indexes.set(record.name, await envelope.index(scopeOf(record.name)))
      } catch (thrown) {
        if (!(thrown instanceof Fault && thrown.code === 'domain.shredded')) throw thrown
        domainMap.set(record.name, { ...domain, state: 'shredded' })
      }
    }
    for (const record of grants) {
      if (!(await isGenuine(record))) continue
      const grant = { ...record.facts, id: record.name } as unknown as Grant
      grantMap.set(grantKey(grant.domain, grant.client, grant.purpose), grant)
    }
    const policy = { domains: domainMap, grants: grantMap, indexes, keys }
    // One that was slow does not take the place of a newer one.
    if (loading?.marks === marks) last = { policy, marks }
    return policy
  }

  async function isGenuine({ kind, name, version, facts, sealed }: VaultRecord): Promise<boolean> {
    // A key that cannot be had at the moment is no sign that something was changed: that is thrown.
    const key = sealed && (await envelope.load([Number(sealed.keyId)])).get(Number(sealed.keyId))
    try {
      if (sealed && key?.scope === policyScope && envelope.openWith(key, `${kind}:${name}:${version}`, sealed.bytes).toString() === JSON.stringify(facts)) return true
    } catch {
      // told below
    }
    log.error({ kind, name }, 'A record of the vault was changed in its database by somebody else; it counts for nothing.')
    return false
  }

  async function settle(marks: string, keys: number): Promise<Policy> {
    if (loading?.marks !== marks) {
      const promise = load(marks, keys).finally(() => {
        if (loading?.promise === promise) loading = undefined
      })
      loading = { marks, promise }
    }
    return await loading.promise
  }

  let decided: ReadonlyMap<string, number> | undefined
  const decide = (revisions: ReadonlyMap<string, number>): Policy | Promise<Policy> => {
    if (last && decided === revisions) return last.policy
    const keys = revisions.get('data-key') ?? 0
    const marks = `${revisions.get('domain') ?? 0} ${revisions.get('grant') ?? 0} ${keys}`
    if (last?.marks !== marks) return settle(marks, keys)
    decided = revisions
    return last.policy
  }

  return {
    look() {
      const looked = envelope.watch.look()
      return looked instanceof Promise ? looked.then(decide) : decide(looked)
    },
  }
}

/** Key of the one grant of a client, domain and purpose. */
export function grantKey(domain: string, client: string, purpose: string): string {
  return JSON.stringify([domain, client, purpose])
}

/** What is missing for somebody to see values: nobody proved who calls, a clearance, a purpose of the domain, a grant; or the grant ended. */
export type WhyDenied = 'caller' | 'clearance' | 'purpose' | 'grant' | 'ended'

/** Why somebody may not see values of a domain; `undefined`: he may. */
export function whyDenied(policy: Policy, domain: DomainFacts, viewer: Viewer, now: number): WhyDenied | undefined {
  const { client, clearance, purpose } = viewer
  if (typeof client !== 'string' || client === '' || typeof purpose !== 'string') return 'caller'
  if (domain.clearances.length > 0 && (clearance === undefined || !domain.clearances.includes(clearance))) return 'clearance'
  if (!domain.purposes.includes(purpose)) return 'purpose'
  const grant = policy.grants.get(grantKey(domain.name, client, purpose))
  if (grant === undefined) return 'grant'
  return grant.until === undefined || Date.parse(grant.until) > now ? undefined : 'ended'
}
