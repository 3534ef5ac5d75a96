import type { Key, KeyAlgorithm, KeyKind, KeySchedulePart } from '../../../control/contract.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import { readUnseen } from '../read-unseen.ts'
import { toColumns } from '../records/print.ts'
import { parseNumber } from '../records/read-options.ts'
import type { VaultAdminClient } from './client.ts'

export interface ScheduleOptions {
  readonly every?: string
  readonly keepOld?: string
}

/** `sluice vault keys list` */
export async function runVaultKeysList(client: VaultAdminClient, output: Output): Promise<void> {
  const items = await client.keys()
  output.result(items.length === 0 ? 'No keys.' : toText(items), { items })
}

/** `sluice vault keys create` */
export async function runVaultKeysCreate(client: VaultAdminClient, name: string, { kind, algorithm, set, ...schedule }: { readonly kind: KeyKind; readonly algorithm?: KeyAlgorithm; readonly set?: string } & ScheduleOptions, output: Output): Promise<void> {
  const made = await client.createKey(name, { kind, algorithm, set, ...schedulePart(schedule) })
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

/** `sluice vault keys schedule` */
export async function runVaultKeysSchedule(client: VaultAdminClient, name: string, options: ScheduleOptions, output: Output): Promise<void> {
  const part = schedulePart(options)
  if (Object.keys(part).length === 0) throw new CommandFailed('Say --every, --keep-old or both: a number of days such as 90d; never, and forever, take it away.', {}, exitCodes.usage)
  const key = await client.scheduleKey(name, part)
  const every = key.dueAt === undefined ? `${name} is replaced by nobody but people.` : `${name} is replaced every ${key.rotateEveryDays} days, next on ${key.dueAt}.`
  output.result(`${every} Versions that were replaced go on decrypting and verifying ${key.keepOldDays === undefined ? 'for ever' : `for ${key.keepOldDays} days`}.`, { ...key })
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

function schedulePart({ every, keepOld }: ScheduleOptions): KeySchedulePart {
  return { ...(every === undefined ? {} : { rotateEveryDays: toDays('--every', every, 'never') }), ...(keepOld === undefined ? {} : { keepOldDays: toDays('--keep-old', keepOld, 'forever') }) }
}

/** Days of `90d`; null for the word that means none. */
function toDays(option: string, text: string, none: string): number | null {
  if (text === none) return null
  const days = /^(\d{1,5})d?$/.exec(text)?.[1]
  if (days === undefined) throw new CommandFailed(`${option} takes a number of days such as 90d, or ${none}; “${text}” is neither.`, {}, exitCodes.usage)
  return Number(days)
}

function toText(keys: readonly Key[]): string {
  const off = ({ versions }: Key) => versions.filter(({ state }) => state === 'disabled').map(({ version }) => version)
  return toColumns(['KEY', 'KIND', 'ALGORITHM', 'SET', 'STATE', 'CURRENT', 'REPLACED', 'VERSIONS'], keys.map((one) => [one.name, one.kind, one.algorithm, one.set ?? '-', one.state, String(one.current), one.dueAt?.slice(0, 10) ?? '-', `${one.versions.length}${off(one).length > 0 ? `, disabled: ${off(one).join(' ')}` : ''}`]))
}
