import type { ApiProduct, ApiProductInput } from '../../../control/contract.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toListQuery, type ListOptions } from './consumers.ts'
import { changeList, type AddGroup, type ChangeGroup } from './groups.ts'
import { toColumns, toLines } from './print.ts'

/** `sluice products list` */
export async function runProductsList(client: RecordsClient, options: ListOptions, output: Output): Promise<void> {
  const items: ApiProduct[] = []
  for await (const one of client.all('products', toListQuery(options))) items.push(one)
  output.result(items.length === 0 ? 'No products.' : toColumns(['ID', 'NAME', 'ORGANISATION', 'HOLDS'], items.map((one) => [one.id, one.name, one.organisation, holds(one)])), { items })
}

/** `sluice products show` */
export async function runProductsShow(client: RecordsClient, id: string, output: Output): Promise<void> {
  const product = await client.get('products', id)
  output.result(toLines([
    ['id', product.id], ['name', product.name], ['organisation', product.organisation], ['APIs', product.apis.join(', ') || 'none'], ['groups', product.groups.join(', ') || 'none'],
    ['description', product.description], ['state', product.retiredAt ? 'retired' : 'active'], ['version', product.version],
  ]), { ...product })
}

/** `sluice products add` */
export async function runProductsAdd(client: RecordsClient, name: string, { organisation, id, api, group, description }: AddGroup & { readonly group?: readonly string[] }, output: Output): Promise<void> {
  const made = await client.create('products', {
    name, organisation, ...(id ? { id } : {}), ...(api ? { apis: [...new Set(api)] } : {}), ...(group ? { groups: [...new Set(group)] } : {}), ...(description ? { description } : {}),
  })
  output.result(`Added ${made.id}: ${holds(made)}.`, { ...made })
}

export interface ChangeProduct extends ChangeGroup {
  readonly addGroup?: readonly string[]
  readonly removeGroup?: readonly string[]
}

/** `sluice products change`: what is not said stays. */
export async function runProductsChange(client: RecordsClient, id: string, { name, description, add, remove, addGroup, removeGroup }: ChangeProduct, output: Output): Promise<void> {
  const product = await client.get('products', id)
  const patch: Partial<ApiProductInput> = {
    ...(name === undefined ? {} : { name }), ...(description === undefined ? {} : { description }),
    ...(add || remove ? { apis: changeList('APIs', product.apis, add, remove) } : {}),
    ...(addGroup || removeGroup ? { groups: changeList('groups', product.groups, addGroup, removeGroup) } : {}),
  }
  if (Object.keys(patch).length === 0) throw new CommandFailed('Say what to change, such as --add or --remove-group.', {}, exitCodes.usage)
  const changed = await client.patch('products', id, patch, product.version)
  output.result(`${id} holds now: ${holds(changed)}.`, { ...changed })
}

/** `sluice products retire` */
export async function runProductsRetire(client: RecordsClient, id: string, output: Output): Promise<void> {
  const gone = await client.retire('products', await client.get('products', id))
  output.result(`${id} is retired.`, { ...gone })
}

function holds({ apis, groups }: ApiProduct): string {
  return [...apis, ...groups.map((id) => `group:${id}`)].join(', ') || 'nothing'
}
