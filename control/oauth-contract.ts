import type { JWK } from 'jose'
import type { PublicJwk } from '../runtime/core/access/signing-key.ts'
import type { ApiScope, OauthClientInput, OrganisationRole, Role, Users } from './contract.ts'

export type { Role } from './contract.ts'

/** Audience of tokens for the admin API; the authorization server gives them to people only. */
export const adminAudience = 'urn:sluice:admin'

/** What tokens are signed with. */
export const signingAlgorithm = 'RS256'

/** What the authorization server asks of control's records and store. `auth-server/` sees nothing else of control. */
export interface Authority {
  readonly people: Pick<Users, 'authenticate' | 'get' | 'signInFrom'>
  readonly clients: {
    /** The client of a Basic credential's name, or of a public key; `undefined` when there is none, or it may not get tokens now. */
    get(id: string): Promise<OauthClient | undefined>
    /** Whether it is the secret that a client's `verifier` was made of. @throws Refused `control.busy` when too many ask at once */
    checkSecret(secret: string, verifier: string): Promise<boolean>
  }
  /** What a user may do now; `undefined` when there is none of this name. */
  standing(user: string): Promise<Standing | undefined>
  /** Scopes of tokens for the admin API: the rights. */
  readonly adminScopes: readonly string[]
  /** An API that is registered and not retired. */
  api(id: string): Promise<OauthApi | undefined>
  /** Writes down what was done for somebody. */
  note(user: string, action: string, detail: Readonly<Record<string, string>>, from: string): Promise<void>
  readonly artifacts: Artifacts
  readonly revocations: TokenRevocations
  readonly signingKeys: SigningKeyStore
  /** Signs the cookies of signing in; the same in all processes that have the same credential key. */
  readonly cookieKey: string
  close(): Promise<void>
}

/** Roles and rights of a user. */
export interface Standing {
  readonly role: Role
  readonly memberships: readonly { readonly organisation: string; readonly role: OrganisationRole }[]
  /** Held everywhere or in some organisation. */
  readonly rights: readonly string[]
}

/** An API as the authorization server knows it. */
export interface OauthApi {
  readonly id: string
  /** What people read. */
  readonly name: string
  readonly organisation: string
  readonly scopes: Readonly<Record<string, ApiScope>>
}

/** An application as the authorization server knows it. */
export interface OauthClient extends OauthClientInput {
  /** Name of the Basic credential; or `key:` and the name of the public key. */
  readonly id: string
  readonly application: string
  /** Whose the application is; absent for what is part of Sluice itself. */
  readonly organisation?: string
  /** What people read. */
  readonly name: string
  /** What its secret is checked against. Either this or the public key is there. */
  readonly verifier?: string
  /** What its assertions are checked with (RFC 7523). */
  readonly publicKey?: PublicJwk
  /** Part of Sluice itself: people are not asked whether they allow it. */
  readonly own?: boolean
  /** Where people may be sent after signing out. */
  readonly leaveUris?: readonly string[]
}

/** A thing that the authorization server remembers. */
export interface Artifact {
  readonly value: Readonly<Record<string, unknown>>
  readonly consumedAtMs?: number
}

/** Codes, refresh tokens, grants, sessions …, sealed; names of values are kept as hashes. */
export interface Artifacts {
  get(kind: string, id: string): Promise<Artifact | undefined>
  /** By the second name that `put` gave it. */
  byLookup(kind: string, lookup: string): Promise<Artifact | undefined>
  put(kind: string, id: string, value: Readonly<Record<string, unknown>>, about: { readonly grantId?: string; readonly account?: string; readonly lookup?: string; readonly expiresInMs?: number }): Promise<void>
  /** True for one caller only, once, whichever process asks. */
  consume(kind: string, id: string): Promise<boolean>
  remove(kind: string, id: string): Promise<void>
  removeOfGrant(kind: string, grantId: string): Promise<void>
  /** Forgets what has ended. */
  removeExpired(): Promise<void>
}

/** Access tokens that gateways are to refuse from now on. */
export interface TokenRevocations {
  /** One token, by its `jti`. */
  token(about: { readonly id: string; readonly client: string; readonly endsAtMs: number }): Promise<void>
  /** All that came of a grant, by their claim `gid`. */
  grant(mark: string): Promise<void>
}

/** The keys that tokens are signed with, sealed in the store. */
export interface SigningKeyStore {
  load(): Promise<SavedKeys | undefined>
  /** False when somebody else saved meanwhile: load again. */
  save(keys: readonly SigningKey[], before: SavedKeys | undefined): Promise<boolean>
}

export interface SavedKeys {
  readonly keys: readonly SigningKey[]
  /** As it lies in the store. */
  readonly sealed: string
}

export interface SigningKey {
  readonly kid: string
  readonly createdAtMs: number
  /** Private. */
  readonly jwk: Readonly<Record<string, unknown>>
}

/** The part of a signing key that anybody may have (RFC 7518 §6.3.1). */
export function toPublicKey({ jwk: { kty, n, e, kid, alg, use } }: Pick<SigningKey, 'jwk'>): JWK {
  return { kty, n, e, kid, alg, use } as JWK
}
