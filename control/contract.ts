import type { EditorNode, Problem } from '../runtime/core/flow.ts'
import type { GatewayCommand, GatewayEvent } from '../runtime/core/deployer.ts'
import type { Consumers } from './consumers-contract.ts'

export type * from './consumers-contract.ts'

/**
 * What the pages and the editor host ask of the control plane. `control/` implements it; `editor/` and
 * `portal/` see nothing else of it.
 */
export interface Control {
  readonly users: Users
  readonly flows: Flows
  readonly releases: Releases
  readonly gateways: Gateways
  /** Who may call what, how much. */
  readonly consumers: Consumers
  /** Small documents of the editor itself (user settings, library entries), by key. */
  readonly documents: { get(key: string): Promise<unknown>; set(key: string, value: unknown): Promise<void>; list(prefix: string): Promise<string[]> }
  /** Subscribes to what happens; the result unsubscribes. */
  on(listener: (event: ControlEvent) => void): () => void
}

/**
 * admin: everything. editor: draw, deploy, roll back. viewer: look. creator: as editor, and make APIs. publisher: as editor,
 * and publish them, approve subscriptions, keep consumers and plans. operator: look, block and suspend. auditor: look, and
 * read the audit log. subscriber: own applications, nothing of the flows. In an organisation a user can have a further role.
 */
export type Role = 'admin' | 'editor' | 'viewer' | 'creator' | 'publisher' | 'operator' | 'auditor' | 'subscriber'

export interface User {
  readonly name: string
  readonly role: Role
  readonly disabled: boolean
  readonly createdAt: string
  readonly lastSignInAt?: string
}

export interface Users {
  /** Slows down after failures per user and address, never locks out. `undefined`: wrong name or password, or disabled. */
  authenticate(name: string, password: string, from: string): Promise<User | undefined>
  get(name: string): Promise<User | undefined>
  list(): Promise<readonly User[]>
  /** Makes the user with a generated password, returned once. @throws Refused `user.exists` 409, `user.name` 422 */
  create(input: { name: string; role: Role; password?: string }, by: string): Promise<{ user: User; password: string }>
  setRole(name: string, role: Role, by: string): Promise<User>
  /** The last enabled admin can be neither disabled nor demoted: Refused `user.last_admin` 409. Ends the user's sessions. */
  setDisabled(name: string, disabled: boolean, by: string): Promise<User>
  /** Sets or generates a password and ends the user's sessions. */
  resetPassword(name: string, by: string, password?: string): Promise<{ password: string }>
  changeOwnPassword(name: string, current: string, next: string): Promise<void>
  /** Bearer tokens and page sessions are one thing: opaque, stored as hashes. */
  issueToken(name: string, use: 'editor' | 'page' | 'cli', ttlMs: number): Promise<{ token: string; expiresAt: string }>
  verifyToken(token: string): Promise<User | undefined>
  revokeToken(token: string): Promise<void>
}

/** A refusal with a stable code; the HTTP status is in `status`, `problems` when a deploy was refused. */
export class Refused extends Error {
  readonly code: string
  readonly status: number
  readonly problems: readonly Problem[]
  constructor(code: string, status: number, message: string, problems: readonly Problem[] = []) {
    super(message)
    this.code = code
    this.status = status
    this.problems = problems
  }
}

export interface DeployInput {
  /** The whole estate as the editor sends it, credentials included (`"__PWRD__"`: unchanged). */
  readonly nodes: readonly EditorNode[]
  /** The revision the user started from; absent: overwrite. A stale one is Refused `deploy.conflict` 409. */
  readonly rev?: string
  readonly user: string
  readonly comment?: string
}

export interface DeployResult {
  readonly rev: string
  readonly release: number
  readonly warnings: readonly Problem[]
  /** Gateways that run it, and those that were silent for 5 s and are behind. */
  readonly live: readonly string[]
  readonly behind: readonly string[]
}

export interface Flows {
  /** Flat Node-RED JSON in the editor's order, without credentials. `rev` is its hash. */
  current(): Promise<{ nodes: readonly EditorNode[]; rev: string }>
  /**
   * Checks, asks every connected gateway to prepare, commits when all are ready. Changes nothing when
   * anything fails. @throws Refused `deploy.refused` 422 with problems, `deploy.conflict` 409
   */
  deploy(input: DeployInput): Promise<DeployResult>
  /** Compiles without storing anything. */
  check(nodes: readonly EditorNode[]): Promise<readonly Problem[]>
  /** Node-RED's view of a node's credentials: text values, `has_<name>` for passwords. */
  credentials(type: string, id: string): Promise<Record<string, unknown>>
}

export interface ReleaseInfo {
  readonly id: number
  readonly createdAt: string
  readonly user: string
  readonly comment: string
  readonly hash: string
  /** The release it brought back, when it was a rollback. */
  readonly rollbackOf?: number
  readonly current: boolean
  readonly changed: readonly { flow: string; label: string; change: 'added' | 'changed' | 'removed' }[]
}

export interface Releases {
  /** Newest first. */
  list(options?: { before?: number; limit?: number }): Promise<readonly ReleaseInfo[]>
  get(id: number): Promise<{ info: ReleaseInfo; nodes: readonly EditorNode[] } | undefined>
  /** Puts an earlier release live again, as a new release, by the same two phases. */
  rollback(id: number, user: string, comment?: string): Promise<DeployResult>
}

export interface GatewayInfo {
  readonly id: string
  readonly name: string
  readonly connected: boolean
  readonly lastSeenAt?: string
  /** Release and hash it acknowledged last. */
  readonly release?: number
  readonly hash?: string
  /** `live`: runs the current release. `behind`: an older one. `refused`: could not prepare it. */
  readonly state: 'live' | 'behind' | 'refused' | 'never'
  readonly detail?: string
  /**
   * How far its copy of the callers' records is, as far as it has said since control started. `behind`: not told yet that it
   * has the newest. `refused`: could not trust what it got. `away`: out of touch for longer than `staleMs`; with `whenStale`
   * `refuse` it turns callers away meanwhile.
   */
  readonly clients?: { readonly version: number; readonly state: 'current' | 'behind' | 'refused' | 'away'; readonly staleMs: number; readonly whenStale: 'serve' | 'refuse'; readonly detail?: string }
  /** Where it serves, as it said itself. */
  readonly url?: string
  readonly version?: string
}

export interface Gateways {
  list(): Promise<readonly GatewayInfo[]>
  /** A one-time token with which a new gateway joins; shown once. */
  createJoinToken(by: string, ttlMs?: number): Promise<{ token: string; expiresAt: string }>
  /** The gateway's key stops working at once. */
  revoke(id: string, by: string): Promise<void>
  /** Sends a command to connected gateways; answers of all that replied within 5 s. */
  command(command: GatewayCommand): Promise<readonly { gateway: string; result?: unknown; error?: string }[]>
}

export type ControlEvent =
  | { readonly kind: 'release'; readonly release: number; readonly rev: string; readonly user: string }
  | { readonly kind: 'gateway'; readonly gateway: GatewayInfo }
  /** Every session of a user has ended: disabled, or given another password. */
  | { readonly kind: 'sessions'; readonly user: string }
  | (GatewayEvent & { readonly gateway: string })
