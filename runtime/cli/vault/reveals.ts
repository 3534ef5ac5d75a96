import { exitCodes, type Output } from '../outcome.ts'
import { toColumns } from '../records/print.ts'
import { parseNumber } from '../records/read-options.ts'
import { toJsonText, writePiecesToFile, writePiecesToStdout } from '../write-pieces.ts'
import type { RevealOptions, VaultAdminClient } from './client.ts'

/** `sluice vault reveals list` */
export async function runRevealsList(client: VaultAdminClient, { domain, client: by, limit }: RevealOptions & { readonly limit: string }, output: Output): Promise<void> {
  const items = await client.reveals({ domain, client: by, limit: parseNumber('--limit', limit) })
  output.result(items.length === 0 ? 'No reveals.' : toColumns(['NUMBER', 'AT', 'OUTCOME', 'APPLICATION', 'DOMAIN', 'PURPOSE', 'RUN'], items.map((one) => [String(one.number), one.at, one.outcome, one.client ?? '-', one.domain, one.purpose, one.run])), { items })
}

/** `sluice vault reveals export`: piece by piece, so that the record may be longer than memory. */
export async function runRevealsExport(client: VaultAdminClient, { domain, client: by, out, after }: RevealOptions & { readonly out?: string; readonly after?: string }, output: Output): Promise<void> {
  const csv = await client.revealsCsv({ domain, client: by, ...(after === undefined ? {} : { after: parseNumber('--after', after) }) })
  if (out === undefined) return await writePiecesToStdout(output.json ? toJsonText('csv', csv) : csv)
  let ends = 0
  await writePiecesToFile(out, counted(csv, (found) => (ends += found)))
  const lines = Math.max(0, ends - 1)
  output.result(`${lines} reveals are in ${out}.`, { out, lines })
}

const lineFeed = 0x0a

/** The same pieces; says of each how many lines end in it. */
async function* counted(pieces: AsyncIterable<Uint8Array>, tell: (ends: number) => void): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    tell(piece.reduce((sum, byte) => (byte === lineFeed ? sum + 1 : sum), 0))
    yield piece
  }
}

/** `sluice vault reveals verify` */
export async function runRevealsVerify(client: VaultAdminClient, output: Output): Promise<number> {
  const verdict = await client.verifyReveals()
  output.result(verdict.ok ? `The record of reveals is whole: ${verdict.entries} entries.` : `Entry ${verdict.number} is the first bad one of ${verdict.entries}: ${verdict.reason}`, { ...verdict })
  return verdict.ok ? exitCodes.done : exitCodes.failed
}
