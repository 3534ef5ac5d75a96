import type { ApiGroup, ApiGroupInput } from '../../../control/contract.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toListQuery, type ListOptions } from './consumers.ts'
import { toColumns, toLines } from './print.ts'

/** `sluice groups list` */
export async function runGroupsList(client: RecordsClient, options: ListOptions, output: Output): Promise<void> {
  const items: ApiGroup[] = []
  for await (const one of client.all('groups', toListQuery(options))) items.push(one)
  output.result(items.length === 0 ? 'No groups.' : toColumns(['ID', 'NAME', 'ORGANISATION', 'APIS'], items.map((one) => [one.id, one.name, one.organisation, one.apis.join(', ') || '-'])), { items })
}

/** `sluice groups show` */
export async function runGroupsShow(client: RecordsClient, id: string, output: Output): Promise<void> {
  const group = await client.get('groups', id)
  output.result(toLines([
    ['id', group.id], ['name', group.name], ['organisation', group.organisation], ['APIs', group.apis.join(', ') || 'none'], ['description', group.description],
    ['state', group.retiredAt ? 'retired' : 'active'], ['version', group.version],
  ]), { ...group })
}

export interface AddGroup {
  readonly organisation: string
  readonly id?: string
  readonly api?: readonly string[]
  readonly description?: string
}

/** `sluice groups add` */
export async function runGroupsAdd(client: RecordsClient, name: string, { organisation, id, api, description }: AddGroup, output: Output): Promise<void> {
  const made = await client.create('groups', { name, organisation, ...(id ? { id } : {}), ...(api ? { apis: [...new Set(api)] } : {}), ...(description ? { description } : {}) })
  output.result(`Added ${made.id}${made.apis.length > 0 ? ` with ${made.apis.join(', ')}` : ''}.`, { ...made })
}

export interface ChangeGroup {
  readonly name?: string
  readonly description?: string
  readonly add?: readonly string[]
  readonly remove?: readonly string[]
}

/** `sluice groups change`: what is not said stays. */
export async function runGroupsChange(client: RecordsClient, id: string, { name, description, add, remove }: ChangeGroup, output: Output): Promise<void> {
  const group = await client.get('groups', id)
  const patch: Partial<ApiGroupInput> = {
    ...(name === undefined ? {} : { name }), ...(description === undefined ? {} : { description }),
    ...(add || remove ? { apis: changeList('APIs', group.apis, add, remove) } : {}),
  }
  if (Object.keys(patch).length === 0) throw new CommandFailed('Say what to change, such as --add or --remove.', {}, exitCodes.usage)
  const changed = await client.patch('groups', id, patch, group.version)
  output.result(`${id} has now: ${changed.apis.join(', ') || 'nothing'}.`, { ...changed })
}

/** `sluice groups retire` */
export async function runGroupsRetire(client: RecordsClient, id: string, output: Output): Promise<void> {
  const gone = await client.retire('groups', await client.get('groups', id))
  output.result(`${id} is retired.`, { ...gone })
}

/** A list with some put in and some taken out. @throws CommandFailed, wrong usage, for what is not in it */
export function changeList(what: string, list: readonly string[], add: readonly string[] = [], remove: readonly string[] = []): readonly string[] {
  const missing = remove.filter((id) => !list.includes(id))
  if (missing.length > 0) throw new CommandFailed(`Not among its ${what}: ${missing.join(', ')}.`, {}, exitCodes.usage)
  return [...new Set([...list.filter((id) => !remove.includes(id)), ...add])]
}
