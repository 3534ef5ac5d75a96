import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { useCommandLine } from '../../../test/kit/command-line.ts'
import { runCommandLine } from '../command-line.ts'
import type { LedgerClient } from './client.ts'
import { runLedgerVerify } from './run-ledger.ts'

const cli = useCommandLine({
  ledgerLimits: { periodEntries: 10 },
  async prepare({ ledgers, users }) {
    await users.create({ name: 'vera', role: 'viewer', password: 'open sesame 1' }, 'admin')
    await users.create({ name: 'audrey', role: 'auditor', password: 'open sesame 1' }, 'admin')
    await ledgers.take('g1', Array.from({ length: 25 }, (_, place) => ({ ledger: 'claims', id: randomUUID(), takenAt: '2026-01-01T00:00:00Z', flow: 'f', node: 'n', run: 'r', value: { place } })))
  },
})
const sluice = (...words: string[]) => cli.run('audrey', ...words)
const at = (name: string) => join(cli.folder, name)

test('an auditor lists and verifies ledgers, the audit log among them; who is none is refused', async () => {
  expect(await sluice('ledger', 'list')).toBe(0)
  expect(cli.out).toMatch(/^LEDGER[^]*audit[^]*claims +- +25/)
  expect(await sluice('ledger', 'verify'), cli.err).toBe(0)
  expect(cli.out).toMatch(/Ledger audit is whole[^]*Ledger claims is whole: records 1 to 25 in 3 signed periods/)
  expect(await sluice('ledger', 'verify', 'claims', '--from', '12', '--to', '13', '--json')).toBe(0)
  expect(JSON.parse(cli.out)).toMatchObject({ ok: true, verdicts: [{ from: 11, to: 20 }] })
  expect(await sluice('ledger', 'verify', 'claims', '--entry', '12', '--json'), cli.err).toBe(0)
  expect(JSON.parse(cli.out)).toMatchObject({ ok: true, proof: { kind: 'inclusion', entry: { number: 12, value: { place: 11 } } } })
  expect(await sluice('ledger', 'verify', 'claims', '--entry', '26')).toBe(1)
  expect(await sluice('ledger', 'verify', '--entry', '2')).toBe(2)
  expect(await sluice('audit', 'verify')).toBe(0)
  expect(await sluice('ledger', 'verify', 'none')).toBe(1)
  expect(await sluice('ledger', 'verify', 'claims', '--from', 'x')).toBe(2)
  expect(await cli.run('vera', 'ledger', 'list')).toBe(1)
})

test('a proof is written, and checked where there is no control', async () => {
  expect(await sluice('ledger', 'key')).toBe(0)
  writeFileSync(at('key.pem'), cli.out)
  expect(await sluice('ledger', 'prove', 'claims', '17', '--out', at('proof.json')), cli.err).toBe(0)
  expect(await runCommandLine(['ledger', 'check', at('proof.json'), '--key', at('key.pem')]), cli.err).toBe(0)
  expect(cli.out).toContain('Entry 17 of ledger claims is as it was written')
  writeFileSync(at('forged.json'), readFileSync(at('proof.json'), 'utf8').replace('"place": 16', '"place": 61'))
  expect(await runCommandLine(['ledger', 'check', at('forged.json'), '--key', at('key.pem')])).toBe(1)
  expect(cli.err).toContain('Entry 17 was changed')
  expect(await runCommandLine(['ledger', 'check', at('forged.json'), '--key', at('key.pem'), '--json'])).toBe(1)
  expect(JSON.parse(cli.out.trim().split('\n').at(-1)!)).toMatchObject({ ok: false, code: 'proof.entry_changed', facts: { number: 17 } })
  expect(await sluice('ledger', 'prove-growth', 'claims', '1', '--out', at('growth.json'))).toBe(0)
  expect(await runCommandLine(['ledger', 'check', at('growth.json')])).toBe(0)
  expect(cli.out).toContain('only grown between period 1')
  expect(cli.err).toContain('No key was given')
  expect(await sluice('ledger', 'prove', 'claims', '26')).toBe(1)
})

test('an export is verified without control, and names the record that was altered, with what to do', async () => {
  expect(await sluice('ledger', 'export', 'claims', at('claims.jsonl')), cli.err).toBe(0)
  const verify = (file: string, ...words: string[]) => runCommandLine(['ledger', 'verify', '--file', at(file), '--key', at('key.pem'), '--anchors', at('data/ledger-anchors.jsonl'), ...words])
  await cli.control.ledgers.look()
  expect(await verify('claims.jsonl'), cli.err).toBe(0)
  expect(cli.out).toMatch(/3 receipts/)
  const text = readFileSync(at('claims.jsonl'), 'utf8')
  writeFileSync(at('altered.jsonl'), text.replace('{"place":13}', '{"place":31}'))
  expect(await verify('altered.jsonl')).toBe(1)
  expect(cli.err).toMatch(/record 14\. Record 14, or its hash, was changed after it was written\. Change nothing\./)
  writeFileSync(at('cut.jsonl'), text.split('\n').slice(0, -6).join('\n'))
  expect(await verify('cut.jsonl', '--json')).toBe(1)
  expect(JSON.parse(cli.out.trim().split('\n').at(-1)!)).toMatchObject({ ok: false, verdicts: [{ flaw: { kind: 'truncated', number: 21 } }] })
  expect(await verify('none.jsonl')).toBe(1)
})

test('a large ledger is verified part by part, to its end, and no further than the first flaw', async () => {
  const asked: unknown[] = []
  const entries = 250_000
  const client = (bad: number) => ({
    get: async () => ({ entries }),
    // Parts end with the period that holds the last record asked for.
    async verify(ledger: string, { from = 1, to }: { readonly from?: number; readonly to?: number }) {
      asked.push([from, to])
      const end = to === undefined ? entries : Math.min(entries, Math.ceil(to / 7000) * 7000)
      const flaw = bad >= from && bad <= end ? { flaw: { kind: 'altered', number: bad, reason: 'It was changed.', remedy: '' } } : {}
      return { ok: !('flaw' in flaw), ledger, from: Math.min(from, end), to: end, periods: 1, open: 0, receipts: 0, head: 'ab', ...flaw }
    },
  }) as unknown as LedgerClient
  const output = { json: false, note: () => {}, result: (text: string) => void asked.push(text) }
  await runLedgerVerify(client(0), 'big', {}, output)
  expect(asked).toEqual([[1, 100_000], [105_001, 205_000], [210_001, undefined], expect.stringContaining('records 1 to 250000 in 3 signed periods')])
  asked.length = 0
  await expect(runLedgerVerify(client(150_000), 'big', {}, output)).rejects.toThrow(/first place is record 150000/)
  expect(asked).toHaveLength(2)
})
