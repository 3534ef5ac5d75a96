/** The tables as both databases hold them: texts and 32-bit integers only, times as ISO 8601, lists as JSON text. */
export interface Schema {
  users: UserRow
  tokens: TokenRow
  flows: FlowRow
  revisions: RevisionRow
  releases: ReleaseRow
  release_flows: ReleaseFlowRow
  credentials: CredentialRow
  gateways: GatewayRow
  join_tokens: JoinTokenRow
  acknowledgements: AcknowledgementRow
  documents: DocumentRow
  meta: MetaRow
  audit_log: AuditRow
  consumer_records: ConsumerRow
  decisions: DecisionRow
  oauth_artifacts: OauthArtifactRow
  token_revocations: RevocationRow
  connector_states: ConnectorStateRow
  ledgers: LedgerRow
  ledger_entries: LedgerEntryRow
  ledger_periods: LedgerPeriodRow
  ledger_anchors: LedgerAnchorRow
}

export interface UserRow {
  name: string
  role: string
  /** scrypt, self-describing. */
  password: string
  disabled: number
  created_at: string
  last_sign_in_at: string | null
  /** SHA-256 of issuer and subject of who signs in at another provider as this user. */
  upstream: string | null
  /** 1: the role is what that provider says, at each sign-in. */
  upstream_role: number
}

export interface TokenRow {
  /** SHA-256 of the token; the token itself is nowhere. */
  hash: string
  user_name: string
  use: string
  created_at: string
  expires_at: string
}

/** What is current, one row per flow document. */
export interface FlowRow {
  id: string
  kind: string
  label: string
  revision: string
  updated_at: string
}

export interface RevisionRow {
  hash: string
  flow_id: string
  document: string
  created_at: string
  user_name: string
  comment: string
}

export interface ReleaseRow {
  id: number
  created_at: string
  user_name: string
  comment: string
  hash: string
  rev: string
  credentials_hash: string
  signature: string
  rollback_of: number | null
  /** How the documents interleave in the editor's list. */
  layout: string
  changed: string
}

export interface ReleaseFlowRow {
  release_id: number
  position: number
  flow_id: string
  revision: string
}

export interface CredentialRow {
  node_id: string
  key_id: string
  sealed: string
  updated_at: string
  /** Set when the node went; the row comes back with a rollback that brings the node back. */
  removed_at: string | null
}

export interface GatewayRow {
  id: string
  name: string
  key_hash: string
  joined_at: string
  last_seen_at: string | null
  url: string | null
  version: string | null
  revoked_at: string | null
}

export interface JoinTokenRow {
  hash: string
  created_by: string
  created_at: string
  expires_at: string
  used_at: string | null
}

/** What a gateway said last about a release. */
export interface AcknowledgementRow {
  gateway_id: string
  release_id: number
  hash: string
  state: string
  detail: string | null
  at: string
}

export interface DocumentRow {
  key: string
  value: string
  updated_at: string
}

export interface MetaRow {
  key: string
  value: string
}

/** Append-only. Each entry hashes the one before; `meta` keeps number and hash of the last one under `audit.head`. */
export interface AuditRow {
  number: number
  at: string
  user_name: string
  action: string
  from_address: string | null
  subject: string | null
  organisation: string | null
  before: string | null
  after: string | null
  detail: string
  hash: string
  /** Name of the key under which `hash` was made; null in entries from before there was one. */
  sealed_by: string | null
}

/** Organisations, applications, credentials, plans, APIs, subscriptions …: one row per record, never deleted. */
export interface ConsumerRow {
  kind: string
  id: string
  organisation: string | null
  /** Second organisation that the record concerns: the provider of what is subscribed to. */
  provider: string | null
  /** Application of a credential or subscription, user of a member, `connector:…` of an application that one keeps. */
  parent: string | null
  /** User whose record it is. */
  owner: string | null
  /** `api:…`, `group:…` or `product:…` of a subscription. */
  target: string | null
  /** Plan of a subscription. */
  plan: string | null
  /** Unique among the kind's records that are not retired. */
  lookup: string | null
  /** Id and name in lower case, for searching. */
  search: string
  state: string
  version: number
  body: string
  /** Hash, verifier or sealed text of a credential; leaves the store only in the view of gateways. */
  secret: string | null
  created_at: string
  created_by: string
  updated_at: string
  updated_by: string
  retired_at: string | null
}

/** What the authorization server remembers: codes, refresh tokens, grants, sessions … No value of a token is readable in it. */
export interface OauthArtifactRow {
  /** `AuthorizationCode`, `RefreshToken`, `Grant` …: the names of oidc-provider's models. */
  kind: string
  /** SHA-256 of the value. */
  id: string
  /** Sealed; holds the value itself. */
  body: string
  grant_id: string | null
  /** SHA-256 of the user's name whose it is. */
  account: string | null
  /** SHA-256 of the second name that sessions and device codes are found by. */
  lookup: string | null
  /** When it was used: once is all. */
  consumed_at: string | null
  expires_at: string | null
}

/** A token, or all that came of a grant, a user or a client until a moment, taken back. */
export interface RevocationRow {
  /** `jti:…`, `grant:…`, `user:…` or `client:…`. */
  id: string
  /** Counts up with every one, also when one is renewed. */
  number: number
  client: string | null
  /** Only what was issued until then; null: whenever. */
  before_at: string | null
  /** When no such token is alive any more. */
  expires_at: string
}

/** How far a connector to a partner service is; its settings are a record. */
export interface ConnectorStateRow {
  id: string
  /** Version of the record that the tags belong to. */
  connector_version: number | null
  /** `[{url, tag}]`: the pages of the last fetch that was worked in, with their ETags. */
  tags: string | null
  state: string
  attempted_at: string | null
  /** Last time the service answered something that is in the records now. */
  fetched_at: string | null
  changed_at: string | null
  next_at: string | null
  failures: number
  partners: number
  problem: string | null
  /** Which control fetches now, and until when nobody else does. */
  lease_holder: string | null
  lease_until: string | null
}

/** Why a call was refused, for some days. */
export interface DecisionRow {
  id: string
  at: string
  /** Of the application. */
  organisation: string | null
  /** Organisation of the API. */
  provider: string | null
  /** Null: nobody knew who called. */
  application: string | null
  api: string | null
  code: string
  gateway: string
  body: string
}

/** A ledger, and where its end is. */
export interface LedgerRow {
  name: string
  organisation: string | null
  /** Number and hash of its last entry. */
  number: number
  hash: string
  /** HMAC over name, number and hash, and the key it was made with; null while there is none. */
  seal: string | null
  sealed_by: string | null
  created_at: string
}

/** Never changed and never removed: the database itself refuses to. */
export interface LedgerEntryRow {
  ledger: string
  number: number
  at: string
  id: string
  /** JSON. */
  source: string
  value: string
  hash: string
}

/** As the entries. */
export interface LedgerPeriodRow {
  ledger: string
  period: number
  last_number: number
  /** Of the root. */
  hash: string
  /** The signed root, JSON. */
  root: string
}

/** How far a root is on its way to a witness outside. */
export interface LedgerAnchorRow {
  ledger: string
  period: number
  anchor: string
  state: 'waiting' | 'done'
  attempts: number
  next_at: string
  done_at: string | null
  token: string | null
  problem: string | null
}

/** In the order in which rows can be written back. */
export const tables = [
  'users', 'tokens', 'flows', 'revisions', 'releases', 'release_flows', 'credentials',
  'gateways', 'join_tokens', 'acknowledgements', 'documents', 'meta', 'audit_log', 'consumer_records', 'decisions', 'oauth_artifacts', 'token_revocations', 'connector_states',
  'ledgers', 'ledger_entries', 'ledger_periods', 'ledger_anchors',
] as const satisfies readonly (keyof Schema)[]
