import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import { readUnseen } from '../read-unseen.ts'
import { toColumns } from '../records/print.ts'
import type { VaultAdminClient } from './client.ts'

/** `sluice vault secrets list` */
export async function runSecretsList(client: VaultAdminClient, output: Output): Promise<void> {
  const items = await client.secrets()
  output.result(items.length === 0 ? 'No secrets.' : toColumns(['NAME', 'VERSION', 'CHANGED', 'BY', 'DESCRIPTION'], items.map((one) => [one.name, String(one.version), one.updatedAt, one.by, one.description ?? ''])), { items })
}

/** `sluice vault secrets set`: from stdin or a prompt, so that the value stands in no list of processes and no history. */
export async function runSecretsSet(client: VaultAdminClient, name: string, { description, new: isNew }: { readonly description?: string; readonly new?: boolean }, output: Output): Promise<void> {
  const value = await readUnseen(`Value of ${name}: `)
  if (value === '') throw new CommandFailed('No value came in. Pipe it to the command, or type it.', {}, exitCodes.usage)
  const facts = await client.setSecret(name, value, description, isNew)
  output.result(`${name} is at version ${facts.version}: {{secret:${name}}}. Gateways use it within seconds.`, { ...facts })
}

/** `sluice vault secrets remove` */
export async function runSecretsRemove(client: VaultAdminClient, name: string, output: Output): Promise<void> {
  await client.removeSecret(name)
  output.result(`${name} is removed.`, { name })
}
