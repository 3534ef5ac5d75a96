import type { CertificateFacts, DataKeyWear, Domain, DomainPart, Expected, Grant, Key, KeyAlgorithm, KeyKind, KeySchedulePart, KeyUse, KeyVersionFacts, NewKey, Reveal, RevealVerdict, SecretFacts, VaultStatus } from '../../vault/contract.ts'
import type { Actor, Page } from '../consumers-contract.ts'

export type { CertificateFacts, DataKeyWear, Domain, DomainPart, Expected, Key, KeyAlgorithm, KeyKind, KeySchedulePart, KeyUse, KeyVersionFacts, NewKey, Reveal, RevealVerdict, SecretFacts, VaultStatus }

/**
 * The vault, as those who answer for data run it: where tokens are unique, who may see values, what keys and secrets there are, and
 * who looked. Rights are checked here, behind the door; every change is in the audit log: who and what, never a value.
 *
 * Nothing of it belongs to an organisation, but grants do to that of their application. Every method throws Refused: `auth.role`
 * 403, `record.stale` 412 when a change started from another revision than `expected`, `vault.none` 503 when this installation has no vault, `vault.unavailable` 503 when it does not answer, `record.invalid` 422,
 * and the codes named at the method.
 */
export interface DataProtection {
  status(by: Actor): Promise<VaultStatus>
  /** A new version of the master key; what older ones wrapped is wrapped anew in the background. */
  rotateMasterKey(by: Actor): Promise<VaultStatus>
  readonly domains: {
    list(by: Actor): Promise<readonly Domain[]>
    /** @throws Refused `domain.unknown` 404 */
    get(name: string, by: Actor): Promise<Domain>
    /** @throws Refused `domain.exists` 409 */
    create(name: string, part: DomainPart, by: Actor): Promise<Domain>
    /** Changes what `part` names. @throws Refused `domain.unknown` 404, `domain.shredded` 410 */
    change(name: string, part: DomainPart, by: Actor, expected?: Expected): Promise<Domain>
    /** A new data key for what is sealed from now on; older rows are sealed anew in the background. */
    rotate(name: string, by: Actor): Promise<Domain>
    /** Makes every value of the domain unreadable, for good. @throws Refused `vault.confirm` 422 unless `confirm` is its name */
    shred(name: string, confirm: string, by: Actor, expected?: Expected): Promise<Domain>
    /** The same for one data subject. The audit log names him by his mark only. */
    shredSubject(name: string, subject: string, by: Actor): Promise<{ readonly shredded: number; readonly mark: string }>
  }
  readonly grants: {
    /** Who may not read the vault sees those of applications of his organisations, and of his own. */
    list(query: { readonly application?: string; readonly domain?: string }, by: Actor): Promise<readonly KnownGrant[]>
    /** The same for a page that shows other things too; nothing when there is no vault, or none was needed yet. It is waited for shortly. */
    peek(application: string, by: Actor): Promise<readonly KnownGrant[] | undefined>
    /** Where the organisation of the application wants four eyes, this only asks for it. */
    add(grant: GrantInput, by: Actor): Promise<KnownGrant>
    /** Agrees to what somebody asked for, or turns it down. @throws Refused `grant.unknown` 404, `grant.four_eyes` 403 */
    decide(id: string, agree: boolean, by: Actor): Promise<KnownGrant | undefined>
    /** @throws Refused `grant.unknown` 404 */
    remove(id: string, by: Actor): Promise<void>
  }
  readonly keys: {
    list(by: Actor): Promise<readonly Key[]>
    /** @throws Refused `key.unknown` 404 */
    get(name: string, by: Actor): Promise<Key>
    /** With `material` it is imported: that is in no answer and no log. @throws Refused `key.exists` 409, `key.material` 422 */
    create(name: string, part: NewKey, by: Actor): Promise<Key>
    /** @throws Refused `key.unknown` 404 */
    rotate(name: string, by: Actor, expected?: Expected): Promise<Key>
    /** When the vault replaces it by itself, and for how long older versions go on. @throws Refused `key.unknown` 404, `key.schedule` 422 */
    schedule(name: string, part: KeySchedulePart, by: Actor, expected?: Expected): Promise<Key>
    /** Of the whole key, or of one of its versions. */
    setState(name: string, state: Key['state'], version: number | undefined, by: Actor, expected?: Expected): Promise<Key>
    /** Who used it, by the hour, the newest first. @throws Refused `key.unknown` 404 */
    uses(name: string, limit: number, by: Actor): Promise<readonly KeyUse[]>
    /** Public halves of a key set (RFC 7517). */
    publicSet(set: string, by: Actor): Promise<{ readonly keys: readonly unknown[] }>
    /** The same for everybody, as it was a few seconds ago. @throws Refused `key_set.unknown` 404 */
    published(set: string): Promise<{ readonly keys: readonly unknown[] }>
  }
  readonly certificates: {
    /** The one that ends first comes first. */
    list(by: Actor): Promise<readonly CertificateFacts[]>
    /** @throws Refused `certificate.unknown` 404 */
    get(name: string, by: Actor): Promise<CertificateFacts>
    /** With `none` only where there is none yet. @throws Refused `record.exists` 409 when there is */
    put(name: string, pem: string, by: Actor, expected?: Expected): Promise<CertificateFacts>
    remove(name: string, by: Actor, expected?: Expected): Promise<void>
  }
  /** Values go in and never come out. */
  readonly secrets: {
    list(by: Actor): Promise<readonly SecretFacts[]>
    /** @throws Refused `secret.unknown` 404 */
    get(name: string, by: Actor): Promise<SecretFacts>
    /** With `none` only where there is none yet. @throws Refused `record.exists` 409 when there is */
    set(name: string, value: string, description: string | undefined, by: Actor, expected?: Expected): Promise<SecretFacts>
    remove(name: string, by: Actor, expected?: Expected): Promise<void>
  }
  readonly reveals: {
    /** Newest first. */
    list(query: RevealPageQuery, by: Actor): Promise<Page<Reveal>>
    /** All there are at this moment, oldest first, as CSV (RFC 4180) with a line of heads, piece by piece. On record before the first piece. */
    csv(query: Pick<RevealPageQuery, 'domain' | 'client'> & { readonly after?: number }, by: Actor): Promise<AsyncIterable<string>>
    verify(by: Actor): Promise<RevealVerdict>
  }
}

/** A grant, or one that somebody asked for and a second person has to agree to. */
export interface KnownGrant extends Grant {
  readonly state: 'active' | 'expired' | 'requested'
  /** The client, unless there is no application of that id any more. */
  readonly application?: { readonly name: string; readonly clearance?: string }
}

export interface GrantInput {
  readonly domain: string
  /** Id of an application. */
  readonly client: string
  readonly purpose: string
  /** RFC 3339, in the future; absent: until it is taken back. */
  readonly until?: string
}

export interface RevealPageQuery {
  readonly limit?: number
  /** `next` of the page before. */
  readonly cursor?: string
  readonly domain?: string
  readonly client?: string
}
