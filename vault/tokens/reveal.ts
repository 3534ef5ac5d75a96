import { createHash, timingSafeEqual, type KeyObject } from 'node:crypto'
import type { Log } from '../../runtime/core/log.ts'
import { mayUseVaultName } from '../../runtime/core/secrets/vault-name.ts'
import type { VaultAnswer, VaultAsk } from '../../runtime/core/secrets/vault.ts'
import type { Reveal } from '../contract.ts'
import type { DataKeys } from '../envelope.ts'
import type { NewReveal, TokenPlace, TokenRow, VaultStore } from '../store/vault-store.ts'
import { scopeOf, whyDenied, type DomainFacts, type Policy, type WhyDenied } from './policy.ts'
import { hashReveal } from './reveal-chain.ts'
import { createGuessLimit, type Guess } from './guess-limit.ts'
import { aboutToken } from './tokenize.ts'
import { fromValueBytes, toValueBytes } from './value-bytes.ts'

export type RevealAsk = Extract<VaultAsk, { readonly do: 'reveal' }>
export type VerifyAsk = Extract<VaultAsk, { readonly do: 'verify' }>

/** Characters of what a gateway says about a viewer that the record keeps. */
const wordLimit = 200

/** Whether a token is looked for, or why not. */
type Decision = 'look' | 'foreign' | 'no domain' | 'shredded' | { readonly why: WhyDenied }

/** What became of a token that was looked for. */
type Opened = { readonly bytes: Buffer; readonly row: TokenRow } | 'unknown' | 'expired'

export interface Revealer {
  /** Writes who looked before it answers; who may not is told so whether or not there is such a token. */
  reveal(policy: Policy, asks: readonly RevealAsk[], now: number): Promise<VaultAnswer[]>
  /** Writes who compared, and what came of it, before it answers; who was wrong too often in a minute is not answered. */
  verify(policy: Policy, asks: readonly VerifyAsk[], now: number): Promise<VaultAnswer[]>
}

export function createRevealer({ store, envelope, chainKey, log }: { readonly store: VaultStore; readonly envelope: DataKeys; readonly chainKey: KeyObject; readonly log: Log }): Revealer {
  const guesses = createGuessLimit({ store })

  /** Values of tokens, in the order of the places. */
  async function open(places: readonly TokenPlace[], now: number): Promise<Opened[]> {
    // A database has no text for these, so they are no tokens.
    const askable = places.filter(({ token }) => token.isWellFormed() && !token.includes('\0'))
    const rows = askable.length > 0 ? await store.tokens.get(askable) : []
    const rowOf = new Map(askable.map((place, index) => [place, rows[index]]))
    const keys = await envelope.load(rows.flatMap((row) => (row?.key == null ? [] : [row.key])))
    // While a subject is being shredded, the copy of another may not have taken its place yet.
    const orphans = rows.filter((row): row is TokenRow => row?.key != null && !keys.has(row.key))
    const copies = new Map<TokenRow, Buffer>()
    if (orphans.length > 0) {
      const lists = await store.tokens.copies(orphans)
      const living = await envelope.load(lists.flat().map(({ key }) => key))
      orphans.forEach((row, index) => {
        const copy = lists[index]?.find(({ key }) => living.has(key))
        const key = copy && living.get(copy.key)
        if (copy && key) copies.set(row, envelope.openWith(key, aboutToken(row.token), copy.sealed))
      })
    }
    return places.map((place): Opened => {
      const row = rowOf.get(place)
      if (!row) return 'unknown'
      if (row.key === null || (row.expiresAt !== null && row.expiresAt <= now)) return 'expired'
      const copy = copies.get(row)
      if (copy) return { bytes: copy, row }
      const key = keys.get(row.key)
      if (!key) return 'expired'
      try {
        if (!isOfDomain(key.scope, row.domain)) throw new Error('its key is of another domain')
        return { bytes: envelope.openWith(key, aboutToken(row.token), row.sealed as Uint8Array), row }
      } catch {
        log.error({ domain: row.domain }, 'A row of the vault was changed in its database by somebody else; its token counts as unknown.')
        return 'unknown'
      }
    })
  }

  return {
    async reveal(policy, asks, now) {
      const decisions = asks.map((ask): Decision => {
        // Before anything else: whose flow it is shuts it out, whatever its caller may see, and tells it nothing of the domain.
        if (isForeign(ask)) return 'foreign'
        const domain = policy.domains.get(ask.domain)
        if (!domain) return 'no domain'
        const why = whyDenied(policy, domain, ask.viewer, now)
        if (why) return { why }
        return domain.state === 'shredded' ? 'shredded' : 'look'
      })
      const looks = asks.filter((_, index) => decisions[index] === 'look')
      const opened = await open(looks, now)
      const openedOf = new Map(looks.map((ask, index) => [ask, opened[index] as Opened]))
      const at = new Date(now).toISOString()
      const lines = asks.map((ask, index): NewReveal => {
        const found = openedOf.get(ask)
        const takes = typeof found === 'object' && found.row.mode === 'once' ? { domain: ask.domain, token: ask.token } : undefined
        return { at, ...toWords(ask), outcome: toOutcome(decisions[index] as Decision, found), takes }
      })
      const written = await store.reveals.append(lines, (before, row) => hashReveal(chainKey, before, row))
      return asks.map((ask, index): VaultAnswer => {
        const found = openedOf.get(ask)
        const decision = decisions[index]
        if (decision === 'foreign') return { fault: 'domain.foreign', facts: { domain: ask.domain } }
        if (decision === 'no domain') return { fault: 'domain.unknown', facts: { domain: ask.domain } }
        if (decision === 'shredded') return { fault: 'domain.shredded', facts: { domain: ask.domain } }
        switch (written[index]?.outcome) {
          case 'revealed':
            return fromValueBytes((found as { readonly bytes: Buffer }).bytes)
          case 'expired':
            return { fault: 'token.expired', facts: { domain: ask.domain } }
          case 'unknown':
            return { fault: 'token.unknown', facts: { domain: ask.domain } }
          default:
            // Why is for who looks after grants; a flow does not hand it to its caller.
            return { fault: 'detoken.denied', facts: { domain: ask.domain, purpose: String(ask.viewer.purpose), ...(typeof decision === 'object' ? decision : {}) } }
        }
      })
    },
    async verify(policy, asks, now) {
      const looks = asks.filter((ask) => !isForeign(ask) && policy.domains.get(ask.domain)?.state === 'active')
      const opened = await open(looks, now)
      const at = new Date(now).toISOString()
      const compared = looks.map((ask, index): Guess => ({ domain: policy.domains.get(ask.domain) as DomainFacts, viewer: ask.viewer, same: isSame(ask, opened[index]) }))
      const waits = await guesses.judge(compared, now)
      const judgedOf = new Map(looks.map((ask, index) => [ask, { same: compared[index]?.same, retryAfter: waits[index] }]))
      const made = asks.map((ask): { readonly answer: VaultAnswer; readonly outcome: Reveal['outcome'] } => {
        if (isForeign(ask)) return { answer: { fault: 'domain.foreign', facts: { domain: ask.domain } }, outcome: 'denied' }
        const domain = policy.domains.get(ask.domain)
        if (!domain) return { answer: { fault: 'domain.unknown', facts: { domain: ask.domain } }, outcome: 'unknown' }
        if (domain.state === 'shredded') return { answer: { fault: 'domain.shredded', facts: { domain: ask.domain } }, outcome: 'expired' }
        const { same: isRight, retryAfter } = judgedOf.get(ask) ?? {}
        // A right one is not told either: it would be the answer.
        if (retryAfter !== undefined) return { answer: { fault: 'verify.too_many', facts: { domain: ask.domain, retryAfter } }, outcome: 'too-many' }
        const same = isRight === true
        return { answer: { same }, outcome: same ? 'same' : 'different' }
      })
      await store.reveals.append(asks.map((ask, index): NewReveal => ({ at, ...toWords(ask), outcome: (made[index] as (typeof made)[number]).outcome })), (before, row) => hashReveal(chainKey, before, row))
      return made.map(({ answer }) => answer)
    },
  }
}

function isForeign({ organisation, domain }: RevealAsk | VerifyAsk): boolean {
  return !mayUseVaultName(organisation, domain)
}

function isSame(ask: VerifyAsk, found: Opened | undefined): boolean {
  if (typeof found !== 'object') return false
  const wanted = toValueBytes(ask.value, ask.json)
  return wanted.length === found.bytes.length && timingSafeEqual(wanted, found.bytes)
}

function toOutcome(decision: Decision, found: Opened | undefined): Reveal['outcome'] {
  if (decision === 'foreign' || typeof decision === 'object') return 'denied'
  if (decision === 'shredded') return 'expired'
  if (found === undefined) return 'unknown'
  return typeof found === 'object' ? 'revealed' : found
}

/** SHA-256 of a token, in hex: as the record of reveals names it. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex')
}

function toWords({ domain, token, viewer }: RevealAsk | VerifyAsk): Omit<NewReveal, 'at' | 'outcome' | 'takes'> {
  return {
    domain: toWord(domain),
    token: hashToken(token),
    client: (viewer.client ?? null) === null ? null : toWord(viewer.client),
    purpose: toWord(viewer.purpose),
    run: toWord(viewer.run),
    flow: toWord(viewer.flow),
    node: toWord(viewer.node),
  }
}

/** As a database takes it. */
function toWord(text: unknown): string {
  return String(text ?? '').slice(0, wordLimit).toWellFormed().replaceAll('\0', ' ')
}

function isOfDomain(scope: string, domain: string): boolean {
  return scope === scopeOf(domain) || scope.startsWith(`${scopeOf(domain)}/`)
}
