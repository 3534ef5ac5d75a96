import type { KnownGrant } from '../../../control/contract.ts'
import type { Output } from '../outcome.ts'
import { toColumns } from '../records/print.ts'
import type { VaultAdminClient } from './client.ts'

/** `sluice vault grants list` */
export async function runGrantsList(client: VaultAdminClient, { application, domain }: { readonly application?: string; readonly domain?: string }, output: Output): Promise<void> {
  const items = await client.grants({ application, domain })
  output.result(items.length === 0 ? 'No grants.' : toGrantColumns(items), { items })
}

/** `sluice vault grants add` */
export async function runGrantsAdd(client: VaultAdminClient, application: string, domain: string, { purpose, until }: { readonly purpose: string; readonly until?: string }, output: Output): Promise<void> {
  const grant = await client.addGrant({ client: application, domain, purpose, ...(until === undefined ? {} : { until }) })
  const said = grant.state === 'requested' ? `Asked for: the organisation of ${application} wants a second person, who says sluice vault grants agree ${grant.id}` : `${application} may see values of ${domain} for ${purpose}. Id ${grant.id}.`
  output.result(said, { ...grant })
}

/** `sluice vault grants remove` */
export async function runGrantsRemove(client: VaultAdminClient, id: string, output: Output): Promise<void> {
  await client.removeGrant(id)
  output.result(`${id} is revoked. It takes effect with the next reveal.`, { id })
}

/** `sluice vault grants agree` and `turn-down` */
export async function runGrantsDecide(client: VaultAdminClient, id: string, agree: boolean, output: Output): Promise<void> {
  const grant = await client.decideGrant(id, agree)
  output.result(agree ? `Granted. Id ${grant.id}.` : 'Turned down.', { ...grant })
}

/** Grants as columns. */
export function toGrantColumns(grants: readonly KnownGrant[]): string {
  return toColumns(['ID', 'APPLICATION', 'DOMAIN', 'PURPOSE', 'STATE', 'UNTIL', 'BY'], grants.map((one) => [one.id, one.client, one.domain, one.purpose, one.state, one.until ?? '-', one.by]))
}
