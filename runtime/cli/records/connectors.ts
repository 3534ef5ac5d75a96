import type { Connector, ConnectorInput, ConnectorStatus } from '../../../control/contract.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toListQuery, type ListOptions } from './consumers.ts'
import { toColumns, toLines } from './print.ts'
import { readText } from './read-text.ts'

/** `sluice connectors list` */
export async function runConnectorsList(client: RecordsClient, options: ListOptions, output: Output): Promise<void> {
  const items: Connector[] = []
  for await (const one of client.all('connectors', toListQuery(options))) items.push(one)
  const statuses = await Promise.all(items.map((one) => client.connectorStatus(one.id)))
  const rows = items.map((one, place) => [one.id, one.organisation, statuses[place]?.state ?? '', String(statuses[place]?.partners ?? 0), ageOf(statuses[place]), new URL(one.url).host])
  output.result(items.length === 0 ? 'No connectors.' : toColumns(['ID', 'ORGANISATION', 'STATE', 'PARTNERS', 'CONFIRMED', 'SERVER'], rows), { items: items.map((one, place) => ({ ...one, status: statuses[place] })) })
}

/** `sluice connectors show` */
export async function runConnectorsShow(client: RecordsClient, id: string, output: Output): Promise<void> {
  const [connector, status] = await Promise.all([client.get('connectors', id), client.connectorStatus(id)])
  const { problem } = status
  const text = [
    toLines([
      ['id', connector.id], ['name', connector.name], ['organisation', connector.organisation], ['url', connector.url], ['every', `${connector.everySeconds} s`], ['signs in', connector.auth.kind],
      ['secret', connector.auth.kind === 'none' ? undefined : connector.hasSecret ? 'set' : 'missing'], ['missing partners', connector.onMissing], ['shuts out at most', `${connector.maxDropShare * 100} %`], ['ids begin with', connector.idPrefix],
      ['state', status.state], ['partners', status.partners], ['confirmed', ageOf(status)], ['changed', status.changedAt], ['next fetch', status.nextAt], ['failures', status.failures], ['version', connector.version],
    ]),
    ...(problem ? [[`✗ ${problem.message}`, ...problem.problems.map((one) => `✗ ${one.pointer ? `${one.pointer}: ` : ''}${one.message} ${one.remedy}`)].join('\n')] : []),
  ].join('\n\n')
  output.result(text, { connector, status })
}

/** `sluice connectors add`: settings from a JSON file, as the admin API takes them. */
export async function runConnectorsAdd(client: RecordsClient, file: string, output: Output): Promise<void> {
  const made = await client.create('connectors', (await readJson(file)) as ConnectorInput & { id?: string })
  output.result(`Added ${made.id}.${made.auth.kind === 'none' ? '' : ` It needs a secret: \`sluice connectors secret ${made.id}\`.`}`, { ...made })
}

/** `sluice connectors secret`: from stdin, so that it stands in no list of processes and no history. */
export async function runConnectorsSecret(client: RecordsClient, id: string, options: { readonly remove?: boolean }, output: Output): Promise<void> {
  const secret = options.remove ? null : (await readText('-')).trim()
  if (secret === '') throw new CommandFailed('No secret came in. Pipe it to the command, or take it away with --remove.', {}, exitCodes.usage)
  const { version } = await client.get('connectors', id)
  const changed = await client.setConnectorSecret(id, secret, version)
  output.result(changed.hasSecret ? `The secret of ${id} is set.` : `${id} has no secret any more.`, { ...changed })
}

/** `sluice connectors fetch` */
export async function runConnectorsFetch(client: RecordsClient, id: string, { dryRun = false, force = false }: { readonly dryRun?: boolean; readonly force?: boolean }, output: Output): Promise<void> {
  const result = await client.fetchConnector(id, { dryRun, force })
  const lines = result.changes.map(({ kind, id: record, change, fields }) => `${change.padEnd(8)} ${kind}/${record}${change === 'change' ? `  ${fields.map(({ pointer }) => pointer).join(' ')}` : ''}`)
  const head = result.unchanged ? 'Nothing is different.' : `Partners: ${result.partners}. Records that ${dryRun ? 'would be' : 'are'} different: ${result.changeCount}. Partners that ${dryRun ? 'could' : 'can'} call no more: ${result.dropped}.`
  output.result([head, ...lines, ...(result.changeCount > lines.length ? [`… and ${result.changeCount - lines.length} more`] : [])].join('\n'), { ...result })
}

/** `sluice connectors on` and `off`. */
export async function runConnectorsSwitch(client: RecordsClient, id: string, active: boolean, output: Output): Promise<void> {
  const { version } = await client.get('connectors', id)
  const changed = await client.patch('connectors', id, { active }, version)
  output.result(active ? `${id} fetches.` : `${id} fetches no more; what it fetched stays in force.`, { ...changed })
}

/** `sluice connectors retire` */
export async function runConnectorsRetire(client: RecordsClient, id: string, output: Output): Promise<void> {
  const retired = await client.retire('connectors', await client.get('connectors', id))
  output.result(`${id} is retired. What it fetched stays, and is kept by people from now on.`, { ...retired })
}

function ageOf(status: ConnectorStatus | undefined): string {
  return status?.ageSeconds === undefined ? 'never' : `${status.ageSeconds} s ago`
}

async function readJson(file: string): Promise<unknown> {
  const text = await readText(file)
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new CommandFailed(`${file} is no JSON: ${(cause as Error).message}`, {}, exitCodes.usage)
  }
}
