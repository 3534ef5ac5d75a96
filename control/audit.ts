import { randomUUID } from 'node:crypto'
import type { Clock } from '../runtime/core/clock.ts'
import type { Tables } from './store/tables.ts'

/** Who did what, when. Append-only; never a secret in `detail`. */
export interface Audit {
  /** Give `tables` of a transaction so that the entry stands or falls with the act. */
  add(by: string, action: string, detail: Readonly<Record<string, unknown>>, tables?: Pick<Tables, 'audit'>): Promise<void>
  list(limit: number): Promise<readonly AuditEntry[]>
}

export interface AuditEntry {
  readonly at: string
  readonly user: string
  readonly action: string
  readonly detail: Readonly<Record<string, unknown>>
}

export function createAudit(store: Pick<Tables, 'audit'>, clock: Clock): Audit {
  return {
    async add(by, action, detail, tables = store) {
      await tables.audit.add({ id: randomUUID(), at: new Date(clock.now()).toISOString(), user_name: by, action, detail: JSON.stringify(detail) })
    },
    async list(limit) {
      const rows = await store.audit.list(Math.min(limit, 1000))
      return rows.map((row) => ({ at: row.at, user: row.user_name, action: row.action, detail: JSON.parse(row.detail) as Record<string, unknown> }))
    },
  }
}
