import type { Credential, CredentialInput, Environment, IssuedCredential } from '../../../control/contract.ts'
import { CommandFailed, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { toColumns } from './print.ts'
import { parseDurationMs } from './read-options.ts'
import { readText } from './read-text.ts'

/** `sluice keys list` */
export async function runKeysList(client: RecordsClient, application: string, options: { readonly retired?: boolean }, output: Output): Promise<void> {
  const { items } = await client.list('credentials', { application, limit: 200, ...(options.retired ? { retired: true } : {}) })
  output.result(items.length === 0 ? 'No credentials.' : toColumns(['CREDENTIAL', 'KIND', 'PUBLIC PART', 'ENVIRONMENT', 'STATE', 'EXPIRES'], items.map(describeCredential)), { items })
}

export interface IssueKey {
  readonly kind: Credential['kind']
  readonly environment: Environment
  readonly label?: string
  readonly expires?: string
  readonly name?: string
  /** File with a public key. */
  readonly publicKey?: string
  readonly issuer?: string
  readonly subject?: string
  readonly fingerprint?: string
  readonly san?: string
}

/** `sluice keys issue`: only the secret (of kinds without one, the id) goes to stdout, so that it can be kept in a variable. */
export async function runKeysIssue(client: RecordsClient, application: string, options: IssueKey, output: Output): Promise<void> {
  const { kind, environment, label, expires, publicKey, issuer, subject, name, fingerprint, san } = options
  // What does not go with the kind is said by control, which knows what each kind takes.
  const input = { application, environment, kind, ...said({ label, expiresAt: expires, name, issuer, subject, fingerprint, san }), ...(publicKey === undefined ? {} : { publicKey: await readText(publicKey) }) } as CredentialInput
  print(await client.issue(input), output)
}

function said(options: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(options).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''))
}

/** `sluice keys rotate` */
export async function runKeysRotate(client: RecordsClient, key: string, options: { readonly oldEndsIn?: string }, output: Output): Promise<void> {
  const oldEndsInMs = options.oldEndsIn === undefined ? undefined : parseDurationMs(options.oldEndsIn)
  const old = await findCredential(client, key)
  const issued = await client.rotate(old, oldEndsInMs)
  print(issued, output)
  output.note(oldEndsInMs === undefined ? `The old one (${old.name ?? old.id}) works until it is revoked: sluice keys revoke ${old.id}` : `The old one (${old.name ?? old.id}) ends in ${options.oldEndsIn}.`)
}

/** `sluice keys confirm` */
export async function runKeysConfirm(client: RecordsClient, id: string, options: { readonly takeOver?: boolean }, output: Output): Promise<void> {
  const confirmed = await client.confirm(await findCredential(client, id), options.takeOver === true)
  output.result(`${confirmed.id} of ${confirmed.application} is confirmed: it lets in from now on.`, { ...confirmed })
}

/** `sluice keys revoke` */
export async function runKeysRevoke(client: RecordsClient, key: string, output: Output): Promise<void> {
  const found = await findCredential(client, key)
  const gone = await client.retire('credentials', found)
  output.result(`${found.name ?? found.id} of ${found.application} is revoked: gateways refuse it within a second.`, { ...gone })
}

/** By id, or by the public part: the prefix of a key, a Basic name, a key id. */
async function findCredential(client: RecordsClient, key: string): Promise<Credential> {
  // A whole key in a command line would be a secret in a history; its public part says as much.
  if (key.includes('.') && key.length > 40) throw new CommandFailed('Give the id or the part before the dot, not the whole key.')
  const { items } = await client.list('credentials', { search: key, limit: 200, retired: true })
  const found = items.filter((one) => one.id === key || one.name === key)
  if (found.length === 1) return found[0]!
  if (found.length > 1) throw new CommandFailed(`“${key}” is the public part of several credentials; give the id of one: ${found.map((one) => one.id).join(', ')}.`)
  return client.get('credentials', key)
}

function print({ credential, secret }: IssuedCredential, output: Output): void {
  output.result(secret ?? credential.id, { credential, ...(secret === undefined ? {} : { secret }) })
  output.note(`${credential.kind} ${credential.name ?? credential.id} of ${credential.application} (${credential.environment}), id ${credential.id}.${secret === undefined ? '' : ' The secret is shown this once.'}${credential.claim === 'pending' ? ' It waits to be confirmed.' : ''}`)
}

/** The columns of a credential. */
export function describeCredential(one: Credential): string[] {
  const state = one.retiredAt ? 'revoked' : one.expiresAt && Date.parse(one.expiresAt) <= Date.now() ? 'expired' : one.claim === 'pending' ? 'to confirm' : one.active ? 'active' : 'off'
  return [one.id, one.kind, one.name ?? one.fingerprint ?? one.san ?? `${one.subject ?? ''}@${one.issuer ?? ''}`, one.environment, state, one.expiresAt ?? '-']
}
