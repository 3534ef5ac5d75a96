import { object, time } from '../consumers/schema-parts.ts'

const integer = { type: 'integer' }
const string = { type: 'string' }
const saying = { code: { ...string, description: 'The same as the sentence beside it, for programs.' }, facts: { type: 'object', description: 'What the sentence names.' } }
const why = object(saying, ['code', 'facts'])
const flaw = object({ kind: string, number: { ...integer, description: 'Of the first record that is not as it was written, or is not there.' }, last: { ...integer, description: 'Where it cannot be told more closely: it is between `number` and this one.' }, period: integer, reason: string, remedy: string, ...saying }, ['kind', 'number', 'reason', 'remedy', 'code', 'facts'])

/** What the admin API answers about ledgers. */
export const ledgerSchemas = {
  Ledger: object(
    {
      name: string, organisation: string, entries: integer, hash: { ...string, description: 'Of the last entry.' }, open: { ...integer, description: 'Entries that are in no signed period yet.' }, problem: { ...string, description: 'Why these cannot be signed.' }, why,
      lastPeriod: object({ period: integer, last: integer, closedAt: time, hash: string }, ['period', 'last', 'closedAt', 'hash']),
      anchors: { type: 'array', items: object({ anchor: string, kind: { enum: ['file', 'http', 'timestamp'] }, period: integer, at: string, waiting: integer, problem: string, since: { ...time, description: 'Since when it takes no roots.' }, why }, ['anchor', 'kind', 'waiting']) },
    },
    ['name', 'entries', 'hash', 'open', 'anchors'],
  ),
  LedgerEntry: object({ ledger: string, number: integer, at: string, id: string, source: {}, value: {}, before: string, hash: string, sealedBy: string }, ['ledger', 'number', 'at', 'id', 'source', 'value', 'before', 'hash']),
  LedgerVerdict: object({ ok: { type: 'boolean' }, ledger: string, from: integer, to: integer, periods: integer, open: integer, receipts: integer, head: string, flaw, remarks: { type: 'array', items: object({ ...saying, text: string }, ['code', 'facts', 'text']), description: 'What is no flaw, and what an auditor will want to ask about.' } }, ['ok', 'ledger', 'from', 'to', 'periods', 'open', 'receipts', 'head']),
  LedgerWitness: object(
    {
      anchor: string, kind: { enum: ['file', 'http', 'timestamp'] }, waiting: { ...integer, description: 'Roots that wait to be taken there, of all ledgers together.' },
      away: object({ since: time, tries: integer, nextTryAt: time, problem: string, why }, ['since', 'tries', 'nextTryAt', 'problem', 'why']),
    },
    ['anchor', 'kind', 'waiting'],
  ),
  LedgerKey: object({ publicKey: { ...string, description: 'Ed25519, PEM.' }, keyId: string }, ['publicKey', 'keyId']),
  LedgerLines: object({ lines: { type: 'array', items: string, description: 'Each a JSON text.' }, next: string }, ['lines']),
}
