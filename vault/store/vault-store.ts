import type { KeyUse } from '../contract.ts'
import type { RecordStore, VaultRecord } from '../parts.ts'

/**
 * What a vault remembers. Every method is one transaction: it has happened, or nothing of it has. All of them take many rows at
 * once, because a transaction costs more than a row.
 */
export interface VaultStore {
  readonly kind: 'sqlite' | 'postgresql'
  readonly records: RecordStore
  readonly keys: DataKeyTable
  readonly tokens: TokenTable
  readonly reveals: RevealTable
  readonly keyUses: KeyUseTable
  readonly guesses: GuessTable
  /** Numbers that grow when another vault would have to look again: of each kind of record, and of `data-key` (one was retired or shredded). */
  revisions(): Promise<ReadonlyMap<VaultRecord['kind'] | 'data-key', number>>
  meta: { get(name: string): Promise<string | undefined>; /** Keeps the value that is there. Gives the one that is there then. */ settle(name: string, value: string): Promise<string>; set(name: string, value: string): Promise<void> }
  close(): Promise<void>
}

/** What a data key is for: `seal` changes with rotations, `index` (of a blind index) never does. */
export type DataKeyUse = 'seal' | 'index'

/** `old`: rows wait to be sealed anew; `spent`: none does any more; `shredding`: destroyed, rows wait to be buried; `shredded`: none does any more. */
export type DataKeyState = 'active' | 'old' | 'spent' | 'shredding' | 'shredded'

export interface DataKeyRow {
  /** Given by the store. */
  readonly number: number
  readonly scope: string
  readonly use: DataKeyUse
  readonly version: number
  readonly state: DataKeyState
  readonly wrapped: Uint8Array | null
  /** Id of the master key's version that wraps it. */
  readonly masterKey: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** When it stopped being active. */
  readonly retiredAt: number | null
}

export interface DataKeyTable {
  /** The newest of each scope and use, in whatever state; in the order asked for. */
  newest(wanted: readonly { readonly scope: string; readonly use: DataKeyUse }[]): Promise<readonly (DataKeyRow | undefined)[]>
  get(numbers: readonly number[]): Promise<readonly (DataKeyRow | undefined)[]>
  /** Leaves out those whose scope, use and version are there already: another vault was first. */
  add(rows: readonly Omit<DataKeyRow, 'number'>[]): Promise<void>
  /** Keys that seal for the scope, or for one below it (`scope/…`), are old from now on. */
  retire(scope: string, now: number): Promise<void>
  /** Destroys all keys of the scope and of those below it: what they sealed is lost from here on. */
  shred(scope: string, now: number): Promise<void>
  /** Keys wrapped by another version of the master key than this one. */
  wrappedByOthers(masterKey: string, limit: number): Promise<readonly DataKeyRow[]>
  /** Only where it is still wrapped by `from`. */
  rewrap(number: number, from: string, wrapped: Uint8Array, to: string): Promise<boolean>
  /** Keys with rows to be sealed anew (`old`) or buried (`shredding`), those that were retired first at the front; of a scope and those below it. */
  waiting(state: 'old' | 'shredding', limit: number, scope?: string): Promise<readonly DataKeyRow[]>
  /** Says that nothing waits for a key any more: old ones are spent, those that were being shredded are. */
  settle(number: number): Promise<void>
  /** Keys still wrapped by others. */
  countOthers(masterKey: string): Promise<number>
}

export interface TokenRow {
  readonly domain: string
  readonly token: string
  /** Keyed hash of the value, where the same value is to get the same token; no two rows have the same. */
  readonly blind: Uint8Array | null
  /** Number of the data key; null when the value is gone (used, expired, shredded): such a row only says that there was a token. */
  readonly key: number | null
  readonly sealed: Uint8Array | null
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | null
  readonly mode: string
}

/** The value of a token once more, sealed for another subject than the first, so that shredding the one does not take it from the other. */
export interface TokenCopy {
  readonly domain: string
  readonly token: string
  readonly key: number
  readonly sealed: Uint8Array
}

export interface TokenPlace { readonly domain: string; readonly token: string }

export interface TokenTable {
  /** By token, in the order asked for. */
  get(places: readonly TokenPlace[]): Promise<readonly (TokenRow | undefined)[]>
  /** By blind index, in the order asked for. */
  find(blinds: readonly Uint8Array[]): Promise<readonly (TokenRow | undefined)[]>
  /** Says of each whether it was written: false when the token, or the blind index, is there already. */
  add(rows: readonly TokenRow[]): Promise<readonly boolean[]>
  /** Which scopes a token's value is sealed for besides its first, as numbers of data keys. */
  copies(places: readonly TokenPlace[]): Promise<readonly (readonly TokenCopy[])[]>
  addCopies(copies: readonly TokenCopy[]): Promise<void>
  /** Tokens live at least until then (null: for ever); never shorter than before. Says of each whether its value is still there. */
  extend(lives: readonly (TokenPlace & { readonly expiresAt: number | null })[]): Promise<readonly boolean[]>
  /** Buries those that expired before `now`, or whose key was shredded: values are gone, tokens are known to have been, their blind indexes are free. */
  bury(places: readonly TokenPlace[], now: number): Promise<void>
  /** Buries what expired before `now`, and forgets tokens (but those of a shape, which could come again) that expired before `forgetBefore`. Gives the number of rows it touched. */
  sweep(now: number, forgetBefore: number, limit: number): Promise<number>
  /** Buries rows under a destroyed key, or puts a copy under a living key in their place. Gives how many it saw, and how many values were lost with it. */
  buryUnder(key: number, limit: number): Promise<{ readonly seen: number; readonly lost: number }>
  /** Rows, then copies, sealed under this key. */
  sealedUnder(key: number, limit: number): Promise<readonly TokenCopy[]>
  /** Puts rows under a new key where they are still under `from`. */
  reseal(rows: readonly (TokenCopy & { readonly from: number })[]): Promise<void>
  /** Rows and copies under keys that are old. */
  countOld(): Promise<number>
  /** Tokens that there are; on PostgreSQL an estimate of the planner above 100,000. */
  count(): Promise<number>
}

export interface KeyUseTable {
  /** Adds to what is there of the same hour, key, version, act, outcome, client and flow. */
  add(uses: readonly KeyUse[]): Promise<void>
  /** The newest hours first. */
  list(key: string, limit: number): Promise<readonly KeyUse[]>
  /** Hours before this one. */
  forget(before: string): Promise<void>
}

/** Comparisons that came out different, counted by whom and where for a while. */
export interface GuessTable {
  /** Adds to the window of each place, each named once, and begins another where it has ended; gives how many there were before, and when it ends (ms since the epoch), in the order asked. */
  add(places: readonly { readonly place: string; readonly wrong: number }[], now: number, windowMs: number): Promise<readonly { readonly before: number; readonly endsAt: number }[]>
  /** Windows that ended before. */
  forget(before: number): Promise<void>
}

/** A line of the record of reveals, as it is written. */
export interface RevealRow {
  readonly number: number
  readonly at: string
  readonly domain: string
  readonly token: string
  readonly client: string | null
  readonly purpose: string
  readonly run: string
  readonly flow: string
  readonly node: string
  readonly outcome: string
  readonly hash: string
}

export interface NewReveal extends Omit<RevealRow, 'number' | 'hash'> {
  /** A one-time token that this reveal uses up; when somebody else did, the line says `expired`. */
  readonly takes?: TokenPlace | undefined
}

export interface RevealTable {
  /** Appends in this order, uses up what the lines take, and gives the lines as they were written. */
  append(reveals: readonly NewReveal[], hash: (before: string, row: Omit<RevealRow, 'hash'>) => string): Promise<readonly RevealRow[]>
  /** From `after` on, oldest first. */
  list(query: { readonly after: number; readonly limit: number; readonly domain?: string | undefined; readonly client?: string | undefined }): Promise<readonly RevealRow[]>
  /** The newest first. */
  newest(query: { readonly before?: number | undefined; readonly limit: number; readonly domain?: string | undefined; readonly client?: string | undefined }): Promise<readonly RevealRow[]>
  head(): Promise<{ readonly number: number; readonly hash: string }>
}
