import type { DataFlow } from '../runtime/compile/labels/data-flow.ts'
import type { EditorNode, Problem } from '../runtime/core/flow.ts'
import type { GatewayCommand, GatewayEvent } from '../runtime/core/deployer.ts'
import type { Facts } from '../runtime/core/saying.ts'
import type { RefusalDecisions } from './decisions-contract.ts'
import type { Actor, Consumers } from './consumers-contract.ts'
import type { Caches } from './caches-contract.ts'
import type { AcceptedWork } from './jobs-contract.ts'
import type { Ledgers } from './ledger-contract.ts'
import type { Queues } from './queues-contract.ts'
import type { DataProtection } from './vault/contract.ts'
import type { Descriptions } from './describe/contract.ts'
import type { Publishing } from './publish/contract.ts'
import type { Watching } from './watch-contract.ts'

export type * from './caches-contract.ts'
export type * from './consumers-contract.ts'
export type * from './decisions-contract.ts'
export type * from './describe/contract.ts'
export type * from './jobs-contract.ts'
export type * from './ledger-contract.ts'
export type * from './partners/contract.ts'
export type * from './publish/contract.ts'
export type * from './queues-contract.ts'
export type * from './vault/contract.ts'
export type * from './watch-contract.ts'
export { say, sayings, sayRemedy } from '../ledger/sayings.ts'

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
  /** Why calls were refused. */
  readonly decisions: RefusalDecisions
  /** Records that cannot be altered. */
  readonly ledgers: Ledgers
  /** Where calls wait for their turn. */
  readonly queues: Queues
  /** What flows keep for a while. */
  readonly caches: Caches
  /** Work that was accepted and is done later. */
  readonly accepted: AcceptedWork
  /** What passes through flows, and their cases. */
  readonly watching: Watching
  /** Makes APIs of URLs and of OpenAPI documents. */
  readonly publishing: Publishing
  /** What callers read of APIs. */
  readonly descriptions: Descriptions
  /** The vault: domains of tokens, grants, keys, certificates, secrets, and who saw what. */
  readonly dataProtection: DataProtection
  /** Where labelled data goes. */
  readonly dataFlows: DataFlows
  /** Tokens of the authorization server, for the API. Absent: there is none. */
  readonly accessTokens?: AccessTokens
  /** Small documents of the editor itself (user settings, library entries), by key. */
  readonly documents: { get(key: string): Promise<unknown>; set(key: string, value: unknown): Promise<void>; list(prefix: string): Promise<string[]> }
  /** Subscribes to what happens; the result unsubscribes. */
  on(listener: (event: ControlEvent) => void): () => void
}

/** Labelled data of the live flows: where it comes in, goes and leaves, and how it is protected. No value is known here. */
export interface DataFlows {
  /** Of the flows that he may see. */
  list(by: Actor): Promise<readonly DataFlow[]>
}

/**
 * admin: everything. editor: draw, deploy, roll back. viewer: look. creator: as editor, and make APIs. publisher: as editor,
 * and publish them, approve subscriptions, keep consumers and plans. operator: look, block and suspend. auditor: look, and
 * read the audit log and the record of reveals. data-officer: look, and run the vault. subscriber: own applications, nothing of the flows. In an organisation a user can have a further role.
 */
export type Role = 'admin' | 'editor' | 'viewer' | 'creator' | 'publisher' | 'operator' | 'auditor' | 'data-officer' | 'subscriber'

/** Who does something: a person, whose rights count and whose address the audit log keeps; or by name alone the process itself, which may everything. */
export type Doer = string | Actor

export interface AccessTokens {
  /** Whose a token for the admin API is, and what it is good for at most; `undefined` when it is not good, or he is disabled. */
  verify(token: string): Promise<{ readonly user: User; readonly client: string; readonly scopes: readonly string[] } | undefined>
}

export interface User {
  readonly name: string
  readonly role: Role
  readonly disabled: boolean
  readonly createdAt: string
  readonly lastSignInAt?: string
  /** She may sign in at another provider. */
  readonly linked?: boolean
}

export interface ElsewhereIdentity {
  readonly issuer: string
  readonly subject: string
  /** What she may be called here, best first. */
  readonly names: readonly string[]
  readonly role?: Role
  readonly create: boolean
}

export interface Users {
  /** Slows down after failures per user and address, never locks out. `undefined`: wrong name or password, or disabled. */
  authenticate(name: string, password: string, from: string): Promise<User | undefined>
  /**
   * Somebody who has shown to another provider who she is: the user that is linked to issuer and subject, never one of the same
   * name. With `create`, whoever is not known and has a role becomes a user of a name that is free, and has the role that the
   * provider says at each sign-in. @throws Refused `signin.unknown` 403, `signin.role` 403 without one, `user.disabled` 403
   */
  signInFrom(who: ElsewhereIdentity, from: string): Promise<User>
  /** Links a user to what another provider calls her; nothing: to nobody any more. @throws Refused `user.linked` 409 when somebody else is */
  link(name: string, identity: { readonly issuer: string; readonly subject: string } | undefined, by: Doer): Promise<User>
  get(name: string): Promise<User | undefined>
  list(): Promise<readonly User[]>
  /** Makes the user with a generated password, returned once. @throws Refused `user.exists` 409, `user.name` 422 */
  create(input: { name: string; role: Role; password?: string }, by: Doer): Promise<{ user: User; password: string }>
  setRole(name: string, role: Role, by: Doer): Promise<User>
  /** The last enabled admin can be neither disabled nor demoted: Refused `user.last_admin` 409. Ends the user's sessions. */
  setDisabled(name: string, disabled: boolean, by: Doer): Promise<User>
  /** Sets or generates a password and ends the user's sessions. */
  resetPassword(name: string, by: Doer, password?: string): Promise<{ password: string }>
  /** Signs the user out everywhere: sessions, tokens of the command line, and what the authorization server gave out for him. */
  endSessions(name: string, by: Doer): Promise<void>
  /** `from`: the address, for the audit log. */
  changeOwnPassword(name: string, current: string, next: string, from?: string): Promise<void>
  /** Bearer tokens and page sessions are one thing: opaque, stored as hashes. */
  issueToken(name: string, use: 'editor' | 'page' | 'cli', ttlMs: number): Promise<{ token: string; expiresAt: string }>
  verifyToken(token: string): Promise<User | undefined>
  revokeToken(token: string): Promise<void>
}

/** A refusal with a stable code; the HTTP status is in `status`, `problems` when a deploy was refused, in `facts` what its sentence names. */
export class Refused extends Error {
  readonly code: string
  readonly status: number
  readonly problems: readonly Problem[]
  readonly facts: Facts
  constructor(code: string, status: number, message: string, problems: readonly Problem[] = [], facts: Facts = {}) {
    super(message)
    this.code = code
    this.status = status
    this.problems = problems
    this.facts = facts
  }
}

export interface DeployInput {
  /** The whole estate as the editor sends it, credentials included (`"__PWRD__"`: unchanged). */
  readonly nodes: readonly EditorNode[]
  /** The revision the user started from; absent: overwrite. A stale one is Refused `deploy.conflict` 409. */
  readonly rev?: string
  readonly user: Doer
  readonly comment?: string
}

export interface DeployResult {
  readonly rev: string
  readonly release: number
  readonly warnings: readonly Problem[]
  /** Gateways that run it, and those that were silent for 5 s and are behind. */
  readonly live: readonly string[]
  readonly behind: readonly string[]
  /** Organisations that tabs and subflows were given to, by their ids: who may draw for one only need not say for which. */
  readonly given?: Readonly<Record<string, string>>
}

/** What somebody may do with the flows: asked about what is live at that moment, with the roles he had when the rights were asked for. */
export interface FlowRights {
  /** Whether he may see a node or flow by its id; without one: any at all. What is not there is for those who may see everything. */
  mayRead(id?: string): boolean
  mayWrite(id?: string): boolean
  /** What belongs to no organisation: global context, the library. */
  readonly readsEverything: boolean
  readonly writesEverything: boolean
}

export interface Flows {
  /**
   * Flat Node-RED JSON in the editor's order, without credentials; `rev` is the hash of all of it. Who asks gets what he may
   * see: his organisations' tabs, what belongs to nobody, and subflows that these use. @throws Refused `auth.role` 403 when that is nothing
   */
  current(by?: Actor): Promise<{ nodes: readonly EditorNode[]; rev: string }>
  rights(by: Actor): Promise<FlowRights>
  /**
   * Checks, asks every connected gateway to prepare, commits when all are ready. Changes nothing when anything fails. Flows
   * that the user does not see are kept in their places. @throws Refused `deploy.refused` 422 with problems, `deploy.conflict`
   * 409, `deploy.not_yours` 403 with problems, `deploy.claimed` 422 with problems, `auth.role` 403
   */
  deploy(input: DeployInput): Promise<DeployResult>
  /** Compiles without storing anything. */
  check(nodes: readonly EditorNode[], by?: Actor): Promise<readonly Problem[]>
  /** Node-RED's view of a node's credentials: text values, `has_<name>` for passwords. Of a node that is not his to read: none. */
  credentials(type: string, id: string, by?: Actor): Promise<Record<string, unknown>>
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

/** A flow that begins with a sub-flow in node, and who calls it. `revision`: the deployed one; absent: it is gone, and kept for who is pinned to it. */
export interface CalledFlow {
  readonly flow: string
  readonly label: string
  /** Of the sub-flow in node. */
  readonly name: string
  readonly revision?: string
  readonly calls: readonly { readonly flow: string; readonly label: string; readonly node: string; readonly name: string; readonly revision: string; readonly pinned: boolean }[]
}

export interface Releases {
  /** Newest first. */
  list(options?: { before?: number; limit?: number }): Promise<readonly ReleaseInfo[]>
  /** `calls`: which flows are called by others, at which revision, and by whom. */
  get(id: number): Promise<{ info: ReleaseInfo; nodes: readonly EditorNode[]; calls: readonly CalledFlow[] } | undefined>
  /**
   * Puts an earlier release live again, as a new release, by the same two phases and with the same rights as a deploy. With `flow` only
   * that tab or subflow, so that what others deployed since stays.
   */
  rollback(id: number, user: Doer, comment?: string, flow?: string): Promise<DeployResult>
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
  createJoinToken(by: Doer, ttlMs?: number): Promise<{ token: string; expiresAt: string }>
  /** The gateway's key stops working at once. */
  revoke(id: string, by: Doer): Promise<void>
  /** Sends a command to connected gateways; answers of all that replied within 5 s. */
  command(command: GatewayCommand): Promise<readonly { gateway: string; result?: unknown; error?: string }[]>
}

export type ControlEvent =
  | { readonly kind: 'release'; readonly release: number; readonly rev: string; readonly user: string }
  | { readonly kind: 'gateway'; readonly gateway: GatewayInfo }
  /** Every session of a user has ended: disabled, or given another password. */
  | { readonly kind: 'sessions'; readonly user: string }
  | (GatewayEvent & { readonly gateway: string })
