import type { Decision } from './access/decision.ts'
import type { GatewayCommand } from './deployer.ts'
import type { ClientChange } from './access/clients.ts'
import type { Problem } from './flow.ts'

/**
 * What control and a gateway say to each other under `/sync/`. A gateway joins once, then keeps one stream
 * of messages open (server-sent events, or long polls when a stream does not get through) and answers by POST.
 */
export interface JoinRequest {
  readonly token: string
  readonly name: string
  readonly url?: string
  readonly version?: string
  /** Random; `JoinReply.standing` answers it. */
  readonly nonce?: string
}

export interface JoinReply {
  readonly gatewayId: string
  /** Bearer key of this gateway, `<gatewayId>.<secret>`. Credentials are sealed under a key derived from the secret. */
  readonly key: string
  /** Ed25519, PEM: what releases are signed with. */
  readonly publicKey: string
  /** A `Standing`, signed: how far control is as it answers. A gateway that knew it before goes back to that and no further. */
  readonly standing?: SignedText
}

/** What control has when a gateway joins, for the one that sent the nonce: nobody in between can keep it for later. */
export interface Standing {
  readonly nonce: string
  /** Version of the callers' records. */
  readonly clients: number
  /** Id of the current release; 0 when there is none. */
  readonly release: number
}

/** Which release is current. */
export interface ReleasePointer {
  readonly id: number
  readonly hash: string
  readonly credentialsHash: string
}

/** A flow document as it travels: the SHA-256 of `text` is `hash`. */
export interface RevisionText {
  readonly hash: string
  readonly text: string
}

/** The manifest as the very text that was signed. */
export interface SignedManifest {
  readonly manifest: string
  /** Ed25519 over the text, base64. */
  readonly signature: string
}

export interface SealedCredentials {
  readonly credentialsHash: string
  /** AES-256-GCM: base64 of nonce (12 bytes), tag (16 bytes) and ciphertext of the JSON; `credentialsHash` is authenticated with it. */
  readonly sealed: string
}

/**
 * Which state of the callers' records is current, and which key their signing secrets are sealed under. The records
 * travel as pages, each known by its hash, so that a gateway that was away fetches only what changed.
 */
export interface ClientsPointer {
  readonly version: number
  readonly keyId: string
}

/** A text with the Ed25519 signature of `purpose + text`, base64; see `signedClients` for the purposes. */
export interface SignedText {
  readonly text: string
  readonly signature: string
}

/** What a signature of control over callers' records is for: one made for the one says nothing about the other, or about a release. */
export const signedClients = { manifest: 'sluice clients manifest\n', change: 'sluice clients change\n', standing: 'sluice standing\n' } as const

/** The text of a signed snapshot. The SHA-256 of each page's text is its name; `bucketOf` says which application is in which. */
export interface ClientsManifest extends ClientsPointer {
  readonly pages: readonly string[]
  /** Page of the plans and APIs. */
  readonly rest: string
}

/** The text of a signed change, good only on top of the version `previous`. */
export interface ClientsChangeText {
  readonly previous: number
  readonly change: ClientChange
}

/** The key of signing secrets for one gateway, sealed as node credentials are; `keyId` is authenticated with it. */
export interface SealedClientKey {
  readonly keyId: string
  readonly sealed: string
}

/** How far a gateway's copy of the callers' records is. */
export interface ClientsAcknowledgement {
  readonly version: number
  readonly state: 'current' | 'refused'
  /** Stable code and text of what was refused. */
  readonly code?: string
  readonly detail?: string
  readonly staleMs: number
  readonly whenStale: 'serve' | 'refuse'
}

/** From control to a gateway, in order. */
export type SyncMessage =
  | { readonly do: 'hello'; readonly current: ReleasePointer | null; readonly heartbeatMs: number; readonly clients?: ClientsPointer }
  /** Something about callers changed. A change that is too large is fetched instead, as a snapshot. */
  | { readonly do: 'clients'; readonly clients: ClientsPointer; readonly change?: SignedText }
  /** Get ready; revisions that are new and credentials that changed come along. */
  | ({ readonly do: 'prepare'; readonly id: number; readonly revisions: readonly RevisionText[]; readonly credentials?: SealedCredentials } & SignedManifest)
  | ({ readonly do: 'commit' } & ReleasePointer)
  | { readonly do: 'abort'; readonly id: number }
  | { readonly do: 'command'; readonly call: string; readonly command: GatewayCommand }

/** From a gateway to control. `preparing` says that it works and is not silent. */
export interface Acknowledgement {
  readonly release: number
  readonly hash: string
  readonly state: 'preparing' | 'ready' | 'refused' | 'live'
  readonly problems?: readonly Problem[]
  readonly detail?: string
}

/** Why calls were refused, oldest first; control answers when it has them in its store. */
export interface DecisionBatch {
  readonly decisions: readonly Decision[]
  /** How many were left out since the last batch. */
  readonly dropped: number
}

export interface CommandReply {
  readonly call: string
  readonly result?: unknown
  readonly error?: string
}

/** Answer to a long poll: the messages after the number given. */
export interface PollReply {
  readonly after: number
  readonly messages: readonly SyncMessage[]
}
