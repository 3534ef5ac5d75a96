import { writeFile } from 'node:fs/promises'
import { exitCodes, type Output } from '../outcome.ts'
import { toColumns } from '../records/print.ts'
import { parseNumber } from '../records/read-options.ts'
import type { RevealOptions, VaultAdminClient } from './client.ts'

/** `sluice vault reveals list` */
export async function runRevealsList(client: VaultAdminClient, { domain, client: by, limit }: RevealOptions & { readonly limit: string }, output: Output): Promise<void> {
  const items = await client.reveals({ domain, client: by, limit: parseNumber('--limit', limit) })
  output.result(items.length === 0 ? 'No reveals.' : toColumns(['NUMBER', 'AT', 'OUTCOME', 'APPLICATION', 'DOMAIN', 'PURPOSE', 'RUN'], items.map((one) => [String(one.number), one.at, one.outcome, one.client ?? '-', one.domain, one.purpose, one.run])), { items })
}

/** `sluice vault reveals export` */
export async function runRevealsExport(client: VaultAdminClient, { domain, client: by, out, after }: RevealOptions & { readonly out?: string; readonly after?: string }, output: Output): Promise<void> {
  const csv = await client.revealsCsv({ domain, client: by, ...(after === undefined ? {} : { after: parseNumber('--after', after) }) })
  const lines = csv.split('\r\n').length - 2
  if (out === undefined) return output.result(csv.trimEnd(), { csv })
  await writeFile(out, csv, { mode: 0o600 })
  output.result(`${lines} reveals are in ${out}.`, { out, lines })
}

/** `sluice vault reveals verify` */
export async function runRevealsVerify(client: VaultAdminClient, output: Output): Promise<number> {
  const verdict = await client.verifyReveals()
  output.result(verdict.ok ? `The record of reveals is whole: ${verdict.entries} entries.` : `Entry ${verdict.number} is the first bad one of ${verdict.entries}: ${verdict.reason}`, { ...verdict })
  return verdict.ok ? exitCodes.done : exitCodes.failed
}
