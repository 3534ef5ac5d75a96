import type { CertificateFacts } from '../../../control/contract.ts'
import type { Output } from '../outcome.ts'
import { toColumns } from '../records/print.ts'
import { readText } from '../records/read-text.ts'
import type { VaultAdminClient } from './client.ts'

/** `sluice vault certificates list` */
export async function runCertificatesList(client: VaultAdminClient, output: Output): Promise<void> {
  const items = await client.certificates()
  output.result(items.length === 0 ? 'No certificates.' : toText(items), { items })
}

/** `sluice vault certificates import` */
export async function runCertificatesImport(client: VaultAdminClient, name: string, file: string, options: { readonly new?: boolean }, output: Output): Promise<void> {
  const facts = await client.importCertificate(name, await readText(file), options.new)
  output.result(toText([facts]), { ...facts })
}

/** `sluice vault certificates remove` */
export async function runCertificatesRemove(client: VaultAdminClient, name: string, output: Output): Promise<void> {
  await client.removeCertificate(name)
  output.result(`${name} is watched no more.`, { name })
}

function toText(some: readonly CertificateFacts[]): string {
  return toColumns(['NAME', 'DAYS LEFT', 'ENDS', 'SUBJECT', 'ISSUER'], some.map((one) => [one.name, String(one.daysLeft), one.notAfter, one.subject, one.issuer]))
}
