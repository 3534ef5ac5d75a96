import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { VaultAnswer, VaultAsk } from '../../runtime/core/secrets/vault.ts'
import type { VaultStore } from '../../vault/store/vault-store.ts'
import { couldBeCard } from '../../vault/tokens/shape-token.ts'
import { openDomain, openTokenVault, viewer, type TokenVault } from '../kit/token-vault.ts'

export interface TokensPlace {
  readonly dataDir: string
  readonly url?: string
  close(): Promise<void>
}

/** Whatever a string can be in JavaScript, halves of surrogate pairs included. */
const anyString = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)), maxLength: 40 })
const someText = fc.oneof(anyString, fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom('', '王小明', 'A123456789', '\0', '\ud800', '4111 1111 1111 1111'))

const valueOf = (answer: VaultAnswer | undefined) => (answer && 'value' in answer ? answer.value : answer)
const faultOf = (answer: VaultAnswer | undefined) => (answer && 'fault' in answer ? answer.fault : answer)

const outcomeOf = (answer: VaultAnswer) => ('value' in answer ? answer.value : faultOf(answer))

/** What a vault promises of tokens, whichever database is below it. */
export function tokensSuite(name: string, makePlace: () => Promise<TokensPlace>): void {
  describe(`tokens on ${name}`, () => {
    let place: TokensPlace
    let vault: TokenVault
    /** Another vault on the same database. */
    let other: TokenVault
    const open = (around?: (store: VaultStore) => VaultStore) => openTokenVault({ url: place.url, dataDir: place.dataDir, ...(around ? { around } : {}) })
    /** Runs a statement on the database itself, as somebody with access to it would. */
    const onDatabase = async (text: string): Promise<readonly Record<string, unknown>[]> => {
      if (place.url === undefined) {
        const database = new DatabaseSync(join(place.dataDir, 'vault.sqlite'), { timeout: 5000 })
        try {
          return database.prepare(text).all()
        } finally {
          database.close()
        }
      }
      const client = new pg.Client(place.url)
      await client.connect()
      try {
        return (await client.query(text)).rows as Record<string, unknown>[]
      } finally {
        await client.end()
      }
    }
    beforeAll(async () => {
      place = await makePlace()
      vault = await open()
      other = await open()
      await openDomain(vault, 'people')
    })
    afterAll(async () => {
      await vault?.close()
      await other?.close()
      await place?.close()
    })

    test('whatever string goes in comes back exactly, by every mode', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.record({ value: someText, json: fc.boolean(), mode: fc.constantFrom('random', 'deterministic', 'once', 'shape') }), { minLength: 1, maxLength: 20 }), async (wishes) => {
          const answers = await vault.tokens.ask(wishes.map((wish): VaultAsk & { do: 'tokenize' } => ({ do: 'tokenize', domain: 'people', ...wish })))
          const tokens = answers.map((answer) => ('token' in answer ? answer.token : undefined))
          // Only a shape can have no room.
          for (const [index, token] of tokens.entries()) if (token === undefined) expect([wishes[index]?.mode, faultOf(answers[index])]).toEqual(['shape', 'token.no_room'])
          const had = tokens.flatMap((token, index) => (token === undefined ? [] : [{ token, wish: wishes[index] }]))
          const revealed = await other.reveal('people', had.map(({ token }) => token))
          expect(revealed).toEqual(had.map(({ wish }) => ({ value: wish?.value, ...(wish?.json ? { json: true } : {}) })))
        }),
        { numRuns: 25 },
      )
    })

    test('a megabyte fits, more is refused without a word of it, and a long value has no token of its shape', async () => {
      const [token] = await vault.tokenize('people', 'deterministic', ['身'.repeat(349_525)])
      expect(valueOf((await vault.reveal('people', [token as string]))[0])).toHaveLength(349_525)
      const refused = await vault.tokens.ask([
        { do: 'tokenize', domain: 'people', mode: 'random', value: 'x'.repeat(1024 * 1024 + 1) },
        { do: 'tokenize', domain: 'people', mode: 'shape', value: 'x'.repeat(1025) },
      ])
      expect(refused).toEqual([{ fault: 'vault.too_large', facts: { limitBytes: 1024 * 1024 } }, { fault: 'vault.too_large', facts: { limitBytes: 1024 } }])
    })

    test('an ask that cannot be is refused by itself, and those beside it are answered', async () => {
      const ask = { do: 'tokenize', domain: 'people', mode: 'random', value: 'v' } as const
      const odd = [{ ...ask, mode: 'other' }, { ...ask, mode: 'shape', keepLast: 2.5 }, { ...ask, mode: 'shape', keepLast: 5 }, { ...ask, ttlS: 1e300 }, { ...ask, ttlS: 0 }] as unknown as (typeof ask)[]
      const answers = await vault.tokens.ask([ask, ...odd, { ...ask, domain: 'absent' }])
      expect(answers.map((answer) => ('token' in answer ? 'token' : faultOf(answer)))).toEqual(['token', ...odd.map(() => 'request.malformed'), 'domain.unknown'])
    })

    test('a value has one deterministic token in a domain, another in the next, and by rotation none changes', async () => {
      await openDomain(vault, 'pets')
      const values = Array.from({ length: 60 }, (_, index) => `value ${index}`)
      const tokens = await vault.tokenize('people', 'deterministic', values)
      expect(new Set(tokens).size).toBe(60)
      const rotated = await vault.tokens.desk.domains.rotate('people', 'admin')
      expect(rotated.keyVersion).toBe(2)
      await vault.envelope.rotateMasterKey()
      await vault.tokens.settle()
      expect(await other.tokenize('people', 'deterministic', values)).toEqual(tokens)
      expect(await vault.tokenize('people', 'deterministic', values)).toEqual(tokens)
      expect(new Set([...tokens, ...(await vault.tokenize('pets', 'deterministic', values)), ...(await vault.tokenize('people', 'random', values))]).size).toBe(180)
      expect((await vault.tokens.status()).toReseal).toBe(0)
      expect((await other.reveal('people', tokens)).map(valueOf)).toEqual(values)
    })

    test('two vaults that meet the same new values at the same moment give the same tokens', async () => {
      const values = Array.from({ length: 150 }, (_, index) => `raced ${index}`)
      const batches = await Promise.all(
        Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? vault : other).tokenize('people', 'deterministic', index % 3 === 0 ? values : values.toReversed())),
      )
      const inOrder = batches.map((tokens, index) => (index % 3 === 0 ? tokens : tokens.toReversed()))
      for (const tokens of inOrder) expect(tokens).toEqual(inOrder[0])
      expect(new Set(inOrder[0]).size).toBe(150)
    })

    test('asks go on while keys rotate, and all that was tokenized comes back', async () => {
      await openDomain(vault, 'rotating')
      const values: string[] = []
      const tokens: string[] = []
      await Promise.all([
        (async () => {
          for (let round = 0; round < 15; round++) {
            const some = Array.from({ length: 20 }, (_, index) => `${round} ${index}`)
            tokens.push(...(await (round % 2 ? vault : other).tokenize('rotating', round % 3 ? 'deterministic' : 'random', some)))
            values.push(...some)
          }
        })(),
        (async () => {
          for (let round = 0; round < 3; round++) {
            await vault.tokens.desk.domains.rotate('rotating', 'admin')
            await Promise.all([vault.tokens.settle(), other.tokens.settle()])
          }
        })(),
      ])
      await vault.tokens.settle()
      expect((await vault.reveal('rotating', tokens)).map(valueOf)).toEqual(values)
      expect((await vault.tokens.status()).toReseal).toBe(0)
      expect((await vault.tokens.desk.domains.list()).find((domain) => domain.name === 'rotating')?.keyVersion).toBe(4)
    })

    test('verify says whether a token is that of a value, whatever its mode, and needs no grant', async () => {
      const [token] = await vault.tokenize('people', 'random', ['5'])
      const ask = (value: string, more = {}) => ({ do: 'verify', domain: 'people', token, value, viewer: { ...viewer, client: 'comparer' }, ...more }) as VaultAsk & { do: 'verify' }
      expect(await vault.tokens.ask([ask('5'), ask('6'), ask('5', { json: true }), ask('5', { token: 'no such' })])).toEqual([{ same: true }, { same: false }, { same: false }, { same: false }])
      const lines = await vault.tokens.desk.reveals.list({ client: 'comparer', before: 'newest', limit: 10 })
      expect(lines.map(({ outcome }) => outcome)).toEqual(['different', 'different', 'different', 'same'])
      expect(JSON.stringify(lines)).not.toContain(token as string)
      expect(await vault.tokens.desk.reveals.verify()).toMatchObject({ ok: true })
    })

    test('uses of keys that two vaults count at the same moment add up', async () => {
      const use = { hour: '2026-01-01T00:00:00.000Z', key: 'k', version: null, do: 'sign', outcome: 'disabled', client: null, flow: 'f', count: 2 } as const
      const later = { ...use, hour: '2026-01-01T01:00:00.000Z', version: 3, client: 'c' } as const
      await Promise.all([vault.store.keyUses.add([use, later]), other.store.keyUses.add([later, use])])
      expect(await vault.store.keyUses.list('k', 10)).toEqual([{ ...later, count: 4 }, { ...use, count: 4 }])
      await other.store.keyUses.forget(later.hour)
      expect(await vault.store.keyUses.list('k', 10)).toEqual([{ ...later, count: 4 }])
    })

    test('who guesses is stopped for the rest of a minute, right or wrong, and is on record; others go on', async () => {
      await openDomain(vault, 'guessed')
      await vault.tokens.desk.domains.put('guessed', { guessesPerMinute: 3 }, 'op')
      const [token] = await vault.tokenize('guessed', 'random', ['7'])
      const ask = (value: string, client: string | undefined) => ({ do: 'verify', domain: 'guessed', token: token as string, value, viewer: { ...viewer, client } }) as const
      const answers = await vault.tokens.ask(['1', '2', '7', '3', '4', '7'].map((value) => ask(value, 'guesser')))
      expect(answers.slice(0, 4)).toEqual([{ same: false }, { same: false }, { same: true }, { same: false }])
      expect(answers.slice(4)).toEqual(Array.from({ length: 2 }, () => ({ fault: 'verify.too_many', facts: { domain: 'guessed', retryAfter: expect.any(Number) } })))
      expect(await vault.tokens.ask([ask('7', 'another'), ask('7', undefined)])).toEqual([{ same: true }, { same: true }])
      expect((await vault.tokens.desk.reveals.list({ client: 'guesser', before: 'newest', limit: 10 })).map(({ outcome }) => outcome)).toEqual(['too-many', 'too-many', 'different', 'same', 'different', 'different'])
      // Nor does another vault on the database, or one that starts anew, let him begin again.
      expect((await other.tokens.ask([ask('7', 'guesser')])).map(faultOf)).toEqual(['verify.too_many'])
      const shared = await Promise.all([vault, other, vault, other].map((one) => one.tokens.ask([ask('1', 'both'), ask('2', 'both'), ask('3', 'both')])))
      expect(shared.flat().filter((answer) => 'same' in answer)).toHaveLength(3)
      for (const one of [vault, other]) one.clock.shift(61_000)
      expect(await other.tokens.ask([ask('7', 'guesser'), ask('7', 'both')])).toEqual([{ same: true }, { same: true }])
      expect(await vault.tokens.ask([ask('8', 'guesser'), ask('7', 'guesser')])).toEqual([{ same: false }, { same: true }])
      for (const one of [vault, other]) one.clock.shift(3_700_000)
      await vault.tokens.settle()
      expect(await onDatabase('select count(*) as n from guesses')).toMatchObject([{ n: vault.store.kind === 'sqlite' ? 0 : '0' }])
      await expect(vault.tokens.desk.domains.put('guessed', { guessesPerMinute: 0 }, 'op')).rejects.toMatchObject({ code: 'domain.invalid' })
    })

    test('a token of a shape is never used twice, is the same for the same value where that is wished, and ends where there are no more', async () => {
      const digits = await vault.tokens.ask(Array.from({ length: 15 }, () => ({ do: 'tokenize', domain: 'people', mode: 'shape', value: '7' }) as const))
      const tokens = digits.flatMap((answer) => ('token' in answer ? [answer.token] : []))
      expect(new Set(tokens).size).toBe(tokens.length)
      expect(tokens).not.toContain('7')
      expect(digits.filter((answer) => faultOf(answer) === 'token.no_room').length).toBeGreaterThanOrEqual(6)
      const [a, b] = await vault.tokenize('people', 'shape', ['4111 1111 1111 1111', '4111 1111 1111 1111'], { same: true, keepLast: 4 })
      expect(a).toBe(b)
      expect(a).toMatch(/^\d{4} \d{4} \d{4} 1111$/)
      expect(couldBeCard(a as string)).toBe(false)
      expect(await other.tokenize('people', 'shape', ['4111 1111 1111 1111'], { same: true, keepLast: 4 })).toEqual([a])
      expect(await vault.tokenize('people', 'shape', ['4111 1111 1111 1111'], { keepLast: 4 })).not.toEqual([a])
    })

    test('of rows that want the same token one has it, and it is that one that is told so', async () => {
      const row = (token: string, blind: string | null) => ({ domain: 'people', token, blind: blind === null ? null : Buffer.from(blind), key: 1, sealed: Buffer.from(`${token} ${blind}`), expiresAt: null, mode: 'shape' })
      const rows = [row('wanted', 'z'), row('wanted', 'a'), row('wanted', null), row('other', 'a'), row('third', 'a')]
      const added = await vault.store.tokens.add(rows)
      expect(added.slice(0, 3)).toEqual([true, false, false])
      expect(added.slice(3).filter(Boolean)).toHaveLength(1)
      const [wanted, a] = [(await vault.store.tokens.get([{ domain: 'people', token: 'wanted' }]))[0], (await vault.store.tokens.find([Buffer.from('a')]))[0]]
      expect(Buffer.from(wanted?.sealed as Uint8Array).toString()).toBe('wanted z')
      expect(a?.token).toBe(added[3] ? 'other' : 'third')
    })

    test('a one-time token is gone with its first reveal, however many look at once', async () => {
      const [token] = (await vault.tokenize('people', 'once', ['secret'])) as [string]
      const looks = await Promise.all([vault, other, vault, other].map((one) => one.reveal('people', [token, token])))
      expect(looks.flat().filter((answer) => valueOf(answer) === 'secret')).toHaveLength(1)
      expect(looks.flat().filter((answer) => faultOf(answer) === 'token.expired')).toHaveLength(7)
    })

    test('a token ends with its time, a value asked for again lives longer, and after its end gets a new one', async () => {
      const [short] = (await vault.tokenize('people', 'deterministic', ['brief'], { ttlS: 60 })) as [string]
      vault.clock.shift(50_000)
      expect(await vault.tokenize('people', 'deterministic', ['brief'], { ttlS: 60 })).toEqual([short])
      vault.clock.shift(50_000)
      expect(valueOf((await vault.reveal('people', [short]))[0])).toBe('brief')
      vault.clock.shift(50_000)
      expect(faultOf((await vault.reveal('people', [short]))[0])).toBe('token.expired')
      expect(await vault.tokenize('people', 'deterministic', ['brief'], { ttlS: 60 })).not.toEqual([short])
      vault.clock.shift(1000_000)
      await vault.tokens.settle()
      expect(faultOf((await vault.reveal('people', [short]))[0])).toBe('token.expired')
      // For three months it is known that there was such a token.
      vault.clock.shift(91 * 24 * 3600 * 1000)
      await vault.tokens.settle()
      expect(faultOf((await vault.reveal('people', [short]))[0])).toBe('token.unknown')
    })

    test('who may see is decided by client, clearance, grant and purpose together, and for nobody else', async () => {
      await vault.tokens.desk.domains.put('matrix', { purposes: ['care', 'billing'], clearances: ['high', 'higher'] }, 'admin')
      await vault.tokens.desk.grants.add({ domain: 'matrix', client: 'ward', purpose: 'care' }, 'admin')
      await vault.tokens.desk.grants.add({ domain: 'matrix', client: 'office', purpose: 'billing' }, 'admin')
      await vault.tokens.desk.grants.add({ domain: 'matrix', client: 'guest', purpose: 'care', until: new Date(vault.clock.now() + 60_000).toISOString() }, 'admin')
      await vault.tokens.desk.domains.put('matrix-open', { purposes: ['care'] }, 'admin')
      await vault.tokens.desk.grants.add({ domain: 'matrix-open', client: 'ward', purpose: 'care' }, 'admin')
      const [closed] = (await vault.tokenize('matrix', 'random', ['v'])) as [string]
      const [opened] = (await vault.tokenize('matrix-open', 'random', ['v'])) as [string]
      const seen: string[] = []
      const reasons = new Set<string>()
      const cases = ['matrix', 'matrix-open'].flatMap((domain) =>
        ['ward', 'office', 'guest', '', undefined].flatMap((client) =>
          ['high', 'higher', 'low', '', undefined].flatMap((clearance) => ['care', 'billing', 'other', ''].map((purpose) => ({ domain, client, clearance, purpose })))))
      const look = async () => {
        seen.length = 0
        const answers = await vault.tokens.ask(cases.map(({ domain, ...who }) => ({ do: 'reveal', domain, token: domain === 'matrix' ? closed : opened, viewer: { ...viewer, ...who } })))
        answers.forEach((answer, index) => {
          const { domain, client, clearance, purpose } = cases[index] as (typeof cases)[number]
          if ('value' in answer) seen.push([domain, client, clearance, purpose].join(' '))
          else {
            expect(faultOf(answer)).toBe('detoken.denied')
            reasons.add('facts' in answer ? String(answer.facts?.['why']) : '')
          }
        })
        return seen
      }
      const ever = ['matrix ward high care', 'matrix ward higher care', 'matrix office high billing', 'matrix office higher billing']
      const anyClearance = ['high', 'higher', 'low', '', undefined].map((clearance) => `matrix-open ward ${clearance ?? ''} care`)
      expect(await look()).toEqual(expect.arrayContaining([...ever, ...anyClearance, 'matrix guest high care', 'matrix guest higher care']))
      expect(seen).toHaveLength(11)
      vault.clock.shift(61_000)
      expect(await look()).toHaveLength(9)
      expect([...reasons].toSorted()).toEqual(['caller', 'clearance', 'ended', 'grant', 'purpose'])
      const grant = (await vault.tokens.desk.grants.list()).find(({ client, domain }) => client === 'office' && domain === 'matrix')
      await vault.tokens.desk.grants.remove(grant?.id as string, 'admin')
      expect(await look()).toHaveLength(7)
      await vault.tokens.desk.domains.put('matrix', { purposes: ['billing'] }, 'admin')
      expect(await look()).toHaveLength(5)
    })

    test('a flow of one organisation gets nothing of another one’s domain, whoever calls it and whatever he may see', async () => {
      await openDomain(vault, 'bank.people')
      const [token] = (await vault.tokenize('bank.people', 'deterministic', ['v'])) as [string]
      const asks = (organisation: string | undefined, domain: string): VaultAsk[] => [
        { do: 'reveal', domain, token, viewer, ...(organisation === undefined ? {} : { organisation }) },
        { do: 'verify', domain, token, value: 'v', viewer, ...(organisation === undefined ? {} : { organisation }) },
        { do: 'tokenize', domain, mode: 'deterministic', value: 'v', ...(organisation === undefined ? {} : { organisation }) },
      ]
      const ask = (organisation: string | undefined, domain = 'bank.people') => vault.tokens.ask(asks(organisation, domain) as Parameters<typeof vault.tokens.ask>[0])
      const seen = [{ value: 'v' }, { same: true }, { token }]
      expect(await ask('bank')).toEqual(seen)
      expect(await ask(undefined)).toEqual(seen)
      for (const organisation of ['shop', 'ban', 'bank.people', 'BANK']) expect([organisation, (await ask(organisation)).map(faultOf)]).toEqual([organisation, ['domain.foreign', 'domain.foreign', 'domain.foreign']])
      // Nor is it told which there are; and what is everybody's is no organisation's.
      expect((await ask('shop', 'bank.none')).map(faultOf)).toEqual(['domain.foreign', 'domain.foreign', 'domain.foreign'])
      expect((await ask('shop', 'people')).map(faultOf)).toEqual(['domain.foreign', 'domain.foreign', 'domain.foreign'])
      const lines = await vault.tokens.desk.reveals.list({ domain: 'bank.people', before: 'newest', limit: 20 })
      expect(lines.map(({ outcome }) => outcome)).toEqual([...Array<string>(8).fill('denied'), 'revealed', 'same', 'revealed', 'same'])
    })

    test('who may not see is told the same of tokens that are there and of those that are not', async () => {
      const [token] = (await vault.tokenize('people', 'random', ['v'])) as [string]
      const [there, absent] = await vault.reveal('people', [token, 'absent'], { client: 'stranger' })
      expect(there).toEqual({ fault: 'detoken.denied', facts: { domain: 'people', purpose: 'care', why: 'grant' } })
      expect(absent).toEqual(there)
      expect((await vault.reveal('people', ['absent', '\0', '\ud800', ''])).map(faultOf)).toEqual(['token.unknown', 'token.unknown', 'token.unknown', 'token.unknown'])
      expect((await vault.reveal('no-such', [token])).map(faultOf)).toEqual(['domain.unknown'])
      // A token of one domain is none of another.
      expect((await vault.reveal('pets', [token])).map(faultOf)).toEqual(['token.unknown'])
    })

    test('what one vault grants, takes back or shreds, others on its database know within a second', async () => {
      await vault.tokens.desk.domains.put('shared', { purposes: ['care'] }, 'admin')
      other.clock.shift(1000)
      const [token] = (await other.tokenize('shared', 'deterministic', ['v'])) as [string]
      expect((await other.reveal('shared', [token])).map(faultOf)).toEqual(['detoken.denied'])
      const grant = await vault.tokens.desk.grants.add({ domain: 'shared', client: 'ward', purpose: 'care' }, 'admin')
      other.clock.shift(1000)
      expect((await other.reveal('shared', [token])).map(valueOf)).toEqual(['v'])
      await vault.tokens.desk.grants.remove(grant.id, 'admin')
      other.clock.shift(1000)
      expect((await other.reveal('shared', [token])).map(faultOf)).toEqual(['detoken.denied'])
      await vault.tokens.desk.domains.shred('shared', 'admin')
      other.clock.shift(1000)
      expect((await other.tokens.ask([{ do: 'tokenize', domain: 'shared', mode: 'deterministic', value: 'v' }])).map(faultOf)).toEqual(['domain.shredded'])
    })

    test('shredding a subject takes its values and nobody else’s', async () => {
      await openDomain(vault, 'subjects')
      const values = ['Anna', 'Taipei', 'Anna’s phone']
      const anna = await vault.tokenize('subjects', 'deterministic', values, { subject: 'anna' })
      const bert = await other.tokenize('subjects', 'deterministic', ['Bert', 'Taipei'], { subject: 'bert' })
      expect(bert[1]).toBe(anna[1])
      const [general] = (await vault.tokenize('subjects', 'shape', ['0912-345-678'], { subject: 'anna' })) as [string]
      // Under a newer key as well as under an older one.
      await vault.tokens.desk.domains.rotate('subjects', 'admin')
      const [later] = (await vault.tokenize('subjects', 'random', ['later'], { subject: 'anna' })) as [string]
      await vault.tokens.settle()
      expect((await other.reveal('subjects', [...anna, ...bert, general, later])).map(valueOf)).toEqual([...values, 'Bert', 'Taipei', '0912-345-678', 'later'])
      expect(await vault.tokens.desk.domains.shredSubject('subjects', 'anna', 'admin')).toEqual({ shredded: 4 })
      expect((await vault.reveal('subjects', [...anna, general, later])).map(outcomeOf)).toEqual(['token.expired', 'Taipei', 'token.expired', 'token.expired', 'token.expired'])
      expect((await vault.reveal('subjects', bert)).map(valueOf)).toEqual(['Bert', 'Taipei'])
      // The value is free for a new token, and the subject for a new key.
      other.clock.shift(1000)
      const again = await other.tokenize('subjects', 'deterministic', values, { subject: 'anna' })
      expect(again[0]).not.toBe(anna[0])
      expect(again[1]).toBe(anna[1])
      expect((await vault.reveal('subjects', again)).map(valueOf)).toEqual(values)
      expect(await vault.tokens.desk.domains.shredSubject('subjects', 'nobody', 'admin')).toEqual({ shredded: 0 })
    })

    test('a shredded domain gives nothing back, takes nothing in, and its keys are not in the database any more', async () => {
      await openDomain(vault, 'doomed')
      const tokens = await vault.tokenize('doomed', 'deterministic', ['a', 'b'])
      await vault.tokenize('doomed', 'random', ['c'], { subject: 's' })
      expect((await vault.tokens.desk.domains.shred('doomed', 'admin')).state).toBe('shredded')
      await vault.tokens.settle()
      expect((await vault.reveal('doomed', tokens)).map(faultOf)).toEqual(['domain.shredded', 'domain.shredded'])
      expect((await vault.reveal('doomed', tokens, { client: 'stranger' })).map(faultOf)).toEqual(['detoken.denied', 'detoken.denied'])
      expect((await vault.tokens.ask([{ do: 'tokenize', domain: 'doomed', mode: 'random', value: 'd' }, { do: 'verify', domain: 'doomed', token: tokens[0] as string, value: 'a', viewer }])).map(faultOf)).toEqual(['domain.shredded', 'domain.shredded'])
      expect(await onDatabase("select scope from data_keys where scope like 'domain:doomed%' and wrapped is not null")).toEqual([])
      expect(await onDatabase("select token from tokens where domain = 'doomed' and sealed is not null")).toEqual([])
      await expect(vault.tokens.desk.domains.put('doomed', {}, 'admin')).rejects.toMatchObject({ code: 'domain.shredded' })
    })

    test('every look is on record before it is answered, refused ones too, and the database lets nobody change the record', async () => {
      await openDomain(vault, 'watched')
      const [token] = (await vault.tokenize('watched', 'random', ['v'])) as [string]
      const before = (await vault.tokens.desk.reveals.list({ before: 'newest', limit: 1 }))[0]?.number ?? 0
      await vault.reveal('watched', [token, 'absent'], { run: 'run-7' })
      await vault.reveal('watched', [token], { client: undefined })
      const lines = await other.tokens.desk.reveals.list({ after: before })
      expect(lines.map(({ outcome, client, run, purpose, domain }) => ({ outcome, client, run, purpose, domain }))).toEqual([
        { outcome: 'revealed', client: 'ward', run: 'run-7', purpose: 'care', domain: 'watched' },
        { outcome: 'unknown', client: 'ward', run: 'run-7', purpose: 'care', domain: 'watched' },
        { outcome: 'denied', client: null, run: 'run-1', purpose: 'care', domain: 'watched' },
      ])
      expect(JSON.stringify(lines)).not.toContain(token)
      expect((await vault.tokens.desk.reveals.list({ domain: 'watched', before: 'newest' })).map(({ number }) => number)).toEqual([before + 3, before + 2, before + 1])
      await expect(onDatabase("update reveals set outcome = 'denied'")).rejects.toThrow(/append-only/)
      await expect(onDatabase('delete from reveals')).rejects.toThrow(/append-only/)
      expect(await vault.tokens.desk.reveals.verify()).toEqual({ ok: true, entries: before + 3 })
    })

    test('when the record cannot be written nothing is answered, and of a batch that fails nothing is there', async () => {
      const failing = await open((store) => ({
        ...store,
        reveals: { ...store.reveals, append: () => Promise.reject(new Error('the disk is full of 4111')) },
      }))
      try {
        const [token, once] = [...(await failing.tokenize('people', 'random', ['v'])), ...(await failing.tokenize('people', 'once', ['w']))] as [string, string]
        await expect(failing.reveal('people', [token, once])).rejects.toMatchObject({ code: 'vault.unavailable' })
        expect((await vault.reveal('people', [once])).map(valueOf)).toEqual(['w'])
      } finally {
        await failing.close()
      }
      const count = async () => Number((await onDatabase('select count(*) as n from tokens'))[0]?.['n'])
      const had = await count()
      const rows = ['a', 'b', 'a'].map((token, index) => ({ domain: 'people', token: `half ${token}`, blind: null, key: 1, sealed: index === 2 ? null : Buffer.from('x'), expiresAt: null, mode: 'random' }))
      await expect(vault.store.tokens.add([...rows.slice(0, 2), { ...(rows[2] as (typeof rows)[number]), token: 'half c' }])).rejects.toThrow()
      expect(await count()).toBe(had)
    })

    test.runIf(name === 'PostgreSQL')('connections that break in the middle of anything fail what was asked, and nothing after it', async () => {
      await openDomain(vault, 'broken')
      const kept: [string, string][] = []
      const codes = new Set<unknown>()
      const work = async (from: number) => {
        for (let round = 0; round < 12; round++) {
          try {
            const values = Array.from({ length: 10 }, (_, index) => `${from} ${round} ${index}`)
            const tokens = await vault.tokenize('broken', 'deterministic', values)
            await vault.reveal('broken', tokens)
            tokens.forEach((token, index) => kept.push([token, values[index] as string]))
          } catch (thrown) {
            codes.add((thrown as { code?: unknown }).code)
          }
        }
      }
      const breaking = (async () => {
        for (let round = 0; round < 6; round++) await onDatabase('select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()')
      })()
      await Promise.all([work(1), work(2), work(3), breaking])
      expect([...codes].filter((code) => code !== 'vault.unavailable')).toEqual([])
      // The last connections to break may not have said so yet.
      await expect.poll(async () => (await vault.reveal('broken', kept.map(([token]) => token))).map(valueOf), { timeout: 10_000 }).toEqual(kept.map(([, value]) => value))
    })

    test('no value is anywhere in the database or its files', async () => {
      const canary = 'canary-7391-王大明'
      await openDomain(vault, 'canaries')
      const tokens = [...(await vault.tokenize('canaries', 'deterministic', [canary, `${canary}2`])), ...(await vault.tokenize('canaries', 'shape', [canary], { subject: `${canary} himself` })), ...(await vault.tokenize('canaries', 'once', [canary]))]
      await vault.reveal('canaries', tokens)
      await vault.tokens.ask([{ do: 'verify', domain: 'canaries', token: tokens[0] as string, value: canary, viewer }])
      await vault.tokens.desk.domains.shredSubject('canaries', `${canary} himself`, 'admin')
      const forms = [canary, 'canary-7391', '王大明'].flatMap((text) => [Buffer.from(text), Buffer.from(text, 'utf16le'), Buffer.from(Buffer.from(text).toString('base64').slice(0, -4)), Buffer.from(Buffer.from(text).toString('hex'))])
      const haystacks: Buffer[] = readdirSync(place.dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name)))
      if (place.url) {
        for (const table of ['meta', 'records', 'data_keys', 'tokens', 'token_copies', 'reveals', 'revisions']) haystacks.push(Buffer.from(JSON.stringify(await onDatabase(`select t::text from ${table} t`))))
      } else {
        expect(haystacks.length).toBeGreaterThanOrEqual(3)
      }
      for (const haystack of haystacks) for (const form of forms) expect(haystack.includes(form)).toBe(false)
    })

    test('whoever writes to the database grants nothing and moves no value, and a broken record of reveals is told apart', async () => {
      await openDomain(vault, 'tampered')
      const [mine, yours] = (await vault.tokenize('tampered', 'random', ['mine', 'yours'])) as [string, string]
      await onDatabase("update records set facts = replace(facts, '\"ward\"', '\"thief\"') where kind = 'grant' and facts like '%tampered%'")
      await onDatabase("update revisions set revision = revision + 1 where kind = 'grant'")
      vault.clock.shift(1000)
      expect((await vault.reveal('tampered', [mine], { client: 'thief' })).map(faultOf)).toEqual(['detoken.denied'])
      await vault.tokens.desk.grants.add({ domain: 'tampered', client: 'ward', purpose: 'care' }, 'admin')
      await onDatabase(`update tokens set sealed = (select sealed from tokens where token = '${yours}') where token = '${mine}'`)
      expect((await vault.reveal('tampered', [mine, yours])).map(outcomeOf)).toEqual(['token.unknown', 'yours'])
      await onDatabase(place.url ? 'alter table reveals disable trigger reveals_no_change' : 'drop trigger reveals_no_update')
      await onDatabase("update reveals set client = 'somebody else' where number = 3")
      expect(await vault.tokens.desk.reveals.verify()).toMatchObject({ ok: false, number: 3, code: 'record.altered', facts: { number: 3 }, reason: expect.stringContaining('changed') })
    })

    test('a vault opened again knows all of it, and with another master key does not start', async () => {
      const tokens = await vault.tokenize('people', 'deterministic', ['kept 1', 'kept 2'])
      const again = await open()
      expect(await again.tokenize('people', 'deterministic', ['kept 1', 'kept 2'])).toEqual(tokens)
      expect((await again.reveal('people', tokens)).map(valueOf)).toEqual(['kept 1', 'kept 2'])
      await again.close()
      if (place.url === undefined && process.platform !== 'win32') expect(statSync(join(place.dataDir, 'vault.sqlite')).mode & 0o777).toBe(0o600)
      const { openFileMasterKey } = await import('../../vault/master-key-file.ts')
      const { createEnvelope } = await import('../../vault/envelope.ts')
      const { silentLog } = await import('../../runtime/core/log.ts')
      const wrong = await openFileMasterKey({ file: join(place.dataDir, 'wrong', 'key') })
      await expect(createEnvelope({ store: vault.store, masterKey: wrong, log: silentLog })).rejects.toMatchObject({ code: 'config.invalid' })
    })
  })
}
