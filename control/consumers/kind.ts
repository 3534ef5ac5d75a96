import type { ConsumerRow } from '../store/schema.ts'
import type { RecordHead } from '../contract.ts'
import type { Unit } from './unit.ts'

/** Names of the kinds, as in paths, YAML and the audit log. */
export type KindName = 'organisations' | 'members' | 'applications' | 'credentials' | 'plans' | 'apis' | 'groups' | 'products' | 'subscriptions' | 'connectors'

/** What is stored of a record: its input made whole, and what only we write. */
export type Body = Readonly<Record<string, unknown>>

/** Columns that a kind fills from its body. */
export interface Columns {
  readonly organisation?: string | null
  readonly provider?: string | null
  readonly parent?: string | null
  readonly owner?: string | null
  readonly target?: string | null
  readonly plan?: string | null
  readonly lookup?: string | null
  readonly state?: string
  readonly name: string
}

/** What one kind of record adds to what all have in common. */
export interface Kind {
  readonly name: KindName
  /** Name of its schemas: `Application` for `ApplicationInput`. */
  readonly schema: string
  /** Fields of the input; the rest of a body is ours. */
  readonly fields: readonly string[]
  /** What an id is made of when none was given. */
  idOf(body: Body): string | undefined
  /** Makes the input whole and checks what a schema cannot; `before` is the body so far. @throws Refused */
  settle(unit: Unit, input: Body, before: Body | undefined, id: string): Promise<Body>
  columns(body: Body, id: string): Columns
  /** @throws Refused `auth.role` when the asker may not write it so */
  mayWrite(unit: Unit, body: Body, before: Body | undefined, id: string): Promise<void> | void
  /** @throws Refused `record.in_use`; or retires what goes with it */
  beforeRetire?(unit: Unit, row: ConsumerRow, body: Body): Promise<void>
}

/** A record as everybody may see it. */
export function toRecord<T extends RecordHead>(row: ConsumerRow): T {
  return {
    id: row.id,
    version: row.version,
    ...(JSON.parse(row.body) as object),
    createdAt: row.created_at,
    createdBy: row.created_by,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
    ...(row.retired_at === null ? {} : { retiredAt: row.retired_at }),
  } as unknown as T
}

/** What is stored of a record. */
export function bodyOf(row: ConsumerRow): Body {
  return JSON.parse(row.body) as Body
}
