import { createHmac, type KeyObject } from 'node:crypto'
import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import type { VaultAnswer, VaultAsk } from '../../runtime/core/secrets/vault.ts'
import { mayUseVaultName } from '../../runtime/core/secrets/vault-name.ts'
import type { DataKeys } from '../envelope.ts'
import type { RandomPool } from '../random-pool.ts'
import type { TokenPlace, TokenRow, VaultStore } from '../store/vault-store.ts'
import { scopeOf, type Policy } from './policy.ts'
import { toRandomToken } from './random-token.ts'
import { createShapeMaker } from './shape-token.ts'
import { toValueBytes } from './value-bytes.ts'

export type TokenizeAsk = Extract<VaultAsk, { readonly do: 'tokenize' }>

/** Bytes of a value in UTF-8 that the vault takes. */
export const valueLimitBytes = 1024 * 1024
/** A token of a shape is as long as its value, and has to fit into an index. */
export const shapeLimitBytes = 1024
/** Times that a token which is taken is drawn anew, before it is said that there are too few of its shape. */
const roundsLimit = 24
/** 128 bits of a keyed hash (RFC 2104 §5): two values that share one are not to be met. */
const blindBytes = 16

/** Seconds that a token may live. */
export const ttlLimitS = 100 * 366 * 24 * 3600
const modes: ReadonlySet<string> = new Set(['random', 'deterministic', 'shape', 'once'] satisfies TokenizeAsk['mode'][])

const blindOfValue = 1
const blindOfSubject = 2
const blindOfShape = 16

/** What a token is to be made of. */
interface Wish {
  readonly domain: string
  readonly mode: TokenizeAsk['mode']
  readonly keepLast: number
  readonly value: string
  readonly bytes: Buffer
  readonly blind: Buffer | null
  /** Of the data key that seals the value: the domain's, or the subject's in it. */
  readonly scope: string
  /** Where the same wish would be found again. */
  readonly key: string | undefined
  readonly expiresAt: number | null
  readonly slots: number[]
}

type Memory = BoundedMap<{ readonly token: string; readonly expiresAt: number | null }>
type Life = TokenPlace & { readonly expiresAt: number | null }

export interface Tokenizer {
  /** The answer, when it is in memory. */
  known(policy: Policy, ask: TokenizeAsk, now: number): VaultAnswer | undefined
  /** Answers in the order of the asks. */
  answer(policy: Policy, asks: readonly TokenizeAsk[], now: number): Promise<VaultAnswer[]>
}

export function createTokenizer({ store, envelope, random, cacheEntries }: { readonly store: VaultStore; readonly envelope: DataKeys; readonly random: RandomPool; readonly cacheEntries: number }): Tokenizer {
  const shapes = createShapeMaker(random)
  /** From blind index and subject to token; no value is in it. */
  let recent: Memory = new BoundedMap(cacheEntries)
  let recentKeys: number | undefined

  /** What was shredded must not be handed out again. */
  function refresh(policy: Policy): void {
    if (policy.keys === recentKeys) return
    recentKeys = policy.keys
    recent = new BoundedMap(cacheEntries)
  }

  function toWish(policy: Policy, ask: TokenizeAsk, now: number): Wish | VaultAnswer {
    if (!mayUseVaultName(ask.organisation, ask.domain)) return { fault: 'domain.foreign', facts: { domain: ask.domain } }
    const domain = policy.domains.get(ask.domain)
    if (!domain) return { fault: 'domain.unknown', facts: { domain: ask.domain } }
    const index = policy.indexes.get(ask.domain)
    if (domain.state === 'shredded' || !index) return { fault: 'domain.shredded', facts: { domain: ask.domain } }
    const wrong = whyWrong(ask)
    if (wrong) return { fault: 'request.malformed', facts: { reason: wrong } }
    const limitBytes = ask.mode === 'shape' ? shapeLimitBytes : valueLimitBytes
    // A character is at most three bytes, so most need no count.
    if (ask.value.length * 3 > limitBytes && Buffer.byteLength(ask.value) > limitBytes) return { fault: 'vault.too_large', facts: { limitBytes } }
    const bytes = toValueBytes(ask.value, ask.json)
    const keepLast = ask.mode === 'shape' ? ask.keepLast ?? 0 : 0
    const same = ask.mode === 'deterministic' || (ask.mode === 'shape' && ask.same === true)
    const blind = same ? toBlind(index, ask.mode === 'shape' ? blindOfShape + keepLast : blindOfValue, bytes) : null
    const scope = ask.subject === undefined || ask.subject === '' ? scopeOf(ask.domain) : subjectScope(ask.domain, index, ask.subject)
    const ttlS = ask.ttlS ?? domain.ttlS
    return {
      domain: ask.domain,
      mode: ask.mode,
      keepLast,
      value: ask.value,
      bytes,
      blind,
      scope,
      key: blind ? blind.toString('latin1') + scope : undefined,
      expiresAt: ttlS === undefined ? null : toWholeSecond(now + ttlS * 1000),
      slots: [],
    }
  }

  function inMemory({ key, expiresAt }: Wish, now: number): string | undefined {
    const entry = key === undefined ? undefined : recent.get(key)
    if (!entry || !reaches(entry.expiresAt, now) || !reaches(entry.expiresAt, expiresAt)) return undefined
    return entry.token
  }

  /** In the memory that there was when it was looked up: what was shredded meanwhile must not come into the one after. */
  function remember(memory: Memory, { key }: Wish, token: string, expiresAt: number | null): void {
    if (key !== undefined) memory.set(key, { token, expiresAt })
  }

  /** Of wishes whose value has a token already: those tokens. What is dead is buried, so that the value can get a new one. */
  async function findKnown(memory: Memory, wishes: readonly Wish[], now: number): Promise<ReadonlyMap<Wish, string>> {
    const found = new Map<Wish, string>()
    const rows = await store.tokens.find(wishes.map(({ blind }) => blind as Buffer))
    const keys = await envelope.load(rows.flatMap((row) => (row?.key === null || row === undefined ? [] : [row.key])))
    const alive: { readonly wish: Wish; readonly row: TokenRow }[] = []
    const dead: TokenRow[] = []
    rows.forEach((row, index) => {
      if (!row) return
      const usable = row.key !== null && reaches(row.expiresAt, now) && keys.has(row.key)
      if (usable) alive.push({ wish: wishes[index] as Wish, row })
      else dead.push(row)
    })
    if (dead.length > 0) await store.tokens.bury(dead, now)
    await keepForSubjects(alive.filter(({ wish, row }) => keys.get(row.key as number)?.scope !== wish.scope))
    const short = alive.filter(({ wish, row }) => !reaches(row.expiresAt, wish.expiresAt))
    const lives = short.length > 0 ? await store.tokens.extend(longest(short.map(({ wish, row: { domain, token } }) => ({ domain, token, expiresAt: wish.expiresAt })))) : []
    // One that was buried meanwhile is looked for again.
    const lost = new Set(short.filter((_, index) => !lives[index]).map(({ wish }) => wish))
    for (const { wish, row } of alive) {
      if (lost.has(wish)) continue
      found.set(wish, row.token)
      remember(memory, wish, row.token, reaches(row.expiresAt, wish.expiresAt) ? row.expiresAt : wish.expiresAt)
    }
    return found
  }

  /** The value of a token once more under the key of another subject, or of none. */
  async function keepForSubjects(held: readonly { readonly wish: Wish; readonly row: TokenRow }[]): Promise<void> {
    if (held.length === 0) return
    const copies = await store.tokens.copies(held.map(({ row }) => row))
    const keys = await envelope.load(copies.flat().map(({ key }) => key))
    const missing = held.filter(({ wish }, index) => !copies[index]?.some(({ key }) => keys.get(key)?.scope === wish.scope))
    if (missing.length === 0) return
    const current = await envelope.current(missing.map(({ wish }) => wish.scope))
    await store.tokens.addCopies(
      missing.map(({ wish, row: { domain, token } }, index) => {
        const key = current[index] as (typeof current)[number]
        return { domain, token, key: key.number, sealed: envelope.sealWith(key, aboutToken(token), wish.bytes) }
      }),
    )
  }

  /** Rows of new tokens, those that were free. */
  async function make(memory: Memory, wishes: readonly Wish[]): Promise<{ readonly made: ReadonlyMap<Wish, string>; readonly hopeless: readonly Wish[] }> {
    const drawn = wishes.map((wish) => ({ wish, token: wish.mode === 'shape' ? shapes.draw(wish.value, wish.keepLast) : toRandomToken(random) }))
    const hopeless = drawn.filter(({ token }) => token === undefined).map(({ wish }) => wish)
    const possible = drawn.filter((pair): pair is { readonly wish: Wish; readonly token: string } => pair.token !== undefined)
    const current = await envelope.current(possible.map(({ wish }) => wish.scope))
    const rows = possible.map(({ wish, token }, index): TokenRow => {
      const key = current[index] as (typeof current)[number]
      return { domain: wish.domain, token, blind: wish.blind, key: key.number, sealed: envelope.sealWith(key, aboutToken(token), wish.bytes), expiresAt: wish.expiresAt, mode: wish.mode }
    })
    const added = rows.length > 0 ? await store.tokens.add(rows) : []
    const made = new Map<Wish, string>()
    possible.forEach(({ wish, token }, index) => {
      if (!added[index]) return
      made.set(wish, token)
      remember(memory, wish, token, wish.expiresAt)
    })
    return { made, hopeless }
  }

  return {
    known(policy, ask, now) {
      refresh(policy)
      if (ask.mode !== 'deterministic' && !(ask.mode === 'shape' && ask.same)) return undefined
      const wish = toWish(policy, ask, now)
      if (!('slots' in wish)) return undefined
      const token = inMemory(wish, now)
      return token === undefined ? undefined : { token }
    },
    async answer(policy, asks, now) {
      refresh(policy)
      const memory = recent
      const answers = Array.from<VaultAnswer>({ length: asks.length })
      const settle = ({ slots }: Wish, answer: VaultAnswer) => slots.forEach((slot) => void (answers[slot] = answer))
      const wishes = new Map<string | number, Wish>()
      asks.forEach((ask, slot) => {
        const wish = toWish(policy, ask, now)
        if (!('slots' in wish)) return void (answers[slot] = wish)
        const token = inMemory(wish, now)
        if (token !== undefined) return void (answers[slot] = { token })
        const before = wish.key === undefined ? undefined : wishes.get(wish.key)
        // The same value twice: whoever wants the longest life gets it for both.
        const one = before && reaches(before.expiresAt, wish.expiresAt) ? before : wish
        if (before && one === wish) wish.slots.push(...before.slots)
        one.slots.push(slot)
        wishes.set(one.key ?? slot, one)
      })
      let open = [...wishes.values()]
      for (let round = 0; open.length > 0 && round < roundsLimit; round++) {
        const blind = open.filter((wish) => wish.blind)
        const found = blind.length > 0 ? await findKnown(memory, blind, now) : new Map<Wish, string>()
        const { made, hopeless } = await make(memory, open.filter((wish) => !found.has(wish)))
        for (const wish of open) {
          const token = found.get(wish) ?? made.get(wish)
          if (token !== undefined) settle(wish, { token })
        }
        for (const wish of hopeless) settle(wish, { fault: 'token.no_room', facts: { domain: wish.domain } })
        open = open.filter((wish) => !found.has(wish) && !made.has(wish) && !hopeless.includes(wish))
      }
      for (const wish of open) settle(wish, { fault: 'token.no_room', facts: { domain: wish.domain } })
      return answers
    },
  }
}

/** One ask that a database cannot take would spoil it for all that travel with it. */
function whyWrong({ mode, keepLast, ttlS }: TokenizeAsk): string | undefined {
  if (!modes.has(mode)) return 'a token cannot be made in this mode'
  if (keepLast !== undefined && !(Number.isInteger(keepLast) && keepLast >= 0 && keepLast <= 4)) return 'a token shows 0 to 4 characters of its value'
  if (ttlS !== undefined && !(ttlS > 0 && ttlS <= ttlLimitS)) return 'a token lives for more than no time, and for a hundred years at most'
  return undefined
}

/** What is authenticated with a token's value besides its scope. */
export function aboutToken(token: string): string {
  return `token:${token}`
}

export function subjectScope(domain: string, index: KeyObject, subject: string): string {
  return `${scopeOf(domain)}/subject:${toBlind(index, blindOfSubject, toValueBytes(subject, false)).toString('hex')}`
}

function toBlind(index: KeyObject, kind: number, bytes: Buffer): Buffer {
  return createHmac('sha256', index).update(Uint8Array.of(kind)).update(bytes).digest().subarray(0, blindBytes)
}

/** The same tokens may be wished for by several subjects: all get the longest life of theirs. In the order given. */
function longest(lives: readonly Life[]): readonly Life[] {
  const ends = new Map<string, number | null>()
  for (const { domain, token, expiresAt } of lives) {
    const key = `${domain}\0${token}`
    const before = ends.get(key)
    if (before === undefined || !reaches(before, expiresAt)) ends.set(key, expiresAt)
  }
  return lives.map((life) => ({ ...life, expiresAt: ends.get(`${life.domain}\0${life.token}`) as number | null }))
}

/** Whether something that ends at `end` (null: never) lasts until `until`. */
function reaches(end: number | null, until: number | null): boolean {
  return end === null || (until !== null && end >= until)
}

/** Lives are counted in whole seconds, so that a value asked for often is written once a second at most. */
function toWholeSecond(ms: number): number {
  return Math.ceil(ms / 1000) * 1000
}
