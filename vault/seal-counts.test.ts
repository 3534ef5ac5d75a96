import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { silentLog } from '../runtime/core/log.ts'
import { openDomain, openTokenVault, type TokenVault } from '../test/kit/token-vault.ts'
import { memoryRecords } from '../test/kit/vault-memory.ts'
import { createSealCounts, sealLimit } from './seal-counts.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Every encryption counts, and a key does 20 of them. */
const few = { limit: 20, oneOf: 1 }

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'sluice-seals-'))
  closers.push(() => rmSync(made, { recursive: true, force: true }))
  return made
}

async function open(dataDir: string, seals: { limit: number; oneOf: number } = few): Promise<TokenVault> {
  const vault = await openTokenVault({ dataDir, seals })
  closers.push(vault.close)
  return vault
}

const versionOf = async ({ tokens }: TokenVault, name: string) => (await tokens.desk.domains.list()).find((one) => one.name === name)?.keyVersion as number
const batch = (of: number) => Array.from({ length: 5 }, (_, place) => `value ${of} ${place}`)

describe('data keys', () => {
  test('are replaced by themselves long before a random nonce could come twice: no value is lost, deterministic tokens stay, and no row moves', async () => {
    const vault = await open(folder())
    await openDomain(vault, 'people')
    const said: string[] = []
    const tokens: string[] = []
    for (let round = 0; round < 20; round++) {
      tokens.push(...(await vault.tokenize('people', 'deterministic', batch(round))))
      said.push(String(await versionOf(vault, 'people')))
    }
    // 100 rows, 20 and a batch to a key at the most.
    expect(Number(said.at(-1))).toBeGreaterThanOrEqual(4)
    expect([...said].sort((a, b) => Number(a) - Number(b))).toEqual(said)
    expect(await vault.tokenize('people', 'deterministic', batch(0))).toEqual(tokens.slice(0, 5))
    const seen = await vault.reveal('people', tokens)
    expect(seen).toEqual(Array.from({ length: 20 }, (_, round) => batch(round)).flat().map((value) => ({ value })))
    expect(await vault.store.keys.waiting('old', 10)).toEqual([])
    const { replaced, fullest } = await vault.envelope.wear()
    expect(replaced).toBeGreaterThanOrEqual(3)
    expect([fullest >= 0, fullest < 2]).toEqual([true, true])
    // Of the newest key: how far it is, and when the next one comes if it goes on like that; the older ones are not told of.
    const wears = (await vault.envelope.wear()).used ?? []
    const own = (await vault.tokens.desk.domains.list())[0]!
    expect(own.dataKey).toMatchObject({ scope: 'domain:people', version: own.keyVersion, share: own.dataKey!.seals / 20 })
    expect(wears.filter(({ scope }) => scope === 'domain:people').map(({ version, seals }) => [version, seals])).toEqual(own.dataKey!.seals === 0 ? [] : [[own.keyVersion, own.dataKey!.seals]])
    await vault.tokens.desk.domains.rotate('people', 'ann')
    expect(await vault.reveal('people', tokens.slice(0, 1))).toEqual([{ value: 'value 0 0' }])
  })

  test('are counted over restarts, and together by vaults on one database', async () => {
    const dataDir = folder()
    const one = await open(dataDir)
    await openDomain(one, 'people')
    await one.tokenize('people', 'random', batch(1))
    await one.tokenize('people', 'random', batch(2))
    await one.tokenize('people', 'random', batch(3)) // notes 15, of which 10 are written
    const two = await open(dataDir)
    await two.tokenize('people', 'random', batch(4))
    await two.tokenize('people', 'random', batch(5))
    await two.tokenize('people', 'random', batch(6))
    await one.tokenize('people', 'random', batch(7))
    expect(await versionOf(two, 'people')).toBe(2)
    const three = await open(dataDir)
    const [token] = (await three.tokenize('people', 'random', ['x'])) as [string]
    expect(await one.reveal('people', [token])).toEqual([{ value: 'x' }])
  })

  test('of records of keys and secrets are counted like those of domains', async () => {
    const { envelope } = await open(folder())
    const first = await envelope.seal('secrets', 'a', Buffer.from('x'))
    for (let n = 0; n < 25; n++) await envelope.seal('secrets', 'a', Buffer.from('x'))
    const last = await envelope.seal('secrets', 'a', Buffer.from('y'))
    expect(last.keyId).not.toBe(first.keyId)
    expect([String(await envelope.open('secrets', 'a', first)), String(await envelope.open('secrets', 'a', last))]).toEqual(['x', 'y'])
  })
})

describe('counting', () => {
  test('by samples is about right, whoever is stopped in between, and the limit leaves half of what NIST SP 800-38D allows', async () => {
    expect(sealLimit).toBe(2 ** 31)
    const { records } = memoryRecords()
    for (let restart = 0; restart < 200; restart++) {
      const counts = createSealCounts({ records, log: silentLog, oneOf: 50 })
      for (let n = 0; n < 200; n++) counts.note({ number: 7, scope: 'domain:people' })
      await counts.settle()
    }
    const counted = (await createSealCounts({ records, log: silentLog }).list()).get(7) as number
    // 800 samples of 40,000: 50 % off are 14 standard deviations.
    expect(counted).toBeGreaterThan(20_000)
    expect(counted).toBeLessThan(60_000)
  })

  test('what cannot be written is not forgotten', async () => {
    const { records } = memoryRecords()
    let isAway = true
    const counts = createSealCounts({ records: { ...records, put: async (record) => { if (isAway) throw new Error('away'); return records.put(record) } }, log: silentLog, ...few })
    for (let n = 0; n < 25; n++) counts.note({ number: 1, scope: 's' })
    expect([await counts.settle(), counts.isSettled]).toEqual([[], false])
    isAway = false
    counts.note({ number: 1, scope: 's' })
    expect([await counts.settle(), counts.isSettled, [...(await counts.list())]]).toEqual([[{ number: 1, scope: 's' }], true, [[1, 26]]])
  })
})
