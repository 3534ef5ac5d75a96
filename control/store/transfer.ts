import type { Kysely } from 'kysely'
import { Refused } from '../contract.ts'
import { tables, type Schema } from './schema.ts'

const pageRows = 500

/**
 * The whole store as JSON lines, from either database: a head line, then a line per row. Node credentials
 * stay sealed and tokens stay hashes; moving to another machine takes the key files of the data folder too.
 */
export async function* exportStore(store: { readonly database: Kysely<Schema>; readonly version: string }): AsyncIterable<string> {
  yield JSON.stringify({ sluice: 'store', version: store.version })
  for (const table of tables) {
    const keys = keysOf[table]
    for (let offset = 0; ; offset += pageRows) {
      let query = store.database.selectFrom(table as 'meta').selectAll()
      for (const key of keys) query = query.orderBy(key as 'key')
      const rows = await query.limit(pageRows).offset(offset).execute()
      for (const row of rows) yield JSON.stringify({ table, row })
      if (rows.length < pageRows) break
    }
  }
}

/** Fills an empty store from an export, in one transaction. @throws Refused `store.not_empty` 409, `store.malformed` 422 */
export async function importStore(
  store: { readonly database: Kysely<Schema>; readonly version: string },
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<{ rows: number }> {
  return await store.database.transaction().execute(async (db) => {
    const taken = (await db.selectFrom('users').select('name').limit(1).executeTakeFirst()) ?? (await db.selectFrom('releases').select('id').limit(1).executeTakeFirst())
    if (taken) throw notEmpty()
    let rows = 0
    let head = true
    for await (const line of lines) {
      if (line.trim() === '') continue
      const entry = parseLine(line)
      if (head) {
        if (entry.sluice !== 'store') throw malformed('its first line is not the head of an export')
        if (entry.version !== store.version) throw malformed(`it was written by schema ${entry.version}, this is ${store.version}; use the same version of Sluice`)
        head = false
        continue
      }
      const table = tables.find((name) => name === entry.table)
      if (!table || typeof entry.row !== 'object' || entry.row === null) throw malformed(`line ${rows + 2} is not a row`)
      await db.insertInto(table as 'meta').values(entry.row as Schema['meta']).execute()
      rows++
    }
    if (head) throw malformed('it is empty')
    return { rows }
  })
}

const keysOf: { readonly [T in keyof Schema]: readonly (keyof Schema[T])[] } = {
  users: ['name'],
  tokens: ['hash'],
  flows: ['id'],
  revisions: ['hash'],
  releases: ['id'],
  release_flows: ['release_id', 'position'],
  credentials: ['node_id'],
  gateways: ['id'],
  join_tokens: ['hash'],
  acknowledgements: ['gateway_id', 'release_id'],
  documents: ['key'],
  meta: ['key'],
  audit_log: ['number'],
  consumer_records: ['kind', 'id'],
  decisions: ['id'],
  connector_states: ['id'],
  oauth_artifacts: ['kind', 'id'],
  token_revocations: ['id'],
  ledgers: ['name'],
  ledger_entries: ['ledger', 'number'],
  ledger_periods: ['ledger', 'period'],
  ledger_anchors: ['ledger', 'period', 'anchor'],
}

function parseLine(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch (cause) {
    throw malformed('a line is not JSON', cause)
  }
}

const notEmpty = () => new Refused('store.not_empty', 409, 'The store already holds data. Import into an empty data folder or database.')
const malformed = (reason: string, cause?: unknown) =>
  Object.assign(new Refused('store.malformed', 422, `This is not an export of a Sluice store: ${reason}.`), cause === undefined ? {} : { cause })
