import type { ClientApplication, ClientSubscription, OauthClientInput, PageQuery } from '../../../control/contract.ts'
import { CommandFailed, exitCodes, type Output } from '../outcome.ts'
import type { RecordsClient } from './client.ts'
import { describeCredential } from './keys.ts'
import { toColumns, toLines } from './print.ts'
import { parsePins } from './read-options.ts'

export interface ListOptions {
  readonly search?: string
  readonly organisation?: string
  readonly state?: string
  readonly retired?: boolean
}

/** What an option that nobody gave must not send. */
export function toListQuery({ search, organisation, state, retired }: ListOptions): PageQuery {
  return { ...(search === undefined ? {} : { search }), ...(organisation === undefined ? {} : { organisation }), ...(state === undefined ? {} : { state }), ...(retired ? { retired: true } : {}) }
}

/** `sluice consumers list` */
export async function runConsumersList(client: RecordsClient, options: ListOptions, output: Output): Promise<void> {
  const items: ClientApplication[] = []
  for await (const one of client.all('applications', toListQuery(options))) items.push(one)
  output.result(items.length === 0 ? 'No applications.' : toColumns(['ID', 'NAME', 'ORGANISATION', 'OWNER', 'STATE'], items.map((one) => [one.id, one.name, one.organisation, one.owner, stateOf(one)])), { items })
}

export interface AddConsumer {
  readonly organisation: string
  readonly id?: string
  readonly owner?: string
  readonly description?: string
  readonly cidr?: readonly string[]
  readonly validFrom?: string
  readonly validUntil?: string
  /** `orders=v1` */
  readonly pin?: readonly string[]
}

/** How an application gets tokens, as it is typed. */
export interface OauthOptions {
  readonly oauthGrant?: readonly string[]
  readonly redirectUri?: readonly string[]
  readonly scope?: readonly string[]
  readonly resource?: readonly string[]
  readonly public?: boolean
  readonly legacyPassword?: boolean
}

/** What was said of it; nothing when nothing was. What is wrong says whoever checks the record. */
function toOauth(options: OauthOptions, before: Partial<OauthClientInput> = {}): OauthClientInput | undefined {
  const { oauthGrant, redirectUri, scope, resource, legacyPassword } = options
  const said = {
    ...(oauthGrant ? { grants: oauthGrant as OauthClientInput['grants'] } : {}),
    ...(redirectUri ? { redirectUris: redirectUri } : {}), ...(scope ? { scopes: scope } : {}), ...(resource ? { resources: resource } : {}),
    ...(options.public === undefined ? {} : { public: options.public }), ...(legacyPassword === undefined ? {} : { legacyPassword }),
  }
  return Object.keys(said).length === 0 ? undefined : ({ ...before, ...said } as OauthClientInput)
}

/** `sluice consumers add` */
export async function runConsumersAdd(client: RecordsClient, name: string, options: AddConsumer & OauthOptions, output: Output): Promise<void> {
  const { organisation, id, owner, description, cidr, validFrom, validUntil, pin } = options
  const oauth = toOauth(options)
  const rules = { ...(cidr ? { cidrs: cidr } : {}), ...(validFrom ? { validFrom } : {}), ...(validUntil ? { validUntil } : {}) }
  const made = await client.create('applications', {
    name, organisation, ...(id ? { id } : {}), ...(owner ? { owner } : {}), ...(description ? { description } : {}), ...(Object.keys(rules).length > 0 ? { rules } : {}),
    ...(pin ? { pins: parsePins(pin) } : {}), ...(oauth ? { oauth } : {}),
  })
  output.result(`Added ${made.id}. It needs a key (\`sluice keys issue ${made.id}\`) and a subscription (\`sluice subscriptions add\`).`, { ...made })
}

/** `sluice consumers show` */
export async function runConsumersShow(client: RecordsClient, id: string, output: Output): Promise<void> {
  const application = await client.get('applications', id)
  const [credentials, subscriptions] = await Promise.all([client.list('credentials', { application: id, limit: 200 }), client.list('subscriptions', { application: id, limit: 200 })])
  const { rules } = application
  const text = [
    toLines([
      ['id', application.id], ['name', application.name], ['organisation', application.organisation], ['owner', application.owner], ['state', stateOf(application)], ['description', application.description],
      ['networks', rules.cidrs?.join(', ')], ['valid from', rules.validFrom], ['valid until', rules.validUntil],
      ['hours', rules.hours && `${rules.hours.windows.map(({ days, from, to }) => `${days.join('')} ${from}-${to}`).join(', ')} ${rules.hours.zone}`],
      ['clearance', rules.clearance], ['attributes', Object.entries(rules.attributes ?? {}).map(([name, value]) => `${name}=${value}`).join(', ')], ['held to', Object.entries(application.pins ?? {}).map(([family, version]) => `${family}=${version}`).join(', ')],
      ['tokens by', application.oauth && [...application.oauth.grants, ...(application.oauth.legacyPassword ? ['password'] : [])].join(', ')], ['scopes', application.oauth?.scopes?.join(' ')], ['redirects', application.oauth?.redirectUris?.join(', ')], ['audiences', application.oauth?.resources?.join(', ')],
      ['version', application.version],
    ]),
    credentials.items.length === 0 ? 'No credentials.' : toColumns(['CREDENTIAL', 'KIND', 'PUBLIC PART', 'ENVIRONMENT', 'STATE', 'EXPIRES'], credentials.items.map(describeCredential)),
    subscriptions.items.length === 0 ? 'No subscriptions.' : toColumns(['SUBSCRIPTION', 'TO', 'PLAN', 'STATE'], subscriptions.items.map((one) => [one.id, targetOf(one), one.plan, one.state])),
  ].join('\n\n')
  output.result(text, { application, credentials: credentials.items, subscriptions: subscriptions.items })
}

/** `sluice consumers change` */
export async function runConsumersChange(client: RecordsClient, id: string, options: OauthOptions & { readonly pin?: readonly string[]; readonly unpin?: readonly string[]; readonly oauth?: boolean }, output: Output): Promise<void> {
  const pins = { ...Object.fromEntries((options.unpin ?? []).map((family) => [family, null])), ...parsePins(options.pin ?? []) }
  const { version, oauth: before } = await client.get('applications', id)
  const oauth = options.oauth === false ? null : toOauth(options, before)
  if (Object.keys(pins).length === 0 && oauth === undefined) throw new CommandFailed('Say what to change, such as --pin orders=v1, --unpin orders or --oauth-grant client_credentials.', {}, exitCodes.usage)
  // A merge patch takes away what is null (RFC 7396).
  const changed = await client.patch('applications', id, { ...(Object.keys(pins).length > 0 ? { pins: pins as Record<string, string> } : {}), ...(oauth === undefined ? {} : { oauth: oauth as OauthClientInput }) }, version)
  const held = Object.entries(changed.pins ?? {}).map(([family, pinned]) => `${family}=${pinned}`).join(', ')
  const tokens = oauth === undefined ? '' : oauth === null ? ' It gets no tokens.' : ` It gets tokens by ${oauth.grants.join(', ')}.`
  output.result(`${held === '' ? `${id} is held to no version.` : `${id} is held to ${held}.`}${tokens}`, { ...changed })
}

/** `sluice consumers disable` and `enable`. */
export async function runConsumersSwitch(client: RecordsClient, id: string, active: boolean, output: Output): Promise<void> {
  const { version, active: before } = await client.get('applications', id)
  const changed = before === active ? await client.get('applications', id) : await client.patch('applications', id, { active }, version)
  output.result(active ? `${id} may call again.` : `${id} is suspended: gateways refuse its calls within a second.`, { ...changed })
}

/** A record’s state in one word. */
export function stateOf({ active, retiredAt }: { readonly active: boolean; readonly retiredAt?: string }): string {
  return retiredAt ? 'retired' : active ? 'active' : 'suspended'
}

/** `api:orders`, `group:shop`, `product:all`. */
export function targetOf({ api, group, product }: ClientSubscription): string {
  return api ? `api:${api}` : group ? `group:${group}` : `product:${product}`
}
