import type { FaultCode } from '../faults.ts'

/**
 * The vault as nodes see it: a process of its own that keeps what tokens stand for and the material of keys. Values travel as text;
 * what is no string travels as JSON with `json` set. Nothing that a vault is asked, or answers, may reach a log, a trace or a message
 * of a fault.
 */
export interface Vault {
  /**
   * Asks in one go, however many: answers come in the order of the asks, each its own success or fault. Asks of runs that go on
   * at the same time may travel together.
   * @throws Fault `vault.unavailable` when no vault answers in time; nothing is known then of what was asked
   */
  ask(asks: readonly VaultAsk[], options?: VaultOptions): Promise<readonly VaultAnswer[]>
}

export interface VaultOptions {
  readonly signal?: AbortSignal
  /** Milliseconds since the epoch. */
  readonly deadline?: number
}

/**
 * How a token looks: `random` and `deterministic` are letters and digits (deterministic: one per value and domain), `shape` keeps
 * length and classes of characters, `once` is random and gone with its first reveal.
 */
export type TokenMode = 'random' | 'deterministic' | 'shape' | 'once'

/** Who wants to see a value, as the gateway knows the caller. Goes into the record of every reveal. */
export interface Viewer {
  /** Application of the caller; undefined when nobody proved who calls. */
  readonly client: string | undefined
  readonly clearance: string | undefined
  readonly organisation?: string | undefined
  readonly purpose: string
  readonly run: string
  readonly flow: string
  readonly node: string
}

/** Who compares a value with a token: as a viewer, and there may be no purpose. */
export type Comparer = Omit<Viewer, 'purpose'> & { readonly purpose?: string | undefined }

/** Of every ask: whose flow asks; absent: nobody's, which may ask for all. The vault looks whether what is named is that organisation's. */
export interface OwnedAsk {
  readonly organisation?: string
}

export type VaultAsk = OwnedAsk & (
  | { readonly do: 'tokenize'; readonly domain: string; readonly mode: TokenMode; readonly value: string; readonly json?: boolean
      /** Characters of the value that a `shape` token shows at its end, 0–4. */
      readonly keepLast?: number
      /** The same value gets the same `shape` token. */
      readonly same?: boolean
      readonly ttlS?: number
      /** Whom the value is about: all of one subject can be shredded together. */
      readonly subject?: string }
  /** Whether this is the token of that value. On record as a reveal is: who asks often enough finds out. */
  | { readonly do: 'verify'; readonly domain: string; readonly token: string; readonly value: string; readonly json?: boolean; readonly viewer: Comparer }
  | { readonly do: 'reveal'; readonly domain: string; readonly token: string; readonly viewer: Viewer }
  | CryptoAsk
)

/**
 * Bytes travel as base64url: what is encrypted and signed, additional data, signatures by themselves. Texts of a form travel as they are: what
 * is decrypted, and a JWS that is checked (`data` of a compact one, `signature` of a detached one). `key` is a name; `version` picks one of
 * its versions where the text itself does not say which. `algorithm` may be left out: it follows from the key.
 */
export type CryptoAsk = OwnedAsk & { /** For whom; use of keys is counted by client and flow. */ readonly viewer?: Comparer } & (
  | { readonly do: 'encrypt'; readonly key: string; readonly form: 'jwe' | 'aes-gcm'; readonly data: string; readonly aad?: string; readonly contentType?: string; readonly keyManagement?: string }
  | { readonly do: 'decrypt'; readonly key: string; readonly form: 'jwe' | 'aes-gcm'; readonly data: string; readonly aad?: string }
  | { readonly do: 'sign'; readonly key: string; readonly form: 'jws' | 'jws-detached' | 'raw'; readonly algorithm?: string; readonly data: string; readonly contentType?: string }
  | { readonly do: 'check'; readonly key: string; readonly form: 'jws' | 'jws-detached' | 'raw'; readonly algorithm?: string; readonly data: string; readonly signature?: string; readonly version?: number }
)

/** What came of one ask. */
export type VaultAnswer =
  | { readonly token: string }
  | { readonly same: boolean }
  | { readonly value: string; readonly json?: boolean }
  /** Of crypto asks: text of the form, or bytes as base64url; `version` is that of the key. */
  | { readonly data: string; readonly version: number }
  | { readonly valid: boolean; readonly version?: number; readonly data?: string }
  | { readonly fault: FaultCode; readonly facts?: Readonly<Record<string, string | number>> }

/** Values of secrets by name, as a gateway holds them: in memory, and nowhere else. */
export interface Secrets {
  /** The newest values as far as they can be had. Never rejects. */
  find(names: Iterable<string>): Promise<FoundSecrets>
  /** Is told which of those that were asked for have another value than before, or one at last; the result ends it. */
  onChanged(listener: (names: readonly string[]) => void): () => void
  /** Those that are in use: all others are forgotten and not asked for any more. */
  keepOnly(names: Iterable<string>): void
}

export interface FoundSecrets {
  /** What is held of a secret that is gone, or while no vault answers, is what it was. */
  readonly values: ReadonlyMap<string, HeldSecret>
  /** Names of no secret. */
  readonly unknown: ReadonlySet<string>
  /** No vault answers. */
  readonly away: boolean
}

export interface HeldSecret {
  readonly value: string
  readonly version: number
}
