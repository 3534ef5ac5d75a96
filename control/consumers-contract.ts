import type { Saying } from '../ledger/sayings.ts'
import type { Api, ClientChange, ClientEnvironment, ClientRules, ClientSnapshot, PlanQuota } from '../runtime/core/access/clients.ts'
import type { Problem } from '../runtime/core/flow.ts'
import type { Role } from './contract.ts'
import type { Connectors } from './partners/contract.ts'

/**
 * The records of who may call what, how much. Rights are checked here, behind the door, for everybody who asks: pages,
 * API and command line only say who is asking.
 *
 * Every method throws Refused: `record.invalid` 422 (problems carry JSON pointers), `record.none` 404 (also for what the
 * asker may not see), `record.stale` 412, `record.exists` 409, `auth.role` 403, and the codes named at the method.
 */
export interface Consumers {
  readonly organisations: Records<Organisation, OrganisationInput>
  readonly members: Records<Member, MemberInput>
  readonly applications: Records<ClientApplication, ClientApplicationInput>
  readonly credentials: Credentials
  readonly plans: Records<ClientPlan, ClientPlanInput>
  readonly apis: Apis
  readonly groups: Records<ApiGroup, ApiGroupInput>
  readonly products: Records<ApiProduct, ApiProductInput>
  readonly subscriptions: Subscriptions
  /** Services of partners whose records are kept here as they are there. */
  readonly connectors: Connectors
  readonly audit: AuditLog

  /** All records that may be exported, as YAML: the same records give the same text. Never a secret, not even a hash of one. */
  exportYaml(by: Actor): Promise<string>
  /**
   * Makes the records be as the YAML says: adds, changes, and with `prune` retires what the lists in it do not name (a kind
   * that has no list stays as it is). All or nothing; problems carry pointers such as `/apis/3/flow`.
   * With `dryRun` it only says what would be done. Credentials are not part of it.
   */
  applyYaml(yaml: string, options: { readonly dryRun?: boolean; readonly prune?: boolean }, by: Actor): Promise<ApplyResult>
  /** JSON Schemas (2020-12) by name: `ApplicationInput`, `Application`, …: what is checked here is what the API publishes. */
  readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** @throws Refused `record.invalid` 422 with pointers when the value is not what the named schema says */
  check(schema: string, value: unknown): void
  /** The rights that the asker has: over everything, and in the organisations whose member he is. */
  rightsOf(by: Actor): Promise<{ readonly everywhere: readonly Right[]; readonly organisations: Readonly<Record<string, readonly Right[]>> }>

  /** The view of gateways. Groups and products are resolved: one Subscription per API. Kept up to date in memory; cheap to ask for. */
  snapshot(): ClientSnapshot
  /** Told after a change is in the store, in order of `version`; without a gap between `snapshot()` and the first one. */
  onChange(listener: (change: ClientChange) => void): () => void
  /**
   * 32 bytes. What the hash of a key is of, and what HMAC signs with, is the secret as text (UTF-8), as it was shown. `sealed` of HMAC credentials in the snapshot is `seal(key, secret, clientSecretPurpose)` (runtime/core/secrets/seal.ts).
   * Goes to each gateway sealed under that gateway's own key, never in clear.
   */
  readonly clientKey: Buffer
}

/** Who asks. `from` is the address, for the audit log. */
export interface Actor {
  readonly name: string
  readonly role: Role
  readonly from: string
  /** What the access token that he comes with is good for; absent: for all that his roles allow. */
  readonly scopes?: readonly string[]
}

/** What somebody may do with records; which role has which is in control/consumers/rights.ts. */
export type Right =
  | 'records.read' | 'records.own'
  | 'organisations.write' | 'members.read' | 'members.write'
  | 'applications.write' | 'applications.suspend' | 'credentials.write' | 'credentials.revoke'
  | 'plans.write' | 'apis.write' | 'apis.publish' | 'apis.block' | 'groups.write' | 'products.write'
  | 'subscriptions.write' | 'subscriptions.approve' | 'subscriptions.suspend'
  | 'connectors.write'
  | 'audit.read' | 'decisions.read' | 'records.export' | 'records.apply'
  | 'flows.read' | 'flows.write'
  | 'queues.read' | 'queues.write'
  | 'caches.purge'
  | 'vault.read' | 'vault.write' | 'reveals.read'

/** Of a record that a connector keeps: people do not change it here (Refused `record.managed` 409). */
export interface Managed {
  /** `connector:<id>`. */
  readonly managedBy?: string
}

/** What every record carries. Nothing is deleted: a retired record answers no call and stays readable. */
export interface RecordHead {
  readonly id: string
  /** Counts up with every write; the ETag is `"<version>"`. */
  readonly version: number
  readonly createdAt: string
  readonly createdBy: string
  readonly updatedAt: string
  readonly updatedBy: string
  readonly retiredAt?: string
}

export interface PageQuery {
  /** 1 … 200; 50 when absent. */
  readonly limit?: number
  /** `next` of the page before. */
  readonly cursor?: string
  /** Part of id or name, whatever the case. */
  readonly search?: string
  readonly organisation?: string
  /** Application of a credential or subscription. */
  readonly application?: string
  /** Lifecycle of APIs, state of subscriptions, `active`/`suspended` of applications. */
  readonly state?: string
  /** Also what was retired. */
  readonly retired?: boolean
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Absent: this was the last page. */
  readonly next?: string
}

/** `id` of an input: lower case letters, digits and `. _ -`, 1 to 64; made from the name when absent. Fixed once made. */
export interface Records<T extends RecordHead, Input> {
  list(query: PageQuery, by: Actor): Promise<Page<T>>
  get(id: string, by: Actor): Promise<T>
  create(input: Input & { readonly id?: string }, by: Actor): Promise<T>
  /** `version` is the one the change started from; `undefined` overwrites whatever is there. */
  replace(id: string, input: Input, version: number | undefined, by: Actor): Promise<T>
  /** JSON merge patch (RFC 7396) over what `replace` takes. */
  patch(id: string, patch: { readonly [Key in keyof Input]?: Input[Key] | null }, version: number | undefined, by: Actor): Promise<T>
  /** @throws Refused `record.in_use` 409 when records that are not retired depend on it */
  retire(id: string, version: number | undefined, by: Actor): Promise<T>
}

export interface OrganisationInput {
  readonly name: string
  /** Answers no calls while suspended. */
  readonly active?: boolean
  /** Who publishes or withdraws an API needs a second person with the right to publish to agree. */
  readonly fourEyes?: boolean
  readonly contact?: string
  readonly description?: string
}
export interface Organisation extends RecordHead, Required<Pick<OrganisationInput, 'active' | 'fourEyes'>>, OrganisationInput {
  readonly active: boolean
  readonly fourEyes: boolean
}

/** A user's role in one organisation; adds to what the user's own role gives everywhere. Id: `<organisation>:<user>`. */
export interface MemberInput {
  readonly organisation: string
  readonly user: string
  readonly role: OrganisationRole
}
export interface Member extends RecordHead, MemberInput {}
export type OrganisationRole = 'admin' | 'creator' | 'publisher' | 'operator' | 'auditor' | 'subscriber' | 'viewer'

export interface ClientApplicationInput {
  readonly name: string
  readonly organisation: string
  /** Name of the user whose application it is; whoever makes it when absent. */
  readonly owner?: string
  readonly active?: boolean
  readonly description?: string
  readonly rules?: ClientRules
  /** How its people and programs get tokens of the authorization server; absent: not at all. */
  readonly oauth?: OauthClientInput
  /** Version it is held to, by family of APIs. */
  readonly pins?: Readonly<Record<string, string>>
}

/** What the authorization server lets an application do. Each of its Basic credentials is a client: name and secret. */
export interface OauthClientInput {
  readonly grants: readonly ('client_credentials' | 'authorization_code' | 'refresh_token' | 'device_code')[]
  /** Where codes may be sent: https, or http to this machine; compared character by character. */
  readonly redirectUris?: readonly string[]
  /** What its tokens may be good for at most. */
  readonly scopes?: readonly string[]
  /** Audiences that its tokens may have, absolute URIs; the first when a request names none. Beside them `urn:sluice:api:<id>` for each API. */
  readonly resources?: readonly string[]
  /** It can keep no secret (an app on a phone or in a browser): it shows its name only. */
  readonly public?: boolean
  /** The password grant of OAuth 2.0, which RFC 9700 forbids: only for programs that cannot do otherwise yet. */
  readonly legacyPassword?: boolean
}
export interface ClientApplication extends RecordHead, ClientApplicationInput, Managed {
  /** Its id in the partner service. */
  readonly partner?: string
  readonly owner: string
  readonly active: boolean
  readonly rules: ClientRules
}

export interface ClientPlanInput {
  readonly name: string
  /** Whose APIs it is for; absent: for those of every organisation. */
  readonly organisation?: string
  readonly description?: string
  readonly quotas?: readonly PlanQuota[]
  readonly rate?: { readonly perSecond: number; readonly burst: number }
  readonly concurrency?: number
  /** 0 first … 9 last; 5. */
  readonly priority?: number
  /** Who may choose it; absent: everybody who may subscribe. */
  readonly roles?: readonly Role[]
  /** Subscriptions with it need no approval. */
  readonly autoApprove?: boolean
}
export interface ClientPlan extends RecordHead, ClientPlanInput {
  readonly quotas: readonly PlanQuota[]
  readonly priority: number
  readonly autoApprove: boolean
}

export type Lifecycle = Api['lifecycle']

export interface ManagedApiInput {
  readonly name: string
  readonly organisation: string
  /** Name of the user who answers for it; whoever makes it when absent. */
  readonly owner?: string
  /** Id of the flow (tab) that serves it. One flow serves at most one API that is not retired. */
  readonly flow: string
  /** Such as `v2`; the one that its tab names as SLUICE_API_VERSION. */
  readonly apiVersion?: string
  /** What its versions have in common, an id; its own when absent. */
  readonly family?: string
  readonly category?: string
  readonly tags?: readonly string[]
  readonly visibility?: Api['visibility']
  /** With visibility `roles`: whoever has one of them sees it and may subscribe. */
  readonly roles?: readonly Role[]
  readonly description?: string
  /** RFC 3339: when it stops being served. */
  readonly sunset?: string
  /** What scopes of its tokens mean. Where one names roles, a person's token gets it only if she has one of them. */
  readonly scopes?: Readonly<Record<string, ApiScope>>
}
export interface ApiScope {
  readonly description?: string
  readonly roles?: readonly Role[]
}
export interface ManagedApi extends RecordHead, ManagedApiInput {
  readonly owner: string
  readonly tags: readonly string[]
  readonly visibility: Api['visibility']
  readonly lifecycle: Lifecycle
  /** Since when it takes no new subscribers. */
  readonly deprecatedAt?: string
  /** What keeps its flow from answering, for who may change the record; never stored. */
  readonly warnings?: readonly Problem[]
  /** A move that waits for somebody's agreement. */
  readonly requested?: { readonly to: Lifecycle; readonly by: string; readonly at: string }
}

export interface Apis extends Records<ManagedApi, ManagedApiInput> {
  /**
   * CREATED → PROTOTYPED | PUBLISHED; PROTOTYPED → PUBLISHED | RETIRED; PUBLISHED ⇄ BLOCKED; PUBLISHED → DEPRECATED; BLOCKED →
   * DEPRECATED | RETIRED; DEPRECATED → RETIRED | PUBLISHED. A person without the right to publish, or one whose organisation
   * wants four eyes, leaves a request instead. @throws Refused `lifecycle.move` 422
   */
  move(id: string, to: Lifecycle, version: number | undefined, by: Actor): Promise<ManagedApi>
  /** Agrees to the requested move or turns it down. @throws Refused `lifecycle.not_requested` 409, `lifecycle.four_eyes` 403 */
  decide(id: string, agree: boolean, version: number | undefined, by: Actor): Promise<ManagedApi>
  /** Moves that are legal from a state. */
  movesFrom(lifecycle: Lifecycle): readonly Lifecycle[]
}

export interface ApiGroupInput {
  readonly name: string
  readonly organisation: string
  readonly description?: string
  /** Ids of APIs. */
  readonly apis?: readonly string[]
}
export interface ApiGroup extends RecordHead, ApiGroupInput {
  readonly apis: readonly string[]
}

export interface ApiProductInput {
  readonly name: string
  readonly organisation: string
  readonly description?: string
  readonly apis?: readonly string[]
  /** Ids of groups. */
  readonly groups?: readonly string[]
}
export interface ApiProduct extends RecordHead, ApiProductInput {
  readonly apis: readonly string[]
  readonly groups: readonly string[]
}

/** What is subscribed to: exactly one. */
export type SubscriptionTarget = { readonly api: string } | { readonly group: string } | { readonly product: string }
export type SubscriptionState = 'pending' | 'approved' | 'refused' | 'suspended'

export type SubscriptionInput = { readonly application: string; readonly plan: string; readonly comment?: string } & SubscriptionTarget

/**
 * Of subscriptions that reach the same API and were decided, the direct one counts, then a group's, then a product's, whether it lets
 * in or not; of several groups or products the approved one first. One that waits for a decision counts where there is no other.
 */
export interface ClientSubscription extends RecordHead, Managed {
  readonly application: string
  /** Of the application. */
  readonly organisation: string
  /** Organisation of what is subscribed to; approves. */
  readonly provider: string
  readonly plan: string
  readonly comment?: string
  readonly api?: string
  readonly group?: string
  readonly product?: string
  readonly state: SubscriptionState
  readonly decidedBy?: string
  readonly decidedAt?: string
  readonly reason?: string
}

export interface Subscriptions extends Omit<Records<ClientSubscription, SubscriptionInput>, 'replace' | 'patch'> {
  /** @throws Refused `subscription.exists` 409, `subscription.lifecycle` 422, `subscription.plan` 403, `subscription.visibility` 404 */
  create(input: SubscriptionInput & { readonly id?: string }, by: Actor): Promise<ClientSubscription>
  /** Another plan for the same subscription; needs approval anew unless the plan approves by itself or the asker may approve. */
  changePlan(id: string, plan: string, version: number | undefined, by: Actor): Promise<ClientSubscription>
  /** approve: from pending or refused; refuse: from any other; suspend ⇄ resume: from approved and back. @throws Refused `subscription.state` 422 */
  decide(id: string, act: 'approve' | 'refuse' | 'suspend' | 'resume', options: { readonly reason?: string; readonly version?: number }, by: Actor): Promise<ClientSubscription>
}

export type Environment = ClientEnvironment

/** What a caller proves who it is with, without anything secret. */
export interface Credential extends RecordHead, Managed {
  readonly application: string
  readonly organisation: string
  readonly environment: Environment
  readonly label?: string
  readonly active: boolean
  readonly expiresAt?: string
  readonly kind: 'key' | 'basic' | 'hmac' | 'public-key' | 'jwt' | 'certificate'
  /** Public part: prefix of a key, Basic name, key id of signatures. */
  readonly name?: string
  readonly issuer?: string
  readonly subject?: string
  readonly fingerprint?: string
  readonly san?: string
  /** A JWK as JSON: what signatures are checked with. Its private half never comes here. */
  readonly publicKey?: string
  /**
   * A subject of an issuer or a certificate is public: whoever names it has not shown that it is theirs. Until somebody with the right
   * everywhere confirms it, it lets nobody in and keeps nobody else from naming it. Absent: confirmed, or nothing to confirm.
   */
  readonly claim?: 'pending'
}

export type CredentialInput = { readonly application: string; readonly environment?: Environment; readonly label?: string; /** RFC 3339, in the future. */ readonly expiresAt?: string } & (
  | { readonly kind: 'key' }
  /** Name: generated when absent. The secret is always generated. */
  | { readonly kind: 'basic'; readonly name?: string }
  | { readonly kind: 'hmac'; readonly name?: string }
  /** Name: key id that signatures say, generated when absent. Public key: PEM (SPKI), a JWK, or a JWK set of one key. */
  | { readonly kind: 'public-key'; readonly name?: string; readonly publicKey: string }
  | { readonly kind: 'jwt'; readonly issuer: string; readonly subject: string }
  /** Exactly one: SHA-256 of the DER in hex (colons allowed), or a name in the certificate such as `DNS:client.example`. */
  | { readonly kind: 'certificate'; readonly fingerprint?: string; readonly san?: string }
)

/** A credential just made. `secret` is shown this once: the whole API key `prefix.secret`, the Basic password, the HMAC secret. */
export interface IssuedCredential {
  readonly credential: Credential
  readonly secret?: string
}

export interface Credentials {
  list(query: PageQuery, by: Actor): Promise<Page<Credential>>
  get(id: string, by: Actor): Promise<Credential>
  /** @throws Refused `credential.two_live` 409: at most two live keys (or Basic or HMAC secrets) per application and environment; `credential.taken` 409. One of kind jwt or certificate waits for `confirm`, unless the maker may write credentials everywhere */
  create(input: CredentialInput, by: Actor): Promise<IssuedCredential>
  /**
   * A successor of the same kind, environment and label. The old one stays until it is revoked, or ends after `oldEndsInMs`.
   * @throws Refused `credential.two_live` 409, `credential.kind` 422 for kinds without a secret of ours
   */
  rotate(id: string, options: { readonly oldEndsInMs?: number; readonly version?: number }, by: Actor): Promise<IssuedCredential>
  /**
   * Says that a claimed subject or certificate is the application's. `takeOver` revokes the credential that stands for it so far.
   * For who may write credentials everywhere. @throws Refused `credential.taken` 409, `credential.claim` 422 when nothing waits
   */
  confirm(id: string, options: { readonly takeOver?: boolean; readonly version?: number }, by: Actor): Promise<Credential>
  /** Switched off and on again. */
  setActive(id: string, active: boolean, version: number | undefined, by: Actor): Promise<Credential>
  /** For good. */
  revoke(id: string, version: number | undefined, by: Actor): Promise<Credential>
}

export interface AuditRecord {
  /** 1, 2, 3 …: a gap is a forgery. */
  readonly number: number
  readonly at: string
  readonly user: string
  readonly action: string
  /** Address of whoever did it. */
  readonly from?: string
  /** `applications/shop`. */
  readonly subject?: string
  readonly organisation?: string
  readonly before?: unknown
  readonly after?: unknown
  readonly detail: Readonly<Record<string, unknown>>
  /** HMAC-SHA-256 over the entry and the hash of the one before, hex; SHA-256 in stores from before there was a key. */
  readonly hash: string
}

export interface AuditQuery {
  readonly limit?: number
  readonly cursor?: string
  readonly subject?: string
  readonly user?: string
  readonly action?: string
  readonly organisation?: string
}

export interface AuditLog {
  /** Newest first. */
  list(query: AuditQuery, by: Actor): Promise<Page<AuditRecord>>
  verify(by: Actor): Promise<AuditVerdict>
}

export type AuditVerdict =
  | { readonly ok: true; readonly entries: number; readonly head: string; /** How far the log is known beside the database too. */ readonly anchored?: number }
  | ({ readonly ok: false; /** The first bad record. */ readonly number: number; /** In English, what code and facts say. */ readonly reason: string; readonly entries: number } & Saying)

export interface ApplyChange {
  readonly kind: 'organisations' | 'members' | 'applications' | 'plans' | 'apis' | 'groups' | 'products' | 'subscriptions' | 'connectors'
  readonly id: string
  readonly change: 'add' | 'change' | 'retire' | 'restore'
  /** JSON pointers of what differs, with both values. */
  readonly fields: readonly { readonly pointer: string; readonly before?: unknown; readonly after?: unknown }[]
}

export interface ApplyResult {
  readonly dryRun: boolean
  readonly changes: readonly ApplyChange[]
}
