import { toReason, type SayingCode } from '../ledger/sayings.ts'
import type { Clock } from '../runtime/core/time/clock.ts'
import type { Facts } from '../runtime/core/saying.ts'
import type { AuditAnchor } from './audit-anchor.ts'
import type { AuditRecord, AuditVerdict, Doer } from './contract.ts'
import type { SealingKey } from './keys/key-files.ts'
import { auditHead, createAuditSealer, hashAuditRow, noAuditHash, type AuditSealer } from './store/audit-chain.ts'
import type { AuditRow } from './store/schema.ts'
import type { Store } from './store/store.ts'
import type { AuditFilter, Tables } from './store/tables.ts'

/** Who did what, when. Append-only, a chain of keyed hashes whose end is anchored beside the database; never a secret in it. */
export interface Audit {
  /** Give `tables` of a transaction so that the entry stands or falls with the act. */
  add(by: Doer, action: string, detail: Readonly<Record<string, unknown>>, tables?: Pick<Tables, 'audit'>, facts?: AuditFacts): Promise<void>
  /** Newest first. */
  list(filter: number | AuditFilter): Promise<readonly AuditRecord[]>
  /** Reads the whole chain, or what stands behind a place in it that is known to be good, and names the first record that is not as it was written. */
  verify(from?: { readonly number: number; readonly hash: string }): Promise<AuditVerdict>
}

/** What an act was about. `before` and `after` are records without secrets; `from` is that of the doer when it is left out. */
export interface AuditFacts {
  readonly from?: string | undefined
  readonly subject?: string | undefined
  readonly organisation?: string | undefined
  readonly before?: unknown
  readonly after?: unknown
}

export interface AuditParts {
  /** Without keys entries are chained and not sealed: for tests of what only writes them. */
  readonly keys?: { readonly current: SealingKey; readonly older: readonly SealingKey[] }
  readonly anchor?: AuditAnchor
}

/** The audit log of a store. */
export function createAudit(store: Store, clock: Clock, { keys, anchor }: AuditParts = {}): Audit {
  const sealers = keys ? [keys.current, ...keys.older].map(createAuditSealer) : []
  return {
    async add(by, action, detail, tables, facts = {}) {
      const entry = {
        at: new Date(clock.now()).toISOString(),
        user_name: typeof by === 'string' ? by : by.name,
        action,
        from_address: facts.from ?? (typeof by === 'string' ? null : by.from),
        subject: facts.subject ?? null,
        organisation: facts.organisation ?? null,
        before: facts.before === undefined ? null : JSON.stringify(facts.before),
        after: facts.after === undefined ? null : JSON.stringify(facts.after),
        detail: JSON.stringify(detail),
      }
      if (tables) await tables.audit.append(entry, sealers[0])
      else await store.transaction((own) => own.audit.append(entry, sealers[0]))
      anchor?.follow()
    },
    async list(filter) {
      const rows = await store.audit.list(typeof filter === 'number' ? { limit: Math.min(filter, 1000) } : filter)
      return rows.map(toAuditRecord)
    },
    verify: (from) => verifyAudit(store, sealers, anchor, from),
  }
}

const pageRows = 1000

/**
 * Reads the whole log. Of entries from before there was a key only the chain is checked, and the first sealed one vouches for
 * all before it.
 */
async function verifyAudit(store: Pick<Tables, 'audit'>, sealers: readonly AuditSealer[], anchor: AuditAnchor | undefined, from = { number: 0, hash: noAuditHash }): Promise<AuditVerdict> {
  const byId = new Map(sealers.map((sealer) => [sealer.id, sealer]))
  // The anchor before the head, the head before the rows: entries that come meanwhile are beyond it.
  const point = await anchor?.read()
  const head = await store.audit.head()
  const last = Number(head?.split(':')[0] ?? 0)
  let { number, hash } = from
  let sealed = false
  const bad = (at: number, code: SayingCode, facts: Facts = { number: at }): AuditVerdict => ({ ok: false, number: at, ...toReason(code, facts), entries: last })
  if (point === 'forged') return bad(Math.max(last, 1), 'audit.anchor_forged')
  for (;;) {
    const rows = await store.audit.after(number, pageRows)
    for (const row of rows) {
      if (row.number > last) break
      if (row.number !== number + 1) return bad(number + 1, 'record.missing')
      const sealer = row.sealed_by === null ? undefined : byId.get(row.sealed_by)
      if (row.sealed_by === null && (sealed || row.number >= (point?.sealedFrom ?? Infinity))) return bad(row.number, 'audit.unkeyed')
      if (row.sealed_by !== null && !sealer) return bad(row.number, 'audit.key')
      hash = sealer ? sealer.hash(hash, row) : hashAuditRow(hash, row)
      if (hash !== row.hash) return bad(row.number, 'record.altered')
      if (point && point.number === row.number && point.hash !== hash) return bad(row.number, 'audit.rewritten')
      sealed ||= sealer !== undefined
      number = row.number
    }
    if (rows.length < pageRows || (rows.at(-1)?.number ?? 0) >= last) break
  }
  if (number < last) return bad(number + 1, 'record.missing')
  if (head !== undefined && auditHead(number, hash) !== head) return bad(Math.max(number, 1), 'record.not_last')
  if (head === undefined) {
    const [row] = await store.audit.after(0, 1)
    if (row) return bad(row.number, 'audit.headless')
  }
  if (point && point.number > number) return bad(number + 1, 'audit.cut', { count: point.number })
  return { ok: true, entries: number, head: hash, ...(point ? { anchored: point.number } : {}) }
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
