import type { Endpoint, QueryParameter } from './endpoint.ts'

const base = '/api/v1/ledgers'
const common = { tag: 'ledgers', right: 'audit.read', status: 200, method: 'GET' } as const
const count = (name: string, description: string): QueryParameter => ({ name, description, schema: { type: 'integer', minimum: 1, maximum: 999_999_999 } })
const cursor: QueryParameter = { name: 'cursor', description: '`next` of the page before.', schema: { type: 'string', maxLength: 200 } }

/** Records that cannot be altered: looked at, verified, proved, exported. Nothing is written here. */
export const ledgerEndpoints: readonly Endpoint[] = [
  {
    ...common, path: base, operation: 'listLedgers', summary: 'Lists ledgers, with how far each is signed and witnessed outside.', answer: { schema: 'Ledger', page: true },
    handle: async ({ ledgers, by }) => ({ body: { items: await ledgers.list(by) } }),
  },
  {
    ...common, path: '/api/v1/ledger-witnesses', operation: 'listLedgerWitnesses', summary: 'Lists the witnesses of ledgers: what waits for each, and since when it takes nothing.', answer: { schema: 'LedgerWitness', page: true },
    handle: async ({ ledgers, by }) => ({ body: { items: await ledgers.witnesses(by) } }),
  },
  {
    ...common, path: '/api/v1/ledger-key', operation: 'getLedgerKey', summary: 'The public key that signs the periods of ledgers.', answer: { schema: 'LedgerKey' },
    handle: async ({ ledgers, by }) => ({ body: await ledgers.key(by) }),
  },
  {
    ...common, path: `${base}/:id`, operation: 'getLedger', summary: 'Gives one ledger.', answer: { schema: 'Ledger' },
    handle: async ({ ledgers, id, by }) => ({ body: await ledgers.get(id, by) }),
  },
  {
    ...common, path: `${base}/:id/entries`, operation: 'listLedgerEntries', summary: 'Lists its entries, newest first.', answer: { schema: 'LedgerEntry', page: true },
    query: [{ name: 'limit', description: 'Entries per page; 50 when absent.', schema: { type: 'integer', minimum: 1, maximum: 200 } }, cursor],
    handle: async ({ ledgers, id, query, by }) => ({ body: await ledgers.entries(id, query as { limit?: number; cursor?: string }, by) }),
  },
  {
    ...common, path: `${base}/:id/verify`, operation: 'verifyLedger', summary: 'Reads a ledger, or the periods that hold a range of it, and names the first thing that is wrong.', answer: { schema: 'LedgerVerdict' },
    query: [count('from', 'Number of the first entry wanted.'), count('to', 'Number of the last.')],
    handle: async ({ ledgers, id, query, by }) => ({ body: await ledgers.verify(id, query as { from?: number; to?: number }, by) }),
  },
  {
    ...common, path: `${base}/:id/proof`, operation: 'proveLedgerEntry', summary: 'A proof that one entry stands there, which needs only the public key to be checked.', answer: 'any',
    query: [count('number', 'Of the entry; the newest when absent.')],
    handle: async ({ ledgers, id, query, by }) => ({ body: await ledgers.prove(id, Number(query.number ?? (await ledgers.get(id, by)).entries), by) }),
  },
  {
    ...common, path: `${base}/:id/growth`, operation: 'proveLedgerGrowth', summary: 'A proof that the ledger has only grown between two periods.', answer: 'any',
    query: [count('from', 'The earlier period; the first when absent.'), count('to', 'The later one; the newest when absent.')],
    handle: async ({ ledgers, id, query, by }) => ({ body: await ledgers.proveGrowth(id, Number(query.from ?? 1), query.to === undefined ? undefined : Number(query.to), by) }),
  },
  {
    ...common, path: `${base}/:id/export`, operation: 'exportLedger', summary: 'Lines of its export, a part at a time: written into a file, they can be verified without control.', answer: { schema: 'LedgerLines' },
    query: [cursor],
    handle: async ({ ledgers, id, query, by }) => ({ body: await ledgers.exportPage(id, query.cursor as string | undefined, by) }),
  },
]
