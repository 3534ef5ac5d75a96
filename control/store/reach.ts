import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'

/** Only what concerns one of `organisations` (as its own or its provider), or an application that `owner` has in one of `owning`. */
export interface Reach {
  readonly organisations: readonly string[]
  readonly owning: readonly string[]
  readonly owner: string
}

/** Ids of the applications that the owner has. */
export function ownApplications(db: Kysely<Schema>, { owner, owning }: Reach) {
  return db.selectFrom('consumer_records').select('id').where('kind', '=', 'applications').where('owner', '=', owner).where('organisation', 'in', owning)
}
