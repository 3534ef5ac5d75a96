import type { QuotaAlgorithm, QuotaUnit } from './quota-windows.ts'
import type { PublicJwk } from './signing-key.ts'

/**
 * Who may call, as gateways know it: a copy of control's records that each gateway keeps on disk, so that callers
 * are known while control is away. Holds no secret in clear; what a caller must prove is kept as a hash, a public
 * key or a secret sealed for this gateway.
 */
export interface ClientSnapshot {
  /** Counts up with every change. */
  readonly version: number
  readonly applications: readonly Application[]
  readonly plans: readonly Plan[]
  readonly apis: readonly Api[]
  readonly revoked?: readonly TokenRevocation[]
}

/** One part of a snapshot that changed; `undefined` as value: removed. Applied in order, `version` after it. */
export interface ClientChange {
  readonly version: number
  readonly applications?: Readonly<Record<string, Application | null>>
  readonly plans?: Readonly<Record<string, Plan | null>>
  readonly apis?: Readonly<Record<string, Api | null>>
  /** Beside those known already. */
  readonly revoked?: readonly TokenRevocation[]
}

/** Tokens of an issuer that ended before their time. */
export interface TokenRevocation {
  readonly issuer: string
  /** `jti:<id>` of one token, `grant:<claim gid>` of all that came of one consent, `user:<sub>`, `member:<claim org>:<sub>`, `client:<client_id>`. */
  readonly id: string
  /** When no such token is alive any more, ms since 1970. */
  readonly untilMs: number
  /** Only tokens that were issued until then; absent: all of them. */
  readonly beforeMs?: number
}

/** What a token says that a revocation may name. */
export interface TokenMarks {
  readonly issuer: string
  readonly token?: string
  readonly grant?: string
  readonly user?: string
  /** Whose API it is for: what its user may there followed from the role in it. */
  readonly organisation?: string
  readonly client?: string
  /** Absent: taken as issued long ago. */
  readonly issuedAtMs?: number
}

/** Something that calls: it belongs to an organisation, holds credentials and subscribes to APIs. */
export interface Application {
  readonly id: string
  readonly name: string
  readonly organisation: string
  readonly active: boolean
  readonly rules: ClientRules
  readonly credentials: readonly ClientCredential[]
  readonly subscriptions: readonly Subscription[]
  /** Keys and passwords that were taken back lately, none of them active: whoever still shows one is told so. */
  readonly revoked?: readonly ClientCredential[]
  /** Version it is held to, by family of APIs: where a call asks for none, it gets this one. */
  readonly pins?: Readonly<Record<string, string>>
}

/** Limits of who, from where and when, whatever is called. Each is optional. */
export interface ClientRules {
  /** IPv4 and IPv6 networks; none: from everywhere. */
  readonly cidrs?: readonly string[]
  /** RFC 3339. Each end is optional. */
  readonly validFrom?: string
  readonly validUntil?: string
  readonly hours?: ServiceHours
  /** Label that nodes may ask for. */
  readonly clearance?: string
  /** Partner facts that flows may fill into requests. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** Weekly opening hours. A window whose end is not after its start goes over midnight. */
export interface ServiceHours {
  /** IANA time zone. */
  readonly zone: string
  readonly windows: readonly { /** 1 Monday … 7 Sunday. */ readonly days: readonly number[]; /** HH:MM. */ readonly from: string; readonly to: string }[]
}

/** What a credential is good for: the real thing, or trying it out. */
export type ClientEnvironment = 'production' | 'sandbox'

export type ClientCredential = (
  | { readonly kind: 'key'; /** Public part; the caller sends `prefix.secret`. */ readonly prefix: string; /** SHA-256 of the secret, base64url. */ readonly hash: string }
  | { readonly kind: 'basic'; readonly name: string; /** `scrypt$N$r$p$salt$hash`, base64url parts. */ readonly verifier: string }
  | { readonly kind: 'hmac'; /** Key id. */ readonly id: string; /** Sealed under a key that only gateways have; base64. */ readonly sealed: string }
  | { readonly kind: 'public-key'; /** Key id. */ readonly id: string; /** What its signatures are checked with. */ readonly jwk: PublicJwk }
  | { readonly kind: 'jwt'; /** `sub`, `client_id` or `azp` that stands for this application, and who says so. */ readonly issuer: string; readonly subject: string }
  | { readonly kind: 'certificate'; /** SHA-256 of the DER, hex; or a name in the certificate. */ readonly fingerprint?: string; readonly san?: string }
) & {
  readonly environment: ClientEnvironment
  readonly active: boolean
  readonly expiresAt?: string
}

export interface Subscription {
  readonly api: string
  readonly plan: string
  readonly state: 'pending' | 'approved' | 'refused' | 'suspended'
}

/** What a subscriber may use. */
export interface Plan {
  readonly id: string
  readonly name: string
  readonly quotas: readonly PlanQuota[]
  readonly rate?: { readonly perSecond: number; readonly burst: number }
  readonly concurrency?: number
  /** 0 first, 9 last; default 5. */
  readonly priority: number
}

export interface PlanQuota {
  readonly limit: number
  readonly every: number
  /** `total`: so many in all; then `every` is 1, `algorithm` is `fixed` and there is no zone. */
  readonly unit: QuotaUnit
  readonly algorithm: QuotaAlgorithm
  /** IANA time zone of calendar windows. */
  readonly zone?: string
}

export interface Api {
  readonly id: string
  readonly name: string
  readonly organisation: string
  /** Flow (tab) that serves it. */
  readonly flow: string
  /** PROTOTYPED needs no subscription; DEPRECATED serves old subscribers; BLOCKED answers 503, RETIRED 410; CREATED is not served. */
  readonly lifecycle: 'CREATED' | 'PROTOTYPED' | 'PUBLISHED' | 'BLOCKED' | 'DEPRECATED' | 'RETIRED'
  readonly visibility: 'public' | 'organisation' | 'roles'
  /** Its versions share it; the id of the API when there is but one. */
  readonly family?: string
  readonly version?: string
  /** RFC 3339: since when it takes no new subscribers (RFC 9745). */
  readonly deprecatedAt?: string
  /** RFC 3339: when it stops being served (RFC 8594); 410 from then on. */
  readonly sunset?: string
}

/** An API's record in a gateway, with what follows from it for every call worked out once. */
export interface KnownApi extends Api {
  /** When it stops being served. A time that cannot be read is over. */
  readonly sunsetMs?: number
  /** `Deprecation` (RFC 9745) and `Sunset` (RFC 8594), names and values in turn; absent when there is nothing to say. */
  readonly notice?: readonly string[]
}

/** The lookups of a gateway, each in constant time, whatever the number of records. */
export interface Clients {
  readonly version: number
  /** False when control was silent for longer than the setting allows. */
  readonly fresh: boolean
  byKey(prefix: string): Credentialed | undefined
  byBasicName(name: string): Credentialed | undefined
  /** By the key id of a signature: an HMAC secret or a public key. */
  bySigner(id: string): Credentialed | undefined
  byJwt(issuer: string, subject: string): Credentialed | undefined
  /** `fingerprint`: SHA-256 in hex, with or without colons; `sans`: as certificates have them, such as `DNS:client.example`. */
  byCertificate(facts: { readonly fingerprint: string; readonly sans: readonly string[] }): Credentialed | undefined
  application(id: string): Application | undefined
  plan(id: string): Plan | undefined
  api(id: string): KnownApi | undefined
  /** The record of the API that a flow serves, if it has one. */
  apiOfFlow(flow: string): KnownApi | undefined
  /** All versions of an API: the records that name this family. */
  apisOfFamily(family: string): readonly KnownApi[]
  /** Whether a token was taken back before its time. */
  isRevoked(token: TokenMarks): boolean
  /** Secret of an HMAC credential, in memory only. */
  open(sealed: string): Buffer
}

/** A gateway's copy of the records, as whoever brings it up to date sees it. */
export interface ClientCopy extends Clients {
  readonly applications: number
  /** As set: how old the copy may be, and what follows when it is older. */
  readonly staleMs: number
  readonly whenStale: 'serve' | 'refuse'
  /** True when control was not heard for longer than the setting allows, whatever follows from it. */
  readonly stale: boolean
  /** Milliseconds since control was last in step with this copy; undefined when it never was in this process. */
  readonly silentMs: number | undefined
  /** Takes the place of everything known. */
  replace(snapshot: ClientSnapshot): void
  /** Applies a change as one step. `version` is the change's afterwards. */
  apply(change: ClientChange): void
  /** Builds the next state beside the present one, a portion at a time, for snapshots that are large. */
  stage(): StagedClients
  /** Ids of what is known, to be read at once. */
  ids(): { readonly applications: Iterable<string>; readonly plans: Iterable<string>; readonly apis: Iterable<string> }
  /** From now on control is to be heard; before, a copy that nobody feeds is not stale. */
  follow(): void
  /** Control says that this copy is what it has. */
  heard(): void
  /** The key that HMAC secrets are sealed under; `undefined` forgets it. */
  setKey(key: Buffer | undefined): void
  /** Stops watching the time. */
  close(): void
}

/** A state that nobody sees before `commit`. */
export interface StagedClients {
  add(applications: readonly Application[]): void
  commit(rest: Omit<ClientSnapshot, 'applications'>): void
}

export interface Credentialed {
  readonly application: Application
  readonly credential: ClientCredential
}

/** `msg.client`: what flows see of the caller. Never holds a secret. */
export interface MessageClient {
  readonly id: string
  readonly application: string
  readonly organisation: string
  readonly environment: ClientEnvironment
  readonly plan?: string
  readonly priority: number
  readonly scopes: readonly string[]
  readonly clearance?: string
  readonly attributes: Readonly<Record<string, string>>
}
