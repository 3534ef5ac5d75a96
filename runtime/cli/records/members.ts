import type { Member, OrganisationRole } from '../../../control/contract.ts'
import type { Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toListQuery, type ListOptions } from './consumers.ts'
import { toColumns } from './print.ts'

/** `sluice members list` */
export async function runMembersList(client: RecordsClient, options: ListOptions, output: Output): Promise<void> {
  const items: Member[] = []
  for await (const one of client.all('members', toListQuery(options))) items.push(one)
  output.result(items.length === 0 ? 'No members.' : toColumns(['ORGANISATION', 'USER', 'ROLE'], items.map((one) => [one.organisation, one.user, one.retiredAt ? `${one.role} (no more)` : one.role])), { items })
}

/** `sluice members add` */
export async function runMembersAdd(client: RecordsClient, user: string, options: { readonly organisation: string; readonly role: OrganisationRole }, output: Output): Promise<void> {
  const made = await client.create('members', { user, organisation: options.organisation, role: options.role })
  output.result(`${made.user} is ${made.role} of ${made.organisation}.`, { ...made })
}

/** `sluice members set` */
export async function runMembersSet(client: RecordsClient, user: string, options: { readonly organisation: string; readonly role: OrganisationRole }, output: Output): Promise<void> {
  const { id, version } = await client.get('members', idOf(user, options.organisation))
  const changed = await client.patch('members', id, { role: options.role }, version)
  output.result(`${changed.user} is ${changed.role} of ${changed.organisation} now.`, { ...changed })
}

/** `sluice members remove` */
export async function runMembersRemove(client: RecordsClient, user: string, options: { readonly organisation: string }, output: Output): Promise<void> {
  const gone = await client.retire('members', await client.get('members', idOf(user, options.organisation)))
  output.result(`${gone.user} has no role in ${gone.organisation} any more.`, { ...gone })
}

const idOf = (user: string, organisation: string) => `${organisation}:${user.toLowerCase()}`
