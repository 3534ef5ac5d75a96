import type { CryptoAsk, VaultAnswer, VaultAsk } from '../runtime/core/secrets/vault.ts'
import type { SecretFacts, SecretsReply, SecretsRequest, VaultDesk } from './contract.ts'
import type { KeyUpkeep } from './keys/key-upkeep.ts'

/** The parts a vault is made of; `open-vault.ts` is where they meet. */

/** A key that wraps data keys and never leaves where it lies: a file, or a PKCS#11 token. */
export interface MasterKey {
  readonly provider: 'file' | 'pkcs11'
  /** Id of the version that wraps from now on. */
  readonly id: string
  /** When that version was made; RFC 3339. */
  readonly since?: string | undefined
  wrap(dataKey: Uint8Array): Promise<Uint8Array>
  /** @throws when this id is of no version that is here, or the bytes were changed */
  unwrap(id: string, wrapped: Uint8Array): Promise<Buffer>
  /** Makes the next version; older ones go on unwrapping. */
  rotate(): Promise<void>
  close(): Promise<void>
}

/** Bytes under a data key: AES-256-GCM, with what they are about authenticated (NIST SP 800-38D). */
export interface Sealed {
  /** Names the data key. */
  readonly keyId: string
  readonly bytes: Uint8Array
}

/** Envelope encryption: data keys by name, each wrapped by the master key. */
export interface Envelope {
  /** Seals for `scope` (`domain:customers`, `keys`, `secrets`); `about` is authenticated with it (`key:signing:3`). Makes the data key when there is none. */
  seal(scope: string, about: string, plain: Uint8Array): Promise<Sealed>
  /** @throws when it was changed, moved, or its key was shredded */
  open(scope: string, about: string, sealed: Sealed): Promise<Buffer>
}

/** A record of any part of the vault: open facts, and what of it is sealed. */
export interface VaultRecord {
  readonly kind: 'domain' | 'grant' | 'key' | 'certificate' | 'secret' | 'data-key-use'
  readonly name: string
  /** Counts up with every change. */
  readonly version: number
  readonly facts: Readonly<Record<string, unknown>>
  readonly sealed?: Sealed
}

export interface RecordStore {
  list(kind: VaultRecord['kind']): Promise<readonly VaultRecord[]>
  get(kind: VaultRecord['kind'], name: string): Promise<VaultRecord | undefined>
  /** Writes `record.version`; false when another vault was first (there is a record, and its version is not one less). */
  put(record: VaultRecord): Promise<boolean>
  /** With `version` only that one. */
  remove(kind: VaultRecord['kind'], name: string, version?: number): Promise<boolean>
  /** A number that grows with every change of any record of the kind: cheap to ask, so that several vaults on one database see each other's. */
  revision(kind: VaultRecord['kind']): Promise<number>
}

/** Tokens, who may see what, and the record of it: `createTokens`. */
export interface Tokens {
  ask(asks: readonly Exclude<VaultAsk, CryptoAsk>[]): Promise<readonly VaultAnswer[]>
  readonly desk: Pick<VaultDesk, 'domains' | 'grants' | 'reveals'>
}

/** Keys and certificates: `createKeyring`. */
export interface Keyring {
  ask(ask: CryptoAsk): Promise<VaultAnswer>
  readonly upkeep: KeyUpkeep
  readonly desk: { readonly keys: Omit<VaultDesk['keys'], 'uses'>; readonly certificates: VaultDesk['certificates'] }
}

/** `createSecretKeep`. */
export interface SecretKeep {
  values(names: readonly string[]): Promise<ReadonlyMap<string, { readonly value: string; readonly version: number }>>
  /** What `POST /v1/secrets` answers. @throws Refused `secret.invalid` when it is no such request */
  answer(request: SecretsRequest): Promise<SecretsReply>
  list(): Promise<readonly SecretFacts[]>
  readonly desk: VaultDesk['secrets']
}

/** A vault, without the door to it. */
export interface OpenVault {
  /** Answers in the order of the asks, each its own success or fault. */
  ask(asks: readonly VaultAsk[]): Promise<readonly VaultAnswer[]>
  readonly secrets: SecretKeep
  readonly desk: VaultDesk
  close(): Promise<void>
}
