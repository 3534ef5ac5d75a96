import type { FlowDocument } from './flow.ts'

/** A flow document with its content hash (SHA-256, hex, of its document text). */
export interface Revision {
  readonly hash: string
  readonly document: FlowDocument
}

/**
 * What a group of gateways is to run: which revision of which flow, in the editor's order. Signed by
 * control (Ed25519 over the canonical JSON), checked by every gateway.
 */
export interface ReleaseManifest {
  /** Counts up; 1 is the first. */
  readonly id: number
  readonly createdAt: string
  readonly flows: readonly { readonly id: string; readonly revision: string }[]
  /** SHA-256 of `flows`: what a gateway acknowledges. */
  readonly hash: string
  /** Changes when any node credential changed; credentials themselves travel sealed, per gateway. */
  readonly credentialsHash: string
}

/** Decrypted node credentials by node id. In memory only. */
export type Credentials = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** A release with everything needed to run it. */
export interface Release {
  readonly manifest: ReleaseManifest
  readonly revisions: readonly Revision[]
  readonly credentials: Credentials
}
