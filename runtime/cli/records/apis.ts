import type { Lifecycle, ManagedApi, ManagedApiInput, Organisation } from '../../../control/contract.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { stateOf, toListQuery, type ListOptions } from './consumers.ts'
import { toColumns, toLines } from './print.ts'

/** `sluice apis list` */
export async function runApisList(client: RecordsClient, options: ListOptions, output: Output): Promise<void> {
  const items: ManagedApi[] = []
  for await (const one of client.all('apis', { ...toListQuery(options), ...(options.state ? { state: options.state.toUpperCase() } : {}) })) items.push(one)
  output.result(items.length === 0 ? 'No APIs.' : toColumns(['ID', 'NAME', 'VERSION', 'ORGANISATION', 'FLOW', 'LIFECYCLE'], items.map((one) => [one.id, one.name, one.apiVersion ?? '-', one.organisation, one.flow, lifecycleOf(one)])), { items })
}

/** `sluice apis show` */
export async function runApisShow(client: RecordsClient, id: string, output: Output): Promise<void> {
  const api = await client.get('apis', id)
  output.result(toLines([
    ['id', api.id], ['name', api.name], ['lifecycle', lifecycleOf(api)], ['flow', api.flow], ['organisation', api.organisation], ['owner', api.owner], ['version of the API', api.apiVersion], ['family', api.family], ['category', api.category],
    ['tags', api.tags.join(', ')], ['visible to', api.visibility === 'roles' ? api.roles?.join(', ') : api.visibility], ['deprecated since', api.deprecatedAt], ['sunset', api.sunset], ['description', api.description], ['version', api.version],
  ]), { ...api })
}

export interface AddApi {
  readonly organisation: string
  readonly flow: string
  readonly id?: string
  readonly owner?: string
  readonly apiVersion?: string
  readonly family?: string
  readonly sunset?: string
  readonly visibility?: ManagedApi['visibility']
  readonly role?: ManagedApi['roles']
  readonly tag?: readonly string[]
  readonly description?: string
}

/** `sluice apis add` */
export async function runApisAdd(client: RecordsClient, name: string, options: AddApi, output: Output): Promise<void> {
  const { tag, role, ...rest } = options
  const made = await client.create('apis', { name, ...pickSaid(rest), organisation: options.organisation, flow: options.flow, ...(tag ? { tags: tag } : {}), ...(role ? { roles: role } : {}) })
  noteWarnings(made, output)
  output.result(`Added ${made.id} (${made.lifecycle}). \`sluice apis move ${made.id} PUBLISHED\` opens it to subscribers.`, { ...made })
}

export interface ChangeApi {
  readonly apiVersion?: string
  readonly family?: string
  readonly sunset?: string | false
  readonly visibility?: ManagedApi['visibility']
  readonly role?: ManagedApi['roles']
}

/** `sluice apis change`. `sunset` false: it ends no more. */
export async function runApisChange(client: RecordsClient, id: string, { apiVersion, family, sunset, visibility, role }: ChangeApi, output: Output): Promise<void> {
  const patch = pickSaid({ apiVersion, family, sunset: sunset === false ? null : sunset, visibility: visibility ?? (role && 'roles'), roles: role })
  if (Object.keys(patch).length === 0) throw new CommandFailed('Say what to change, such as --sunset 2030-01-31T00:00:00Z or --family orders.', {}, exitCodes.usage)
  const changed = await client.patch('apis', id, patch as Partial<ManagedApiInput>, (await client.get('apis', id)).version)
  noteWarnings(changed, output)
  output.result(changed.sunset === undefined ? `Changed ${id}.` : `Changed ${id}. It answers 410 from ${changed.sunset} on.`, { ...changed })
}

/** What keeps the flow of an API from answering. */
function noteWarnings({ warnings }: ManagedApi, output: Output): void {
  for (const { message, remedy } of warnings ?? []) output.note(`${message} ${remedy}`)
}

/** `sluice apis move` */
export async function runApisMove(client: RecordsClient, id: string, to: string, output: Output): Promise<void> {
  const moved = await client.move(await client.get('apis', id), to.toUpperCase() as Lifecycle)
  noteWarnings(moved, output)
  output.result(moved.requested ? `Asked for ${moved.requested.to}: a second person has to agree.` : `${id} is ${moved.lifecycle} now.`, { ...moved })
}

/** `sluice apis agree` and `turn-down`: the answer to a move that somebody asked for. */
export async function runApisDecide(client: RecordsClient, id: string, agree: boolean, output: Output): Promise<void> {
  const decided = await client.decideMove(await client.get('apis', id), agree)
  output.result(agree ? `${id} is ${decided.lifecycle} now.` : `${id} stays ${decided.lifecycle}.`, { ...decided })
}

/** `sluice organisations list` */
export async function runOrganisationsList(client: RecordsClient, options: ListOptions, output: Output): Promise<void> {
  const items: Organisation[] = []
  for await (const one of client.all('organisations', toListQuery(options))) items.push(one)
  output.result(items.length === 0 ? 'No organisations.' : toColumns(['ID', 'NAME', 'STATE', 'CONTACT'], items.map((one) => [one.id, one.name, stateOf(one), one.contact ?? '-'])), { items })
}

/** `sluice organisations add` */
export async function runOrganisationsAdd(client: RecordsClient, name: string, options: { readonly id?: string; readonly fourEyes?: boolean; readonly contact?: string }, output: Output): Promise<void> {
  const made = await client.create('organisations', { name, ...pickSaid(options) })
  output.result(`Added ${made.id}.`, { ...made })
}

function pickSaid<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>
}

function lifecycleOf({ lifecycle, requested }: ManagedApi): string {
  return requested ? `${lifecycle} (${requested.to} asked for by ${requested.by})` : lifecycle
}
