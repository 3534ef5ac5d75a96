import { systemClock, type Clock } from '../../runtime/core/time/clock.ts'
import { fault } from '../../runtime/core/fault.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { CryptoAsk, VaultAnswer, VaultAsk } from '../../runtime/core/secrets/vault.ts'
import type { VaultStatus } from '../contract.ts'
import type { DataKeys } from '../envelope.ts'
import type { Tokens } from '../parts.ts'
import { createRandomPool } from '../random-pool.ts'
import type { VaultStore } from '../store/vault-store.ts'
import { createPolicyWatch, type Policy } from './policy.ts'
import { createRevealer, type RevealAsk, type VerifyAsk } from './reveal.ts'
import { revealChain } from './reveal-chain.ts'
import { createTokenizer, type TokenizeAsk } from './tokenize.ts'
import { createTokensDesk } from './tokens-desk.ts'
import { reasonOf } from './reason-of.ts'
import { startUpkeep } from './upkeep.ts'

type TokenAsk = Exclude<VaultAsk, CryptoAsk>

/** Asks that go to the store together, at most. */
const groupLimit = 2000
/** Characters of values that go together, unless one batch alone has more. */
const groupLimitCharacters = 16 * 1024 * 1024
/** Groups at the database at the same time; the embedded one answers in turn anyway. */
const groupsAtOnce = { sqlite: 1, postgresql: 4 } as const
/** Blind indexes whose tokens are remembered; about 250 bytes each. */
const defaultCacheEntries = 200_000

/** The tokens of a vault, with what its status says of them. */
export interface OpenTokens extends Tokens {
  status(): Promise<Pick<VaultStatus, 'domains' | 'tokens' | 'toReseal'>>
  /** Ends once nothing waits to be sealed anew, wrapped anew or buried. */
  settle(): Promise<void>
  /** Ends what goes on in the background; the store is its opener's to close. */
  close(): Promise<void>
}

interface Waiting {
  readonly asks: readonly TokenAsk[]
  readonly resolve: (answers: readonly VaultAnswer[]) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Domains, grants and tokens on the tables of a store.
 * @param cacheEntries values whose token is remembered (as keyed hashes)
 */
export async function createTokens({ store, envelope, log, clock = systemClock, cacheEntries = defaultCacheEntries }: {
  readonly store: VaultStore
  readonly envelope: DataKeys
  readonly log: Log
  readonly clock?: Clock | undefined
  readonly cacheEntries?: number | undefined
}): Promise<OpenTokens> {
  const chainKey = await envelope.index(revealChain)
  const watch = createPolicyWatch({ records: store.records, envelope, log })
  const tokenizer = createTokenizer({ store, envelope, random: createRandomPool(), cacheEntries })
  const revealer = createRevealer({ store, envelope, chainKey, log })
  const upkeep = startUpkeep({ store, envelope, clock, log })
  let waiting: Waiting[] = []
  let scheduled = false
  let running = 0

  /** Answers from memory, when all of them are there. */
  function answerKnown(asks: readonly TokenAsk[]): readonly VaultAnswer[] | undefined {
    const policy = watch.look()
    if (policy instanceof Promise) {
      policy.catch(() => {}) // whoever waits for it is told
      return undefined
    }
    const now = clock.now()
    const answers: VaultAnswer[] = []
    for (const ask of asks) {
      if (ask.do !== 'tokenize') return undefined
      const answer = tokenizer.known(policy, ask, now)
      if (!answer) return undefined
      answers.push(answer)
    }
    return answers
  }

  /** Batches of one turn go together: a transaction costs more than a row. */
  function schedule(): void {
    if (scheduled || waiting.length === 0 || running >= groupsAtOnce[store.kind]) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      const group = takeGroup()
      running++
      void answerGroup(group).finally(() => {
        running--
        schedule()
      })
      schedule()
    })
  }

  function takeGroup(): readonly Waiting[] {
    let asks = 0
    let characters = 0
    let count = 0
    for (const { asks: own } of waiting) {
      asks += own.length
      for (const ask of own) characters += 'value' in ask ? ask.value.length : 0
      if (count > 0 && (asks > groupLimit || characters > groupLimitCharacters)) break
      count++
    }
    const group = waiting.slice(0, count)
    waiting = waiting.slice(count)
    return group
  }

  async function answerGroup(group: readonly Waiting[]): Promise<void> {
    try {
      const answers = await answerAll(group.flatMap(({ asks }) => asks))
      let from = 0
      for (const { asks, resolve } of group) resolve(answers.slice(from, (from += asks.length)))
    } catch (thrown) {
      log.error({ reason: reasonOf(thrown) }, 'The vault could not answer.')
      for (const { reject } of group) reject(fault('vault.unavailable', {}, thrown))
    }
  }

  async function answerAll(asks: readonly TokenAsk[]): Promise<readonly VaultAnswer[]> {
    let policy = await watch.look()
    if (asks.some(({ domain }) => !policy.domains.has(domain))) {
      // Another vault may have made the domain just now.
      envelope.watch.stale()
      policy = await watch.look()
    }
    const now = clock.now()
    const answers = Array.from<VaultAnswer>({ length: asks.length })
    const part = async <A extends TokenAsk>(kind: A['do'], answer: (policy: Policy, asks: readonly A[], now: number) => Promise<VaultAnswer[]>) => {
      const places: number[] = []
      asks.forEach((ask, place) => void (ask.do === kind && places.push(place)))
      if (places.length === 0) return
      const own = await answer(policy, places.map((place) => asks[place] as A), now)
      places.forEach((place, index) => void (answers[place] = own[index] as VaultAnswer))
    }
    // One after the other: an ask that fails leaves no half of another behind, and what was tokenized here can be revealed here.
    await part<TokenizeAsk>('tokenize', tokenizer.answer)
    await part<VerifyAsk>('verify', revealer.verify)
    await part<RevealAsk>('reveal', revealer.reveal)
    return answers
  }

  return {
    ask(asks) {
      if (asks.length === 0) return Promise.resolve([])
      const known = answerKnown(asks)
      if (known) return Promise.resolve(known)
      return new Promise((resolve, reject) => {
        waiting.push({ asks, resolve, reject })
        schedule()
      })
    },
    desk: createTokensDesk({ store, envelope, chainKey, clock, log, buryNow: upkeep.buryNow }),
    async status() {
      const [domains, tokens, old] = await Promise.all([store.records.list('domain'), store.tokens.count(), store.tokens.countOld()])
      return { domains: domains.length, tokens, toReseal: old + (await envelope.countToRewrap()) }
    },
    settle: upkeep.runNow,
    async close() {
      await upkeep.close()
    },
  }
}
