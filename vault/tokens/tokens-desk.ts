import { createHash, type KeyObject } from 'node:crypto'
import { checkChain } from '../../ledger/chain.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Domain, DomainPart, Grant, Reveal } from '../contract.ts'
import type { DataKeys } from '../envelope.ts'
import type { Tokens, VaultRecord } from '../parts.ts'
import { checkRevision } from '../check-revision.ts'
import { Refused } from '../refused.ts'
import type { RevealRow, VaultStore } from '../store/vault-store.ts'
import { namePattern } from '../words/names.ts'
import { scopeOf, sealPolicy, type DomainFacts } from './policy.ts'
import { hashReveal, revealChain } from './reveal-chain.ts'
import { subjectScope, ttlLimitS } from './tokenize.ts'

const wordLimit = 200
const listLimit = 100
const descriptionLimit = 1000
const triesLimit = 5
const guessesLimit = 1_000_000
const verifyPage = 1000

/** What operators do with domains and grants, and the record of reveals as they read it. */
export function createTokensDesk({ store, envelope, chainKey, clock, log, buryNow }: {
  readonly store: VaultStore
  readonly envelope: DataKeys
  readonly chainKey: KeyObject
  readonly clock: Clock
  readonly log: Log
  /** Buries what is sealed under shredded keys of a scope; gives how many values were lost. */
  readonly buryNow: (scope: string) => Promise<number>
}): Tokens['desk'] {
  const { records } = store

  async function getDomain(name: string): Promise<VaultRecord> {
    const record = await records.get('domain', name)
    if (!record) throw new Refused('domain.unknown', 404, `The vault has no domain ${name}.`)
    return record
  }

  async function getActive(name: string): Promise<VaultRecord> {
    const record = await getDomain(name)
    if (record.facts['state'] === 'shredded') throw new Refused('domain.shredded', 410, `Domain ${name} was shredded. Make one with another name.`)
    return record
  }

  /** Writes what `change` makes of the record that is there; again when another vault was faster. */
  async function write(kind: 'domain' | 'grant', name: string, change: (before: VaultRecord | undefined) => Record<string, unknown>): Promise<VaultRecord> {
    for (let tries = 0; tries < triesLimit; tries++) {
      const before = await records.get(kind, name)
      const facts = change(before)
      const version = (before?.version ?? 0) + 1
      // As it comes back from the store.
      const plain = JSON.parse(JSON.stringify(facts)) as Record<string, unknown>
      const record: VaultRecord = { kind, name, version, facts: plain, sealed: await sealPolicy(envelope, kind, name, version, plain) }
      if (await records.put(record)) {
        envelope.watch.stale()
        return record
      }
    }
    throw new Refused('record.busy', 409, `Somebody else is changing ${name} at the same moment. Try again.`)
  }

  async function toDomains(list: readonly VaultRecord[]): Promise<Domain[]> {
    const keys = await store.keys.newest(list.map(({ name }) => ({ scope: scopeOf(name), use: 'seal' })))
    const wears = await envelope.wearOf(keys)
    return list.map(({ name, facts, version }, index) => {
      const dataKey = wears[index]
      return { ...(facts as unknown as DomainFacts), name, keyVersion: keys[index]?.version ?? 0, ...(dataKey ? { dataKey } : {}), revision: version }
    })
  }

  const toDomain = async (record: VaultRecord) => (await toDomains([record]))[0] as Domain

  return {
    domains: {
      list: async () => toDomains(await records.list('domain')),
      async put(name, part, by, expected) {
        if (!namePattern.test(name)) throw new Refused('domain.invalid', 422, 'A domain is called by up to 64 letters, digits, dots, dashes and underscores, a letter or digit first.')
        const given = checkPart(part)
        const createdAt = new Date(clock.now()).toISOString()
        const record = await write('domain', name, (before) => {
          checkRevision(`domain ${name}`, expected, before?.version)
          if (before?.facts['state'] === 'shredded') throw new Refused('domain.shredded', 410, `Domain ${name} was shredded. Make one with another name.`)
          const { description, clearances = [], purposes = [], ttlS, guessesPerMinute, state = 'active', createdAt: made = createdAt } = { ...before?.facts, ...given } as Partial<DomainFacts>
          return { description: description ?? undefined, clearances, purposes, ttlS: ttlS ?? undefined, guessesPerMinute: guessesPerMinute ?? undefined, state, createdAt: made }
        })
        await envelope.current([scopeOf(name)])
        await envelope.index(scopeOf(name))
        log.info({ domain: name, by }, 'domain written')
        return toDomain(record)
      },
      async rotate(name, by) {
        const record = await getActive(name)
        const version = await envelope.rotate(scopeOf(name))
        log.info({ domain: name, version, by }, 'data key rotated')
        return toDomain(record)
      },
      async shred(name, by, expected) {
        await getDomain(name)
        const record = await write('domain', name, (before) => {
          checkRevision(`domain ${name}`, expected, before?.version)
          return { ...before?.facts, state: 'shredded' }
        })
        await envelope.shred(scopeOf(name))
        log.info({ domain: name, by }, 'domain shredded')
        return toDomain(record)
      },
      async shredSubject(name, subject, by) {
        await getActive(name)
        if (typeof subject !== 'string' || subject === '') throw new Refused('subject.invalid', 422, 'Say whose values are to be shredded.')
        const scope = subjectScope(name, await envelope.index(scopeOf(name)), subject)
        await envelope.shred(scope)
        const shredded = await buryNow(scope)
        log.info({ domain: name, shredded, by }, 'subject shredded')
        return { shredded }
      },
    },
    grants: {
      list: async () => (await records.list('grant')).map(({ name, facts }) => ({ ...(facts as unknown as Grant), id: name })),
      async add({ domain, client, purpose, until }, by) {
        const { facts } = await getActive(domain)
        if (!isWord(client)) throw new Refused('grant.invalid', 422, `A client is called by 1 to ${wordLimit} characters.`)
        if (!(facts['purposes'] as readonly string[]).includes(purpose)) throw new Refused('grant.invalid', 422, `Domain ${domain} has no such purpose. Add it to the domain's purposes first.`)
        if (until !== undefined && until !== null && !(Date.parse(until) > clock.now())) throw new Refused('grant.invalid', 422, 'The end of a grant is a moment to come, as RFC 3339 writes it.')
        const id = createHash('sha256').update(JSON.stringify([domain, client, purpose])).digest('base64url').slice(0, 22)
        const createdAt = new Date(clock.now()).toISOString()
        const record = await write('grant', id, () => ({ domain, client, purpose, until: until ?? undefined, createdAt, by }))
        log.info({ domain, client, purpose, by }, 'grant given')
        return { ...(record.facts as unknown as Grant), id }
      },
      async remove(id, by) {
        if (!(await records.remove('grant', id))) throw new Refused('grant.unknown', 404, 'There is no such grant.')
        envelope.watch.stale()
        log.info({ grant: id, by }, 'grant taken back')
      },
    },
    reveals: {
      async list({ after, before, limit = 100, domain, client }) {
        const some = Math.min(1000, Math.max(1, limit))
        const rows = await (before === undefined
          ? store.reveals.list({ after: after ?? 0, limit: some, domain, client })
          : store.reveals.newest({ before: before === 'newest' ? undefined : before, limit: some, domain, client }))
        return rows.map(toReveal)
      },
      async verify() {
        const head = await store.reveals.head()
        let end: { readonly number: number; readonly hash: string } | undefined
        for (;;) {
          const rows = (await store.reveals.list({ after: end?.number ?? 0, limit: verifyPage })).filter(({ number }) => number <= head.number)
          const last = rows.length < verifyPage
          const check = checkChain(
            revealChain,
            rows.map((row) => ({ number: row.number, hash: row.hash, content: row })),
            { from: end, head: last ? head : undefined, hash: (hashBefore, { content }) => hashReveal(chainKey, hashBefore, content as RevealRow) },
          )
          if (check.flaw) {
            const { number, code, facts, reason } = check.flaw
            return { ok: false, entries: check.end.number, number, code, facts, reason }
          }
          end = check.end
          if (last) return { ok: true, entries: end.number }
        }
      },
    },
  }
}

function toReveal({ number, at, domain, token, client, purpose, run, flow, node, outcome }: RevealRow): Reveal {
  return { number, at, domain, token, client, purpose, run, flow, node, outcome: outcome as Reveal['outcome'] }
}

function checkPart(part: DomainPart): DomainPart {
  const { description, clearances, purposes, ttlS, guessesPerMinute } = part
  const isList = (list: unknown) => list === undefined || (Array.isArray(list) && list.length <= listLimit && list.every(isWord))
  if (description != null && (typeof description !== 'string' || description.length > descriptionLimit)) throw new Refused('domain.invalid', 422, `A description is a text of up to ${descriptionLimit} characters.`)
  if (!isList(clearances)) throw new Refused('domain.invalid', 422, `Clearances are a list of up to ${listLimit} names.`)
  if (!isList(purposes)) throw new Refused('domain.invalid', 422, `Purposes are a list of up to ${listLimit} names.`)
  if (ttlS != null && !(typeof ttlS === 'number' && ttlS >= 1 && ttlS <= ttlLimitS)) throw new Refused('domain.invalid', 422, 'Tokens live for a number of seconds, one at the least.')
  if (guessesPerMinute != null && !(Number.isSafeInteger(guessesPerMinute) && guessesPerMinute >= 1 && guessesPerMinute <= guessesLimit)) throw new Refused('domain.invalid', 422, `Comparisons that may come out different are a whole number from 1 to ${guessesLimit}.`)
  return {
    ...('description' in part ? { description } : {}),
    ...(clearances ? { clearances: [...new Set(clearances)] } : {}),
    ...(purposes ? { purposes: [...new Set(purposes)] } : {}),
    ...('ttlS' in part ? { ttlS } : {}),
    ...('guessesPerMinute' in part ? { guessesPerMinute } : {}),
  } as DomainPart
}

function isWord(text: unknown): text is string {
  return typeof text === 'string' && text.length > 0 && text.length <= wordLimit && text.isWellFormed() && !text.includes('\0')
}
