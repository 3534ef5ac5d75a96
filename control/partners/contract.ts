import type { Problem } from '../../runtime/core/flow.ts'
import type { Actor, ApplyChange, Environment, RecordHead, Records } from '../consumers-contract.ts'

/**
 * Where records of partners live that are somebody else's: a service that control asks regularly. What it answers is kept
 * as applications of the organisation, with their credentials and subscriptions, so that its outages are not felt.
 */
export interface ConnectorInput {
  readonly name: string
  readonly organisation: string
  readonly description?: string
  /** Asks while it is active; what was fetched stays. */
  readonly active?: boolean
  /** https, or http to this machine. */
  readonly url: string
  /** Pause between fetches; 30. */
  readonly everySeconds?: number
  /** Limit of one request; 10,000. */
  readonly timeoutMs?: number
  /** Largest answer, all pages together; 16 MB. */
  readonly limitBytes?: number
  /** How control signs in there. The secret itself is set apart and never shown. */
  readonly auth?: { readonly kind: 'none' | 'bearer' | 'basic'; /** Of Basic. */ readonly user?: string }
  /** Id of a TLS configuration of the flows: client certificate and trusted authorities. */
  readonly tls?: string
  /** What the ids of its applications begin with; the connector's id and a dot when absent. */
  readonly idPrefix?: string
  /** What becomes of a partner that the service does not name any more: `suspend`. */
  readonly onMissing?: 'keep' | 'suspend' | 'retire'
  /** Largest share of its partners that one fetch may shut out; 0.2. */
  readonly maxDropShare?: number
  readonly map: ConnectorMap
}

export interface Connector extends RecordHead, ConnectorInput {
  readonly active: boolean
  readonly everySeconds: number
  readonly timeoutMs: number
  readonly limitBytes: number
  readonly auth: NonNullable<ConnectorInput['auth']>
  readonly idPrefix: string
  readonly onMissing: NonNullable<ConnectorInput['onMissing']>
  readonly maxDropShare: number
  /** A secret was set for the server that the URL names. */
  readonly hasSecret: boolean
  /**
   * Set up by somebody who may give credentials in every organisation. Of others, subjects and certificates wait to be
   * confirmed, as everywhere: whoever answers for one organisation cannot say what belongs to another.
   */
  readonly trusted: boolean
}

/** RFC 6901; in a partner's part they start at the partner. */
export type Pointer = string

/** Where in the service's document our fields are. */
export interface ConnectorMap {
  /** The list of partners; empty: the document is the list. */
  readonly list: Pointer
  /** URL of the next page, or its cursor when `cursorParameter` is given. None or null there: the last page. */
  readonly next?: Pointer
  readonly cursorParameter?: string
  readonly id: Pointer
  readonly name?: Pointer
  readonly active?: Pointer
  readonly validFrom?: Pointer
  readonly validUntil?: Pointer
  readonly cidrs?: Pointer
  readonly clearance?: Pointer
  /** Attribute → where it is. */
  readonly attributes?: Readonly<Record<string, Pointer>>
  /** An object all of whose members are attributes. */
  readonly attributesFrom?: Pointer
  readonly credentials?: readonly CredentialMap[]
  readonly subscriptions?: readonly SubscriptionMap[]
}

/** One credential, or one for each of a list. Pointers start at the entry of the list. */
export interface CredentialMap {
  readonly kind: 'certificate' | 'jwt' | 'key'
  /** A list, or one value; absent: the partner itself. */
  readonly each?: Pointer
  /** certificate: SHA-256, or a name in it. */
  readonly fingerprint?: Pointer
  readonly san?: Pointer
  /** jwt: whose tokens; the value itself, or where it is. */
  readonly issuer?: string
  readonly issuerAt?: Pointer
  readonly subject?: Pointer
  /** key: the public part before the dot, and the SHA-256 of the secret after it (hex, base64 or base64url). */
  readonly prefix?: Pointer
  readonly hash?: Pointer
  readonly environment?: Environment
  readonly environmentAt?: Pointer
  readonly expiresAt?: Pointer
}

export interface SubscriptionMap {
  readonly to: 'api' | 'group' | 'product'
  /** A list, or one value; absent: the partner itself. */
  readonly each?: Pointer
  /** Id of what is subscribed to; absent: the entry itself. */
  readonly id?: Pointer
  readonly plan?: Pointer
  /** Where the document says none. */
  readonly defaultPlan?: string
}

/**
 * `new`: never tried. `ok`. `unreachable`: no answer, or no 200. `invalid`: an answer that cannot be worked in. `held`: it would
 * shut out too many at once; somebody has to look. `off`. What was fetched before stays in force in all of them.
 */
export type ConnectorState = 'new' | 'ok' | 'unreachable' | 'invalid' | 'held' | 'off'

export interface ConnectorStatus {
  readonly state: ConnectorState
  /** Partners in force. */
  readonly partners: number
  readonly attemptedAt?: string
  /** Last time the service confirmed what is in force. */
  readonly fetchedAt?: string
  /** Seconds since then. */
  readonly ageSeconds?: number
  /** Last time something was different. */
  readonly changedAt?: string
  readonly nextAt?: string
  /** Fetches in a row that failed. */
  readonly failures: number
  readonly problem?: { readonly code: string; readonly message: string; readonly problems: readonly Problem[] }
}

export interface PartnerChange extends Pick<ApplyChange, 'id' | 'change' | 'fields'> {
  readonly kind: 'applications' | 'credentials' | 'subscriptions'
}

export interface FetchResult {
  readonly dryRun: boolean
  /** The service says that nothing is different. */
  readonly unchanged: boolean
  readonly partners: number
  /** Partners that could call before and cannot after. */
  readonly dropped: number
  /** The first thousand. */
  readonly changes: readonly PartnerChange[]
  readonly changeCount: number
}

export interface Connectors extends Records<Connector, ConnectorInput> {
  /** Token or password; `null` takes it away. It belongs to the server of the URL: another server needs it anew. */
  setSecret(id: string, secret: string | null, version: number | undefined, by: Actor): Promise<Connector>
  status(id: string, by: Actor): Promise<ConnectorStatus>
  /**
   * Fetches now. `dryRun` only says what would be different. `force` also when too many would be shut out.
   * @throws Refused `connector.unreachable` 502, `connector.document` 422 with JSON pointers into what was fetched,
   * `connector.shrunk` 409, `connector.busy` 409
   */
  fetch(id: string, options: { readonly dryRun?: boolean; readonly force?: boolean }, by: Actor): Promise<FetchResult>
  /** Connectors that want somebody's attention, for whoever watches control. */
  alarms(): readonly { readonly id: string; readonly state: ConnectorState; readonly ageSeconds?: number }[]
}

/** What control asks a partner service with. */
export interface PartnerRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly limitBytes: number
  readonly tls?: PartnerTls
}
export interface PartnerTls {
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
  readonly pfx?: string
  readonly passphrase?: string
  readonly servername?: string
}

/** One GET without redirects, past the egress policy. Rejects with an error whose message may be shown. */
export type PartnerFetch = (request: PartnerRequest) => Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string | string[]>>; readonly body: Buffer }>
