import type { Clock } from '../runtime/core/clock.ts'
import type { AuditRecord, AuditVerdict } from './contract.ts'
import { auditHead, hashAuditRow, noAuditHash } from './store/audit-chain.ts'
import type { AuditRow } from './store/schema.ts'
import type { Store } from './store/store.ts'
import type { AuditFilter, Tables } from './store/tables.ts'

/** Who did what, when. Append-only, a chain of hashes; never a secret in it. */
export interface Audit {
  /** Give `tables` of a transaction so that the entry stands or falls with the act. */
  add(by: string, action: string, detail: Readonly<Record<string, unknown>>, tables?: Pick<Tables, 'audit'>, facts?: AuditFacts): Promise<void>
  /** Newest first. */
  list(filter: number | AuditFilter): Promise<readonly AuditRecord[]>
  /** Reads the whole chain and names the first record that is not as it was written. */
  verify(): Promise<AuditVerdict>
}

/** What an act was about. `before` and `after` are records without secrets. */
export interface AuditFacts {
  readonly from?: string | undefined
  readonly subject?: string | undefined
  readonly organisation?: string | undefined
  readonly before?: unknown
  readonly after?: unknown
}

export function createAudit(store: Store, clock: Clock): Audit {
  return {
    async add(by, action, detail, tables, facts = {}) {
      const entry = {
        at: new Date(clock.now()).toISOString(),
        user_name: by,
        action,
        from_address: facts.from ?? null,
        subject: facts.subject ?? null,
        organisation: facts.organisation ?? null,
        before: facts.before === undefined ? null : JSON.stringify(facts.before),
        after: facts.after === undefined ? null : JSON.stringify(facts.after),
        detail: JSON.stringify(detail),
      }
      if (tables) await tables.audit.append(entry)
      else await store.transaction((own) => own.audit.append(entry))
    },
    async list(filter) {
      const rows = await store.audit.list(typeof filter === 'number' ? { limit: Math.min(filter, 1000) } : filter)
      return rows.map(toAuditRecord)
    },
    verify: () => verifyAudit(store),
  }
}

const pageRows = 1000

/** Needs only the store, so that the command line can check one that no process has open. */
export async function verifyAudit(store: Pick<Tables, 'audit'>): Promise<AuditVerdict> {
  // Read before the rows: entries that come meanwhile are beyond it.
  const head = await store.audit.head()
  const last = Number(head?.split(':')[0] ?? 0)
  let number = 0
  let hash = noAuditHash
  const bad = (at: number, reason: string): AuditVerdict => ({ ok: false, number: at, reason, entries: last })
  for (;;) {
    const rows = await store.audit.after(number, pageRows)
    for (const row of rows) {
      if (row.number > last) break
      if (row.number !== number + 1) return bad(number + 1, 'The record is missing.')
      hash = hashAuditRow(hash, row)
      if (hash !== row.hash) return bad(row.number, 'The record, or its hash, was changed after it was written.')
      number = row.number
    }
    if (rows.length < pageRows || (rows.at(-1)?.number ?? 0) >= last) break
  }
  if (number < last) return bad(number + 1, 'The record is missing.')
  if (head !== undefined && auditHead(number, hash) !== head) return bad(Math.max(number, 1), 'The last record is not the one that was written last.')
  if (head === undefined) {
    const [row] = await store.audit.after(0, 1)
    if (row) return bad(row.number, 'The head of the log is missing.')
  }
  return { ok: true, entries: number, head: hash }
}

function toAuditRecord(row: AuditRow): AuditRecord {
  return {
    number: row.number,
    at: row.at,
    user: row.user_name,
    action: row.action,
    ...(row.from_address === null ? {} : { from: row.from_address }),
    ...(row.subject === null ? {} : { subject: row.subject }),
    ...(row.organisation === null ? {} : { organisation: row.organisation }),
    ...(row.before === null ? {} : { before: JSON.parse(row.before) as unknown }),
    ...(row.after === null ? {} : { after: JSON.parse(row.after) as unknown }),
    detail: JSON.parse(row.detail) as Record<string, unknown>,
    hash: row.hash,
  }
}
