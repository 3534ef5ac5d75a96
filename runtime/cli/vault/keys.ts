import type { Key, KeyAlgorithm, KeyKind } from '../../../control/contract.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import { readUnseen } from '../read-unseen.ts'
import { toColumns } from '../records/print.ts'
import { parseNumber } from '../records/read-options.ts'
import type { VaultAdminClient } from './client.ts'

/** `sluice vault keys list` */
export async function runVaultKeysList(client: VaultAdminClient, output: Output): Promise<void> {
  const items = await client.keys()
  output.result(items.length === 0 ? 'No keys.' : toText(items), { items })
}

/** `sluice vault keys create` */
export async function runVaultKeysCreate(client: VaultAdminClient, name: string, { kind, algorithm, set }: { readonly kind: KeyKind; readonly algorithm?: KeyAlgorithm; readonly set?: string }, output: Output): Promise<void> {
  const made = await client.createKey(name, { kind, algorithm, set })
  output.result(toText([made]), { ...made })
}

/** `sluice vault keys import`: from stdin or a prompt, so that the material stands in no list of processes and no history. */
export async function runVaultKeysImport(client: VaultAdminClient, name: string, { kind, algorithm, set }: { readonly kind?: KeyKind; readonly algorithm?: KeyAlgorithm; readonly set?: string }, output: Output): Promise<void> {
  const material = await readUnseen(`Material of ${name}: `)
  if (material === '') throw new CommandFailed('No material came in. Pipe it to the command, or type it.', {}, exitCodes.usage)
  const made = await client.createKey(name, { kind, algorithm, set, material })
  output.result(toText([made]), { ...made })
}

/** `sluice vault keys rotate` */
export async function runVaultKeysRotate(client: VaultAdminClient, name: string, output: Output): Promise<void> {
  const key = await client.rotateKey(name)
  output.result(`${name} is at version ${key.current}. Older ones go on decrypting and verifying.`, { ...key })
}

/** `sluice vault keys disable` and `enable` */
export async function runVaultKeysSwitch(client: VaultAdminClient, name: string, act: 'disable' | 'enable', { keyVersion }: { readonly keyVersion?: string }, output: Output): Promise<void> {
  const key = await client.switchKey(name, act, keyVersion === undefined ? undefined : parseNumber('--key-version', keyVersion))
  output.result(toText([key]), { ...key })
}

/** `sluice vault keys uses` */
export async function runVaultKeysUses(client: VaultAdminClient, name: string, { limit }: { readonly limit: string }, output: Output): Promise<void> {
  const items = await client.keyUses(name, parseNumber('--limit', limit))
  output.result(items.length === 0 ? 'Nobody used it.' : toColumns(['HOUR', 'USES', 'DOES', 'OUTCOME', 'VERSION', 'APPLICATION', 'FLOW'], items.map((one) => [one.hour, String(one.count), one.do, one.outcome, String(one.version ?? '-'), one.client ?? '-', one.flow])), { items })
}

/** `sluice vault keys public` */
export async function runVaultKeysPublic(client: VaultAdminClient, set: string, output: Output): Promise<void> {
  const found = await client.keySet(set)
  output.result(JSON.stringify(found, undefined, 2), { ...found })
}

function toText(keys: readonly Key[]): string {
  const off = ({ versions }: Key) => versions.filter(({ state }) => state === 'disabled').map(({ version }) => version)
  return toColumns(['KEY', 'KIND', 'ALGORITHM', 'SET', 'STATE', 'CURRENT', 'VERSIONS'], keys.map((one) => [one.name, one.kind, one.algorithm, one.set ?? '-', one.state, String(one.current), `${one.versions.length}${off(one).length > 0 ? `, disabled: ${off(one).join(' ')}` : ''}`]))
}
