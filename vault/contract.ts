import type { Saying } from '../runtime/core/saying.ts'
import type { VaultAnswer, VaultAsk } from '../runtime/core/secrets/vault.ts'
import type { KeyAlgorithm, KeyKind } from './words/key-kinds.ts'

/**
 * What a vault says to the outside. `/v1/ask`, `/v1/secrets` and `/v1/status` are for gateways, everything else for control;
 * neither may do what is the other's: control sees no value, a gateway grants nothing.
 */
export interface AskRequest { readonly asks: readonly VaultAsk[] }
export interface AskReply { readonly answers: readonly VaultAnswer[] }

/**
 * `POST /v1/secrets`: the newest values of secrets. Those of which the gateway has the newest version already, as `known` says, are left
 * out, so that asking again is how a gateway hears of a rotation.
 */
export interface SecretsRequest { readonly names: readonly string[]; readonly known?: Readonly<Record<string, number>> }
export interface SecretsReply {
  readonly secrets: Readonly<Record<string, { readonly value: string; readonly version: number }>>
  /** Names of no secret. */
  readonly unknown: readonly string[]
}

/** Which revision of a record a change started from; `none`: there was to be none yet; absent: whichever there is. Travels as `If-Match`, or `If-None-Match: *`. */
export type Expected = number | 'none' | undefined

/** How far a data key is used. */
export interface DataKeyWear {
  /** What it seals: `domain:customers`, `keys`, `secrets`. */
  readonly scope: string
  readonly version: number
  /** When it was made; RFC 3339. */
  readonly since: string
  /** Values that it sealed, counted by samples: 0 is below 65,536 or so. All vaults on one database count together. */
  readonly seals: number
  /** Of those that it seals before another takes its place by itself, which is at 1. */
  readonly share: number
  /** When that is, if it goes on as it went since it was made; absent: nothing says so yet, or nobody lives to see it. */
  readonly fullAt?: string
}

/** Where tokens are unique, and what one data key is for. */
export interface Domain {
  readonly name: string
  readonly description?: string
  /** Clearances of which a viewer must have one; empty: none is asked for. */
  readonly clearances: readonly string[]
  /** Purposes that grants may name. */
  readonly purposes: readonly string[]
  /** Seconds that tokens live when their node does not say; absent: for ever. */
  readonly ttlS?: number
  /** Comparisons (`verify`) per client and minute that may come out different; absent: 60. All vaults on one database count together. */
  readonly guessesPerMinute?: number
  readonly state: 'active' | 'shredded'
  /** Version of the data key that new rows are sealed under. */
  readonly keyVersion: number
  /** How far that is used; absent: it was shredded. */
  readonly dataKey?: DataKeyWear
  readonly createdAt: string
  /** Counts up with every change. */
  readonly revision: number
}

/** That a client may see values of a domain for a purpose. */
export interface Grant {
  readonly id: string
  readonly domain: string
  readonly client: string
  readonly purpose: string
  /** RFC 3339; absent: until it is taken back. */
  readonly until?: string
  readonly createdAt: string
  readonly by: string
}

export type { KeyAlgorithm, KeyKind }

/** What the vault does with versions of a key by itself; absent: nothing. */
export interface KeySchedule {
  /** Days after which the current version is replaced; 1 … 3650. */
  readonly rotateEveryDays?: number
  /** Days that a version goes on decrypting and verifying after it was replaced; then it is switched off, not destroyed. 1 … 36500; absent: for ever. */
  readonly keepOldDays?: number
}

export interface KeyVersionFacts {
  readonly version: number
  readonly createdAt: string
  readonly state: 'active' | 'disabled'
  /** Absent: somebody had it made. */
  readonly made?: 'schedule' | 'import'
  /** When the vault switches it off; RFC 3339. */
  readonly offAt?: string
}

/** A key by name; its material is in no answer. */
export interface Key extends KeySchedule {
  readonly name: string
  readonly kind: KeyKind
  /** The one thing it does, chosen when it is made: one of `algorithmsFor` its kind. */
  readonly algorithm: KeyAlgorithm
  /** Key set whose public halves are published together. */
  readonly set?: string
  readonly state: 'active' | 'disabled'
  readonly current: number
  readonly versions: readonly KeyVersionFacts[]
  /** When the current version is to be replaced; RFC 3339. Absent: by nobody but people, or not while the key is off. */
  readonly dueAt?: string
  /** Counts up with every change. */
  readonly revision: number
}

/** How often a key was used in an hour, by whom and with which outcome; refused uses are counted too. */
export interface KeyUse {
  /** Its begin; RFC 3339. */
  readonly hour: string
  readonly key: string
  /** null: none was used, as of a refusal. */
  readonly version: number | null
  readonly do: 'encrypt' | 'decrypt' | 'sign' | 'check'
  /** `invalid`: a text or signature that does not fit the key; `disabled` and `unfit`: the key did nothing; `failed`: it could not be read. */
  readonly outcome: 'done' | 'invalid' | 'disabled' | 'unfit' | 'failed'
  /** null: nobody proved who calls. */
  readonly client: string | null
  readonly flow: string
  readonly count: number
}

/** What is left out stays; `null` takes it away. */
export type KeySchedulePart = { readonly [name in keyof KeySchedule]: KeySchedule[name] | null }

/** Material comes in once, and is in no answer; with it the kind may be left out where the material says it. */
export type NewKey = Partial<Pick<Key, 'kind' | 'set' | 'algorithm'>> & KeySchedulePart & { readonly material?: string | undefined }

export interface CertificateFacts {
  readonly name: string
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly fingerprint: string
  readonly notBefore: string
  readonly notAfter: string
  readonly daysLeft: number
  /** Counts up with every change, and with every alarm that was given. */
  readonly revision: number
}

/** A secret by name; its value is given to gateways only. */
export interface SecretFacts {
  readonly name: string
  readonly description?: string
  /** Of the value; counts up with every change of anything, and is the revision too. */
  readonly version: number
  readonly updatedAt: string
  readonly by: string
}

/** One line of the record of reveals, refused ones and comparisons included. */
export interface Reveal {
  readonly number: number
  readonly at: string
  readonly domain: string
  /** Hash of the token: enough to find it with the token in hand. */
  readonly token: string
  readonly client: string | null
  readonly purpose: string
  readonly run: string
  readonly flow: string
  readonly node: string
  readonly outcome: 'revealed' | 'denied' | 'unknown' | 'expired'
    /** Of comparisons; `too-many`: not made, because so many before it came out different. */
    | 'same' | 'different' | 'too-many'
}

export interface VaultStatus {
  readonly ok: boolean
  readonly masterKey: { readonly provider: 'file' | 'pkcs11'; readonly id: string; readonly since: string }
  readonly store: 'sqlite' | 'postgresql'
  readonly domains: number
  readonly tokens: number
  /** Rows still under an older data or master key, while a rotation goes on. */
  readonly toReseal: number
  /** `fullest`: how near the newest data key that sealed most is to being replaced by itself (1), which is at half of what it may; `replaced`: how many were, by this vault since it started; `used`: the newest ones that sealed most, without those of data subjects, at most 20. */
  readonly dataKeys?: { readonly replaced: number; readonly fullest: number; readonly used?: readonly DataKeyWear[] }
  /** `overdue`: of those on a schedule, due for more than an hour; `replaced`: how many versions this vault made by schedule since it started; `next`: the one that is due first. */
  readonly keys?: { readonly made: number; readonly scheduled: number; readonly overdue: number; readonly replaced: number; readonly next?: { readonly key: string; readonly at: string } }
  /** `leastDaysLeft`: of the one that ends first, below 0 when it has; absent when there is none. */
  readonly certificates?: { readonly imported: number; readonly expired: number; readonly leastDaysLeft?: number }
}

/**
 * What operators do, by HTTP: `GET|PUT /v1/domains/:name`, `POST /v1/domains/:name/rotate|shred`, `POST /v1/domains/:name/subjects/shred`
 * ({ subject }), `GET|POST /v1/grants`, `DELETE /v1/grants/:id`, `GET|PUT /v1/keys/:name`, `GET /v1/keys/:name/uses?limit=`, `POST /v1/keys/:name/rotate|disable|enable`, `PUT /v1/keys/:name/schedule`,
 * `GET /v1/key-sets/:name` (JWKS), `GET|PUT|DELETE /v1/certificates/:name`, `GET /v1/secrets-list`, `PUT|DELETE /v1/secrets/:name`,
 * `GET /v1/reveals?after=&before=&limit=&domain=&client=`, `GET /v1/reveals/verify`, `POST /v1/master-key/rotate`, `GET /v1/status`.
 * Every change says who asked for it in `X-Sluice-User`, and may say what it started from ({@link Expected}). Lists are `{ items: [] }`, faults are problem documents.
 */
export interface VaultDesk {
  domains: { list(): Promise<readonly Domain[]>; put(name: string, part: DomainPart, by: string, expected?: Expected): Promise<Domain>; rotate(name: string, by: string): Promise<Domain>; shred(name: string, by: string, expected?: Expected): Promise<Domain>; shredSubject(name: string, subject: string, by: string): Promise<{ shredded: number }> }
  grants: { list(): Promise<readonly Grant[]>; add(grant: Pick<Grant, 'domain' | 'client' | 'purpose' | 'until'>, by: string): Promise<Grant>; remove(id: string, by: string): Promise<void> }
  keys: { list(): Promise<readonly Key[]>; /** With `material` it is one that was made elsewhere: a private key in PEM, a JWK, base64url of a secret. */ create(name: string, part: NewKey, by: string): Promise<Key>; rotate(name: string, by: string, expected?: Expected): Promise<Key>; schedule(name: string, part: KeySchedulePart, by: string, expected?: Expected): Promise<Key>; setState(name: string, state: Key['state'], by: string, version?: number, expected?: Expected): Promise<Key>; publicSet(set: string): Promise<{ keys: readonly unknown[] }>; /** The newest hours first; `limit` 1 … 1000. */ uses(name: string, limit?: number): Promise<readonly KeyUse[]> }
  certificates: { list(): Promise<readonly CertificateFacts[]>; put(name: string, pem: string, by: string, expected?: Expected): Promise<CertificateFacts>; remove(name: string, by: string, expected?: Expected): Promise<void> }
  secrets: { list(): Promise<readonly SecretFacts[]>; put(name: string, value: string, description: string | undefined, by: string, expected?: Expected): Promise<SecretFacts>; remove(name: string, by: string, expected?: Expected): Promise<void> }
  reveals: { list(query: RevealQuery): Promise<readonly Reveal[]>; verify(): Promise<RevealVerdict> }
  status(): Promise<VaultStatus>
  rotateMasterKey(by: string): Promise<VaultStatus>
}

/** What reading the whole record of reveals found. */
export interface RevealVerdict extends Partial<Saying> {
  readonly ok: boolean
  readonly entries: number
  /** The first bad one, and what is wrong with it: a code with facts, and the sentence in English. */
  readonly number?: number
  readonly reason?: string
}

/** `ttlS: null`: tokens live for ever from now on; `guessesPerMinute: null`: as many as by default. */
export type DomainPart = Partial<Pick<Domain, 'description' | 'clearances' | 'purposes'>> & { readonly ttlS?: number | null; readonly guessesPerMinute?: number | null }

/** With `before` (a number, or `newest`) those with a smaller one, the newest first; else those with a number above `after`, the oldest first. */
export interface RevealQuery {
  readonly after?: number
  readonly before?: number | 'newest'
  /** 1 … 1000; 100 when absent. */
  readonly limit?: number
  readonly domain?: string
  readonly client?: string
}
