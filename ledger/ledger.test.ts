import { generateKeyPairSync, sign } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { noHash } from './chain.ts'
import { hashEntry, toLeaf, type LedgerEntry } from './entry.ts'
import { merkleRoot } from './merkle.ts'
import { hashRoot, keyIdOf, toPublicKeys, type AnchorReceipt, type SignedRoot } from './period-root.ts'
import { checkProof, toConsistencyProof, toInclusionProof } from './proof.ts'
import { verifyExport, type ExportLine } from './read-export.ts'
import { signRoot, type ClosedPeriod, type RootSigner } from './sign-root.ts'

function createSigner(): RootSigner {
  const pair = generateKeyPairSync('ed25519')
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string
  return { publicKey, keyId: keyIdOf(publicKey), sign: (text) => sign(null, Buffer.from(text), pair.privateKey).toString('base64') }
}

const periodOf = (entries: readonly LedgerEntry[]): Pick<ClosedPeriod, 'first' | 'last' | 'root'> => ({ first: entries[0]!, last: entries.at(-1)!, root: merkleRoot(entries.map(toLeaf)) })

interface Written {
  readonly entries: readonly LedgerEntry[]
  readonly roots: readonly SignedRoot[]
}

/** What somebody does who has the database and no key. */
function chainAnew(entries: readonly LedgerEntry[]): LedgerEntry[] {
  let before = noHash
  return entries.map((given, place) => {
    const entry = { ...given, number: place + 1, before }
    before = hashEntry(before, entry)
    return { ...entry, hash: before }
  })
}

function chain(ledger: string, values: readonly unknown[]): LedgerEntry[] {
  let before = noHash
  return values.map((value, place) => {
    const entry = { ledger, number: place + 1, at: new Date(1.7e12 + place).toISOString(), id: `id-${place}`, source: { gateway: 'g1' }, value, before }
    const hash = hashEntry(before, entry)
    before = hash
    return { ...entry, hash }
  })
}

function write(signer: RootSigner, size: number, perPeriod: number, ledger = 'claims'): Written {
  const entries = chain(ledger, Array.from({ length: size }, (_, place) => ({ place, text: `值 ${place}` })))
  const roots: SignedRoot[] = []
  for (let start = 0; start < size; start += perPeriod) {
    roots.push(signRoot(signer, { ...periodOf(entries.slice(start, start + perPeriod)), rootHashes: roots.map(hashRoot), closedAt: new Date(1.7e12 + start).toISOString() }))
  }
  return { entries, roots }
}

const toLines = (signer: RootSigner, { entries, roots }: Written, receipts: readonly AnchorReceipt[] = []): string[] =>
  ([{ sluice: 'ledger', version: 1, ledger: 'claims', publicKey: signer.publicKey }, ...roots.map((root) => ({ root })), ...receipts.map((receipt) => ({ receipt })), ...entries.map((entry) => ({ entry }))] satisfies ExportLine[]).map((line) => JSON.stringify(line))

describe('a ledger', () => {
  let signer: RootSigner
  const trusted = () => toPublicKeys([signer.publicKey])
  const verify = (written: Written, receipts: readonly AnchorReceipt[] = []) => verifyExport(toLines(signer, written, receipts), { keys: trusted() })
  beforeAll(() => {
    signer = createSigner()
  })

  test('as it was written is good, of whatever size and with whatever periods', async () => {
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 20 }), async (size, perPeriod) => {
      const written = write(signer, size, perPeriod)
      expect(await verify(written)).toMatchObject({ ok: true, to: size, periods: written.roots.length, open: 0 })
    }), { numRuns: 20 })
  })

  interface Spoiled extends Written {
    readonly number: number
    /** Where only the period can be named. */
    readonly last?: number
  }
  const acts: Readonly<Record<string, (written: Written, at: number, other: number) => Spoiled>> = {
    change: ({ entries, roots }, at) => ({ roots, entries: entries.with(at, { ...entries[at]!, value: 'forged' }), number: at + 1 }),
    'change of who sent it': ({ entries, roots }, at) => ({ roots, entries: entries.with(at, { ...entries[at]!, source: { gateway: 'g2' } }), number: at + 1 }),
    delete: ({ entries, roots }, at) => ({ roots, entries: entries.toSpliced(at, 1), number: at + 1 }),
    reorder: ({ entries, roots }, at, other) => {
      const [low, high] = at < other ? [at, other] : [other, at]
      if (low === high) return { roots, entries: entries.toSpliced(low, 1), number: low + 1 }
      return { roots, entries: entries.with(low, entries[high]!).with(high, entries[low]!), number: low + 1 }
    },
    replay: ({ entries, roots }, at, other) => {
      const [low, high] = at < other ? [at, other] : [other, at]
      return { roots, entries: entries.toSpliced(high + 1, 0, entries[low]!), number: low + 1 }
    },
    insert: ({ entries, roots }, at) => ({ roots, entries: entries.toSpliced(at, 0, { ...entries[at]!, id: 'new', value: 'inserted' }), number: at + 1 }),
    truncate: ({ entries, roots }, at) => ({ roots, entries: entries.slice(0, at), number: at + 1 }),
  }
  for (const [name, act] of Object.entries(acts)) {
    test(`${name} one record: the verifier names it`, async () => {
      await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 12 }), fc.nat(), fc.nat(), async (size, perPeriod, a, b) => {
        const spoiled = act(write(signer, size, perPeriod), a % size, b % size)
        const verdict = await verify(spoiled)
        expect(verdict).toMatchObject({ ok: false, flaw: { number: spoiled.number } })
        expect(verdict.flaw?.reason).toMatch(/\w+ .*\.$/)
      }), { numRuns: 15 })
    })
    test(`${name} one record and make the chain anew: the signed period that held it is named`, async () => {
      await fc.assert(fc.asyncProperty(fc.integer({ min: 2, max: 30 }), fc.integer({ min: 1, max: 12 }), fc.nat(), fc.nat(), async (size, perPeriod, a, b) => {
        const written = write(signer, size, perPeriod)
        const spoiled = act(written, a % size, b % size)
        const entries = chainAnew(spoiled.entries)
        const place = written.entries.findIndex(({ id, value, source }, at) => !isDeepStrictEqual([id, value, source], [entries[at]?.id, entries[at]?.value, entries[at]?.source]))
        const { flaw } = await verify({ roots: written.roots, entries })
        if (place === -1) {
          expect(flaw).toBeUndefined() // it stands behind the last period now, as any new record does
          return
        }
        // What is left of a period whose end is missing cannot be compared with its root: the missing end is what is named.
        if (flaw!.kind === 'truncated') {
          expect(flaw!.number).toBe(entries.length + 1)
          return
        }
        expect(flaw!.number).toBeLessThanOrEqual(place + 1)
        expect(flaw!.last ?? flaw!.number).toBeGreaterThanOrEqual(place + 1)
      }), { numRuns: 15 })
    })
  }

  test('who cuts off whole periods, or signs with another key, is missed by what an anchor outside holds', async () => {
    const written = write(signer, 20, 5)
    const witness = written.roots[2]!
    const receipts: AnchorReceipt[] = [{ ledger: 'claims', period: 3, hash: hashRoot(witness), kind: 'file', anchor: 'anchors.jsonl', at: witness.closedAt }]
    expect(await verify(written, receipts)).toMatchObject({ ok: true, receipts: 1 })
    expect(await verify({ entries: written.entries.slice(0, 10), roots: written.roots.slice(0, 2) }, receipts)).toMatchObject({ ok: false, flaw: { kind: 'truncated', number: 11, period: 3 } })
    const forger = createSigner()
    const forged = write(forger, 20, 5)
    expect((await verifyExport(toLines(forger, forged), { keys: trusted() })).flaw).toMatchObject({ kind: 'signature', number: 1, period: 1 })
    // The right key, another past: only the witness knows.
    const entries = chain('claims', Array.from({ length: 20 }, (_, place) => ({ rewritten: place })))
    const roots: SignedRoot[] = []
    for (let start = 0; start < 20; start += 5) roots.push(signRoot(signer, { ...periodOf(entries.slice(start, start + 5)), rootHashes: roots.map(hashRoot), closedAt: '2026-01-01T00:00:00.000Z' }))
    expect(await verify({ entries, roots })).toMatchObject({ ok: true })
    expect(await verify({ entries, roots }, receipts)).toMatchObject({ ok: false, flaw: { kind: 'anchor', number: 11, last: 15, period: 3 } })
  })

  test('a root that was taken out, moved or changed is named by its period', async () => {
    const { entries, roots } = write(signer, 20, 5)
    for (const spoiled of [roots.toSpliced(1, 1), roots.with(1, roots[2]!), roots.with(1, { ...roots[1]!, last: 11 }), roots.with(1, { ...roots[1]!, root: noHash }), roots.with(1, { ...roots[1]!, signature: roots[2]!.signature })]) {
      expect((await verify({ entries, roots: spoiled })).flaw).toMatchObject({ number: 6, period: 2 })
    }
  })

  test('a range is checked by itself, on the word of the root before it', async () => {
    const { entries, roots } = write(signer, 20, 5)
    const lines = toLines(signer, { roots, entries: entries.with(2, { ...entries[2]!, value: 0 }).with(17, { ...entries[17]!, value: 0 }) })
    const range = (from: number, to: number) => verifyExport(lines, { keys: trusted(), from, to })
    expect(await range(7, 12)).toMatchObject({ ok: true, from: 6, to: 15, periods: 2 })
    expect((await range(1, 9)).flaw).toMatchObject({ number: 3 })
    expect((await range(12, 20)).flaw).toMatchObject({ number: 18 })
  })

  test('what is no export is refused with a sentence', async () => {
    await expect(verifyExport([])).rejects.toThrow(/not an export/)
    await expect(verifyExport(['{"sluice":"store"}'])).rejects.toThrow(/not an export/)
    const lines = toLines(signer, write(signer, 5, 5))
    expect(await verifyExport([...lines.slice(0, 4), '{"entry":', ...lines.slice(4)])).toMatchObject({ ok: false, flaw: { number: 3 } })
  })

  describe('proofs', () => {
    const prove = (written: Written, number: number, latest = written.roots.at(-1)!) => {
      const root = written.roots.find(({ last }) => last >= number)!
      return toInclusionProof({ number, entries: written.entries.slice(root.first - 1, root.last), root, latest, rootHashes: written.roots.map(hashRoot), receipts: [], publicKey: signer.publicKey })
    }

    test('one entry is proved with nothing but the public key, in its own period and in the newest', () => {
      const written = write(signer, 47, 10)
      for (const number of [1, 10, 11, 25, 40, 41, 47]) {
        const proof = JSON.parse(JSON.stringify(prove(written, number))) as unknown
        const [entry, later] = [{ code: 'proof.entry', facts: { number } }, { code: 'proof.later', facts: { later: 5 } }]
        expect(checkProof(proof, trusted())).toMatchObject({ ok: true, kind: 'inclusion', says: number > 40 ? [entry] : [entry, later] })
        expect(checkProof(proof, toPublicKeys([createSigner().publicKey]))).toMatchObject({ ok: false, code: 'root.key' })
      }
    })

    test('whatever is changed in a proof, it proves nothing any more', () => {
      const text = JSON.stringify({ ...prove(write(signer, 47, 10), 25), publicKey: undefined })
      let tried = 0
      for (let at = 0; at < text.length; at += 5) {
        const changed = `${text.slice(0, at)}${text[at] === '1' ? '2' : '1'}${text.slice(at + 1)}`
        let value: unknown
        try {
          value = JSON.parse(changed)
        } catch {
          continue
        }
        tried++
        // Base64 has spare bits at its end: the last characters of a signature have several spellings.
        const verdict = checkProof(value, trusted())
        // Without its optional part it is a smaller proof.
        expect(verdict.ok && 'later' in (value as object), changed.slice(at - 5, at + 5)).toBe(false)
      }
      expect(tried).toBeGreaterThan(100)
    })

    test('a ledger that has only grown is proved to, and one that was rewritten is not', () => {
      const written = write(signer, 90, 10)
      const other = write(signer, 90, 9)
      for (const [from, to] of [[1, 9], [3, 4], [5, 9], [8, 9], [4, 4]] as const) {
        const parts = { to: written.roots[to - 1]!, rootHashes: written.roots.map(hashRoot), receipts: [], publicKey: signer.publicKey }
        const proof = toConsistencyProof({ from: written.roots[from - 1]!, ...parts })
        expect(checkProof(JSON.parse(JSON.stringify(proof)), trusted())).toMatchObject({ ok: true, kind: 'consistency' })
        expect(checkProof(toConsistencyProof({ from: other.roots[from - 1]!, ...parts }), trusted())).toMatchObject({ ok: false })
      }
    })

    test('what is no proof is refused, never thrown over', () => {
      fc.assert(fc.property(fc.jsonValue(), (value) => {
        expect(checkProof(value, trusted()).ok).toBe(false)
        expect(checkProof({ sluice: 'ledger proof', version: 1, kind: 'inclusion', ...(value as object) }, trusted()).ok).toBe(false)
      }), { numRuns: 50 })
    })
  })
})

