import type { Domain, DomainPart } from '../../../control/contract.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import { readUnseen } from '../read-unseen.ts'
import { toColumns, toLines } from '../records/print.ts'
import { parseDurationMs, parseNumber } from '../records/read-options.ts'
import type { VaultAdminClient } from './client.ts'
import { toGrantColumns } from './grants.ts'
import { sayWear } from './status.ts'

export interface DomainOptions {
  readonly clearance?: readonly string[]
  readonly purpose?: readonly string[]
  readonly ttl?: string
  readonly guesses?: string
  readonly description?: string
}

/** `sluice vault domains list` */
export async function runDomainsList(client: VaultAdminClient, output: Output): Promise<void> {
  const items = await client.domains()
  output.result(items.length === 0 ? 'No domains.' : toColumns(['DOMAIN', 'STATE', 'CLEARANCES', 'PURPOSES', 'TTL', 'DATA KEY'], items.map((one) => [one.name, one.state, one.clearances.join(' ') || 'any', one.purposes.join(' ') || '-', toTtl(one), String(one.keyVersion)])), { items })
}

/** `sluice vault domains show` */
export async function runDomainsShow(client: VaultAdminClient, name: string, output: Output): Promise<void> {
  const [domain, grants] = await Promise.all([client.domain(name), client.grants({ domain: name })])
  output.result([toText(domain), grants.length === 0 ? 'Nobody may see its values.' : toGrantColumns(grants)].join('\n\n'), { domain, grants })
}

/** `sluice vault domains add` */
export async function runDomainsAdd(client: VaultAdminClient, name: string, options: DomainOptions, output: Output): Promise<void> {
  const made = await client.addDomain(name, toPart(options))
  output.result(toText(made), { ...made })
}

/** `sluice vault domains change` */
export async function runDomainsChange(client: VaultAdminClient, name: string, options: DomainOptions, output: Output): Promise<void> {
  const part = toPart(options)
  if (Object.keys(part).length === 0) throw new CommandFailed('Say what is to change: --clearance, --purpose, --ttl, --guesses or --description.', {}, exitCodes.usage)
  const changed = await client.changeDomain(name, part)
  output.result(toText(changed), { ...changed })
}

/** `sluice vault domains rotate` */
export async function runDomainsRotate(client: VaultAdminClient, name: string, output: Output): Promise<void> {
  const { keyVersion, ...domain } = await client.rotateDomain(name)
  output.result(`${name} seals under version ${keyVersion} from now on. What lies under older ones is sealed anew in the background.`, { ...domain, keyVersion })
}

/** `sluice vault domains shred` */
export async function runDomainsShred(client: VaultAdminClient, name: string, { confirm }: { readonly confirm: string }, output: Output): Promise<void> {
  const gone = await client.shredDomain(name, confirm)
  output.result(`${name} is shredded: no token of it can be revealed any more.`, { ...gone })
}

/** `sluice vault domains shred-subject`: the subject stands in no list of processes and no history. */
export async function runDomainsShredSubject(client: VaultAdminClient, domain: string, output: Output): Promise<void> {
  const subject = await readUnseen(`Data subject to shred in ${domain}: `)
  if (subject === '') throw new CommandFailed('No subject came in. Pipe it to the command, or type it.', {}, exitCodes.usage)
  const done = await client.shredSubject(domain, subject)
  output.result(`${done.shredded} values of ${domain} are unreadable now. The audit log calls the subject ${done.mark}.`, done)
}

function toPart({ clearance, purpose, ttl, guesses, description }: DomainOptions): DomainPart {
  return {
    ...(clearance ? { clearances: clearance } : {}), ...(purpose ? { purposes: purpose } : {}),
    ...(ttl === undefined ? {} : { ttlS: Math.round(parseDurationMs(ttl) / 1000) }), ...(guesses === undefined ? {} : { guessesPerMinute: parseNumber('--guesses', guesses) }), ...(description === undefined ? {} : { description }),
  }
}

function toText(domain: Domain): string {
  const { name, state, description, clearances, purposes, guessesPerMinute = 60, keyVersion, dataKey, createdAt } = domain
  return toLines([['domain', name], ['state', state], ['description', description], ['clearances', clearances.join(', ') || 'any'], ['purposes', purposes.join(', ') || 'none'], ['tokens live', toTtl(domain)], ['wrong comparisons', `${guessesPerMinute} a minute and client`], ['data key', dataKey ? sayWear(dataKey) : keyVersion], ['made', createdAt]])
}

function toTtl({ ttlS }: Domain): string {
  return ttlS === undefined ? 'for ever' : `${ttlS} s`
}
