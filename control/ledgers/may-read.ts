import type { Access } from '../consumers/rights.ts'
import { notAllowed } from '../consumers/unit.ts'
import { Refused } from '../contract.ts'
import type { Store } from '../store/store.ts'
import { openSource, type EntrySource } from './sources.ts'

/** The entries of a ledger for somebody who may read it; for others there is none. @throws Refused `record.none` 404, `auth.role` 403 */
export async function openReadable(store: Pick<Store, 'ledgers' | 'audit'>, name: string, held: Access): Promise<EntrySource> {
  const source = await openSource(store, name)
  if (source && held.may('audit.read', source.organisation)) return source
  checkReadsSome(held)
  throw new Refused('record.none', 404, `There is no ledger ${name} that you may read.`)
}

/** @throws Refused `auth.role` 403 */
export function checkReadsSome({ everywhere, organisations }: Access): void {
  if (!everywhere.has('audit.read') && ![...organisations.values()].some((rights) => rights.has('audit.read'))) throw notAllowed('read ledgers')
}
