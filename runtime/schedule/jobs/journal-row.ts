import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { JobFacts, JobProgress, JobState } from '../../core/jobs/jobs.ts'
import type { Priority } from '../../core/lines/priority.ts'
import { toReason } from './reason.ts'

/** A job as the journal has it. */
export interface Row {
  readonly place: number
  readonly id: string
  readonly work: string
  readonly flow: string
  readonly node: string
  readonly part: string | null
  readonly revision: string
  readonly owner: string
  readonly state: JobState
  readonly priority: Priority
  readonly body: string
  readonly result: string | null
  readonly acceptedMs: number
  /** 0: at once. */
  readonly dueMs: number
  readonly expiresMs: number
  readonly startedMs: number | null
  readonly endedMs: number | null
  readonly failed: number
  readonly crashes: number
  readonly attempts: number
  readonly backoffMs: number
  readonly backoffMostMs: number
  readonly keepMs: number
  readonly progress: string | null
  readonly reason: string | null
}

/** @param latest how far an attempt under way is, when it is not written down yet */
export function toFacts(row: Row, nowMs: number, latest: JobProgress | undefined): JobFacts {
  const progress = latest ?? (row.progress === null ? undefined : (JSON.parse(row.progress) as JobProgress))
  const expired = row.state === 'pending' && row.startedMs === null && row.expiresMs < nowMs
  return {
    id: row.id, flow: row.flow, node: row.node, ...(row.part === null ? {} : { part: row.part }), revision: row.revision, owner: row.owner,
    priority: row.priority, state: expired ? 'expired' : row.state, acceptedAtMs: row.acceptedMs,
    ...(row.startedMs === null ? {} : { startedAtMs: row.startedMs }), ...(row.endedMs === null ? {} : { endedAtMs: row.endedMs }),
    attempt: row.failed + (row.state === 'running' ? 1 : 0), attempts: row.attempts,
    ...(progress ? { progress } : {}), ...(row.reason === null ? {} : { reason: toReason(row.reason) }),
  }
}

/** Gives how many rows were changed. */
export function run(database: DatabaseSync, sql: string, ...values: SQLInputValue[]): number {
  return Number(database.prepare(sql).run(...values).changes)
}

export function one<T>(database: DatabaseSync, sql: string, ...values: SQLInputValue[]): T | undefined {
  return database.prepare(sql).get(...values) as T | undefined
}

export function all<T>(database: DatabaseSync, sql: string, ...values: SQLInputValue[]): T[] {
  return database.prepare(sql).all(...values) as T[]
}
