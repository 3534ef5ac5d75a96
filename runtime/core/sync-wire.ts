import type { GatewayCommand, GatewayEvent } from './deployer.ts'
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
}

export interface JoinReply {
  readonly gatewayId: string
  /** Bearer key of this gateway, `<gatewayId>.<secret>`. Credentials are sealed under a key derived from the secret. */
  readonly key: string
  /** Ed25519, PEM: what releases are signed with. */
  readonly publicKey: string
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

/** From control to a gateway, in order. */
export type SyncMessage =
  | { readonly do: 'hello'; readonly current: ReleasePointer | null; readonly heartbeatMs: number }
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

export interface EventBatch {
  readonly events: readonly GatewayEvent[]
  /** Events that had to be dropped since the last batch. */
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
