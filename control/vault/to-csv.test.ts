import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Reveal } from '../../vault/contract.ts'
import { csvHead, toCsvLine } from './to-csv.ts'

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('=1+1', '+A1', '-A1', '@x', '"quoted", and\r\nmore', '王小明', ''))
const reveal = fc.record({ number: fc.nat(), at: text, domain: text, token: text, client: fc.option(text), purpose: text, run: text, flow: text, node: text, outcome: fc.constantFrom('revealed', 'denied', 'unknown', 'expired') }) as fc.Arbitrary<Reveal>

test('what is read back is what went in, and no cell begins like a formula', () => {
  fc.assert(
    fc.property(fc.array(reveal, { maxLength: 4 }), (reveals) => {
      const rows = parse(csvHead + reveals.map(toCsvLine).join(''), { columns: true, record_delimiter: '\r\n' }) as Record<string, string>[]
      expect(rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value.replace(/^'(?=[=+\-@\t\r])/, '')]))))
        .toEqual(reveals.map((one) => Object.fromEntries(Object.entries(one).map(([name, value]) => [name, String(value ?? '').replace(/^'(?=[=+\-@\t\r])/, '')]))))
      expect(rows.flatMap((row) => Object.values(row)).filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([])
    }),
    { numRuns: 200 },
  )
})
