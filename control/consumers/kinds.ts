import type { ClientRules, PlanQuota } from '../../runtime/core/access/clients.ts'
import type { ApiGroupInput, ApiProductInput, ClientApplication, ClientPlanInput, ManagedApi, ManagedApiInput, Member, OauthClientInput, Right } from '../contract.ts'
import { checkFamily, checkPins, familyTarget, type Pins } from './check-versions.ts'
import { checkOauthClient } from './check-oauth-client.ts'
import { checkRules, checkZone, invalid, problem } from './check.ts'
import { diffJson } from './json.ts'
import { bodyOf, type Body, type Kind, type KindName } from './kind.ts'
import { schemas } from './schemas.ts'
import { allRights } from './rights.ts'
import { inUse, notAllowed, type Unit } from './unit.ts'

const fieldsOf = (schema: string) => Object.keys(schemas[`${schema}Input`]?.properties as object)
const text = (value: unknown) => value as string

/** @throws Refused when the organisation is not there, or when the record would move to another one */
async function settleOrganisation(unit: Unit, organisation: unknown, before: Body | undefined): Promise<void> {
  if (before && before.organisation !== organisation) {
    throw invalid([problem('/organisation', 'A record stays with its organisation.', 'Make a new record in the other organisation.')])
  }
  if (organisation !== undefined && !(await unit.live('organisations', text(organisation)))) {
    throw invalid([problem('/organisation', `There is no organisation “${text(organisation)}”.`, 'Make it first.')])
  }
}

function need(unit: Unit, right: Right, organisation: unknown, what: string): void {
  if (!unit.access.may(right, organisation as string | undefined)) throw notAllowed(what)
}

/** Problems of references: each must be there, live and of the same organisation. */
async function checkReferences(unit: Unit, kind: KindName, ids: readonly string[], organisation: string, base: string) {
  const found = new Map((await unit.tables.consumers.byIds(kind, ids)).map((row) => [row.id, row]))
  return ids.flatMap((id, index) => {
    const row = found.get(id)
    if (row && row.retired_at === null && row.organisation === organisation) return []
    return [problem(`${base}/${index}`, `There is no “${id}” among ${kind} of this organisation.`, 'Make it first, or leave it out.')]
  })
}

export const organisations: Kind = {
  name: 'organisations',
  schema: 'Organisation',
  fields: fieldsOf('Organisation'),
  idOf: (body) => text(body.name),
  settle: async (_unit, input) => ({ active: true, fourEyes: false, ...input }),
  columns: (body, id) => ({ organisation: id, name: text(body.name), state: body.active ? 'active' : 'suspended' }),
  // Who runs one organisation does not make others.
  mayWrite(unit, body, before, id) {
    need(unit, 'organisations.write', before ? id : undefined, 'change organisations')
    // Nor does an organisation that was suspended bring itself back.
    if (before?.active === false && body.active !== false) need(unit, 'organisations.write', undefined, 'bring back an organisation that is suspended')
  },
  async beforeRetire(unit, row) {
    for (const kind of ['connectors', 'applications', 'apis', 'groups', 'products', 'plans'] as const) {
      const [first] = await unit.tables.consumers.page({ kind, organisation: row.id, limit: 1 })
      if (first) throw inUse(`“${row.id}” still has ${kind}, such as “${first.id}”. Retire them first.`)
    }
    for (const member of await unit.tables.consumers.byOrganisations('members', [row.id])) {
      await unit.change(members, member, bodyOf(member), 'retire', { retired: true })
    }
  },
}

export const members: Kind = {
  name: 'members',
  schema: 'Member',
  fields: fieldsOf('Member'),
  idOf: (body) => `${text(body.organisation)}:${text(body.user).toLowerCase()}`,
  async settle(unit, input, before) {
    const body = { ...input, user: text(input.user).toLowerCase() } as unknown as Member
    await settleOrganisation(unit, body.organisation, before)
    if (before && before.user !== body.user) throw invalid([problem('/user', 'A membership stays with its user.', 'Make another one.')])
    if (!(await unit.tables.users.get(body.user))) throw invalid([problem('/user', `There is no user “${body.user}”.`, 'Make the user first.')])
    return body as unknown as Body
  },
  columns: (body) => ({ organisation: text(body.organisation), parent: text(body.user), name: text(body.user), state: text(body.role) }),
  mayWrite: (unit, body) => need(unit, 'members.write', body.organisation, 'change who belongs to this organisation'),
}

export const applications: Kind = {
  name: 'applications',
  schema: 'Application',
  fields: fieldsOf('Application'),
  idOf: (body) => text(body.name),
  async settle(unit, input, before) {
    await settleOrganisation(unit, input.organisation, before)
    const body = { owner: before?.owner ?? unit.access.by.name, active: true, rules: {}, ...input } as Body
    const problems = [
      ...checkRules(body.rules as ClientRules, '/rules'),
      ...checkOauthClient(body.oauth as OauthClientInput | undefined, '/oauth'),
      ...(await checkPins(unit, body.pins as Pins | undefined, before?.pins as Pins | undefined)),
    ]
    if (problems.length > 0) throw invalid(problems)
    return body
  },
  columns: (body) => ({
    organisation: text(body.organisation), owner: text(body.owner), name: text(body.name), state: body.active ? 'active' : 'suspended',
    parent: (body.managedBy as string | undefined) ?? null,
  }),
  mayWrite(unit, next, before) {
    const { access } = unit
    const body = next as unknown as ClientApplication
    checkReach(unit, body.oauth, (before as Partial<ClientApplication> | undefined)?.oauth)
    if (access.may('applications.write', body.organisation)) return
    const from = (before ?? { ...next, owner: access.by.name, active: true, rules: {} }) as Body
    const changed = new Set(diffJson(from, next).map(({ pointer }) => pointer.split('/')[1]))
    if (before && access.may('applications.suspend', body.organisation) && [...changed].every((field) => field === 'active')) return
    if (from.owner !== access.by.name || !access.may('records.own', body.organisation)) throw notAllowed('change this application')
    // What somebody else granted is not the owner's to widen.
    for (const field of ['owner', 'active', 'rules', 'oauth']) if (changed.has(field)) throw notAllowed(`change “${field}” of an application; ask somebody who publishes`)
  },
  async beforeRetire(unit, row) {
    const { consumers } = unit.tables
    for (const one of await consumers.byParents('credentials', [row.id])) await unit.change(credentials, one, { ...bodyOf(one), active: false }, 'revoke', { retired: true })
    for (const one of await consumers.byParents('subscriptions', [row.id])) await unit.change(subscriptions, one, bodyOf(one), 'retire', { retired: true })
  },
}

export const plans: Kind = {
  name: 'plans',
  schema: 'Plan',
  fields: fieldsOf('Plan'),
  idOf: (body) => text(body.name),
  async settle(unit, input, before) {
    await settleOrganisation(unit, input.organisation, before)
    const body = { quotas: [], priority: 5, autoApprove: false, ...input } as unknown as ClientPlanInput & { quotas: readonly PlanQuota[] }
    const problems = body.quotas.flatMap((quota, index) => {
      const found = quota.zone === undefined ? [] : checkZone(quota.zone, `/quotas/${index}/zone`)
      if (quota.zone !== undefined && quota.algorithm !== 'calendar') {
        found.push(problem(`/quotas/${index}/zone`, `A time zone means nothing to ${quota.algorithm} windows.`, 'Leave it out, or make the quota a calendar one.'))
      }
      if (quota.unit === 'total' && quota.every !== 1) found.push(problem(`/quotas/${index}/every`, 'What counts in all never begins anew.', 'Make it 1, or choose another unit.'))
      if (quota.unit === 'total' && quota.algorithm !== 'fixed') found.push(problem(`/quotas/${index}/algorithm`, `What counts in all has no ${quota.algorithm} windows.`, 'Make it fixed, or choose another unit.'))
      // Months and weeks have no one length but in the calendar.
      if (quota.unit === 'month' && quota.algorithm !== 'calendar') {
        found.push(problem(`/quotas/${index}/unit`, 'Months differ in length: only calendar windows count by month.', 'Use days, or make the quota a calendar one.'))
      }
      return found
    })
    if (problems.length > 0) throw invalid(problems)
    return body as unknown as Body
  },
  columns: (body) => ({ organisation: (body.organisation as string | undefined) ?? null, name: text(body.name) }),
  mayWrite: (unit, body) => need(unit, 'plans.write', body.organisation, body.organisation === undefined ? 'change plans of all organisations' : 'change plans of this organisation'),
  async beforeRetire(unit, row) {
    const [first] = await unit.tables.consumers.byPlan('subscriptions', row.id)
    if (first) throw inUse(`Subscriptions have the plan “${row.id}”, such as “${first.id}”. Give them another one first.`)
  },
}

/**
 * Whose callers a flow may serve: those of its own organisation. What belongs to nobody yet, or is not there yet, is claimed by
 * those who make APIs everywhere. @throws Refused with a pointer
 */
function checkFlow(unit: Unit, id: string, organisation: string): void {
  const flow = unit.flowOf(id)
  if (flow?.organisation === organisation) return
  if (flow?.organisation === undefined && unit.access.everywhere.has('apis.write')) return
  if (!flow) throw invalid([problem('/flow', `No flow “${id}” of this organisation is live.`, `Deploy it first, with SLUICE_ORGANISATION=${organisation} among the environment variables of its tab.`)])
  // Whose it is instead is not for everybody to know.
  throw invalid([problem('/flow', `The flow “${id}” does not belong to this organisation.`, `Set SLUICE_ORGANISATION to ${organisation} in the dialog of its tab and deploy it, or name a flow of this organisation.`)])
}

/**
 * Anybody may be asked for consent, also who may do everything: so what a program may ask for beyond its own organisation is
 * not that organisation's to say.
 */
function checkReach({ access }: Unit, next: OauthClientInput | undefined, before: OauthClientInput | undefined): void {
  if (!next || access.may('applications.write')) return
  const had = new Set(before?.scopes ?? [])
  const asked = (next.scopes ?? []).find((scope) => !had.has(scope) && (allRights as readonly string[]).includes(scope))
  if (asked !== undefined) throw notAllowed(`let an application ask people for “${asked}”, a right over records and flows`)
  if (next.legacyPassword && !before?.legacyPassword) throw notAllowed('let an application take people’s passwords')
}

/** What decides about whom an API serves, and what with. */
const offerFields: ReadonlySet<string> = new Set(['flow', 'visibility', 'roles', 'sunset', 'owner', 'family', 'apiVersion', 'scopes'])

export const apis: Kind = {
  name: 'apis',
  schema: 'Api',
  fields: fieldsOf('Api'),
  idOf: (body) => text(body.name),
  async settle(unit, input, before, id) {
    await settleOrganisation(unit, input.organisation, before)
    const kept = (before ?? {}) as Partial<ManagedApi>
    const body = {
      owner: kept.owner ?? unit.access.by.name,
      tags: [],
      visibility: 'organisation',
      ...input,
      lifecycle: kept.lifecycle ?? 'CREATED',
      ...(kept.deprecatedAt === undefined ? {} : { deprecatedAt: kept.deprecatedAt }),
      ...(kept.requested === undefined ? {} : { requested: kept.requested }),
    }
    const { roles } = body as Partial<ManagedApi>
    if (body.visibility === 'roles' && !roles?.length) throw invalid([problem('/roles', 'It is visible by role, and no role is named.', 'Name the roles, or choose another visibility.')])
    if (input.flow !== before?.flow) checkFlow(unit, text(input.flow), text(input.organisation))
    const problems = await checkFamily(unit, id, body as unknown as ManagedApiInput, before)
    if (problems.length > 0) throw invalid(problems)
    return body
  },
  columns: (body) => ({
    organisation: text(body.organisation), owner: text(body.owner), lookup: text(body.flow), name: text(body.name), state: text(body.lifecycle),
    target: body.family === undefined ? null : familyTarget(text(body.family)),
  }),
  mayWrite(unit, body, before) {
    need(unit, 'apis.write', body.organisation, 'change APIs of this organisation')
    if (!before || before.lifecycle === 'CREATED' || before.lifecycle === 'PROTOTYPED') return
    // What callers have already is as much a matter of publishing as the first time.
    const published = diffJson(before, body).map(({ pointer }) => pointer.split('/')[1] as string).filter((field) => offerFields.has(field))
    if (published.length > 0) need(unit, 'apis.publish', body.organisation, `change ${published.join(', ')} of an API that is published`)
  },
  async beforeRetire(unit, row, body) {
    if (body.lifecycle !== 'CREATED' && body.lifecycle !== 'RETIRED') throw inUse(`“${row.id}” is ${text(body.lifecycle)}. Move it to RETIRED first.`)
    const [subscription] = await unit.tables.consumers.byTargets('subscriptions', [`api:${row.id}`])
    if (subscription) throw inUse(`Applications subscribe to “${row.id}”, such as “${subscription.parent}”. Retire the subscriptions first.`)
    await refuseWhenListed(unit, row.organisation, row.id, 'apis', ['groups', 'products'])
  },
}

async function refuseWhenListed(unit: Unit, organisation: string | null, id: string, field: string, kinds: readonly KindName[]): Promise<void> {
  if (organisation === null) return
  for (const kind of kinds) {
    const holder = (await unit.tables.consumers.byOrganisations(kind, [organisation])).find((row) => (bodyOf(row)[field] as readonly string[] | undefined)?.includes(id))
    if (holder) throw inUse(`“${id}” is part of “${holder.id}” among ${kind}. Take it out there first.`)
  }
}

async function refuseWhenSubscribed(unit: Unit, target: string, id: string): Promise<void> {
  const [subscription] = await unit.tables.consumers.byTargets('subscriptions', [`${target}:${id}`])
  if (subscription) throw inUse(`Applications subscribe to “${id}”, such as “${subscription.parent}”. Retire the subscriptions first.`)
}

export const groups: Kind = {
  name: 'groups',
  schema: 'Group',
  fields: fieldsOf('Group'),
  idOf: (body) => text(body.name),
  async settle(unit, input, before) {
    await settleOrganisation(unit, input.organisation, before)
    const body = { apis: [], ...input } as unknown as Required<ApiGroupInput>
    const problems = await checkReferences(unit, 'apis', body.apis, body.organisation, '/apis')
    if (problems.length > 0) throw invalid(problems)
    return body as unknown as Body
  },
  columns: (body) => ({ organisation: text(body.organisation), name: text(body.name) }),
  mayWrite: (unit, body) => need(unit, 'groups.write', body.organisation, 'change groups of APIs of this organisation'),
  async beforeRetire(unit, row) {
    await refuseWhenSubscribed(unit, 'group', row.id)
    await refuseWhenListed(unit, row.organisation, row.id, 'groups', ['products'])
  },
}

export const products: Kind = {
  name: 'products',
  schema: 'Product',
  fields: fieldsOf('Product'),
  idOf: (body) => text(body.name),
  async settle(unit, input, before) {
    await settleOrganisation(unit, input.organisation, before)
    const body = { apis: [], groups: [], ...input } as unknown as Required<ApiProductInput>
    const problems = [
      ...(await checkReferences(unit, 'apis', body.apis, body.organisation, '/apis')),
      ...(await checkReferences(unit, 'groups', body.groups, body.organisation, '/groups')),
    ]
    if (problems.length > 0) throw invalid(problems)
    return body as unknown as Body
  },
  columns: (body) => ({ organisation: text(body.organisation), name: text(body.name) }),
  mayWrite: (unit, body) => need(unit, 'products.write', body.organisation, 'change API products of this organisation'),
  beforeRetire: (unit, row) => refuseWhenSubscribed(unit, 'product', row.id),
}

/** Its rules are in subscriptions.ts. */
export const subscriptions: Kind = {
  name: 'subscriptions',
  schema: 'Subscription',
  fields: fieldsOf('Subscription'),
  idOf: () => undefined,
  settle: async (_unit, input) => input,
  columns(body) {
    const [kind, id] = targetOf(body)
    return {
      organisation: text(body.organisation), provider: text(body.provider), parent: text(body.application), target: `${kind}:${id}`, plan: text(body.plan),
      lookup: `${text(body.application)} ${kind}:${id}`, name: `${text(body.application)} ${id}`, state: text(body.state),
    }
  },
  mayWrite() {},
}

/** Its rules are in credentials.ts. */
export const credentials: Kind = {
  name: 'credentials',
  schema: 'Credential',
  fields: fieldsOf('Credential'),
  idOf: () => undefined,
  settle: async (_unit, input) => input,
  columns: (body) => ({
    organisation: text(body.organisation), parent: text(body.application), state: body.active ? 'active' : 'suspended',
    // What is only claimed keeps nobody from it.
    lookup: body.claim === 'pending' ? null : lookupOf(body),
    name: [body.name, body.label, body.subject, body.san].filter((part) => part !== undefined).join(' '),
  }),
  mayWrite() {},
}

/** What a subscription is to. */
export function targetOf(body: Body): readonly ['api' | 'group' | 'product', string] {
  for (const kind of ['api', 'group', 'product'] as const) if (body[kind] !== undefined) return [kind, text(body[kind])]
  return ['api', '']
}

/** What a caller is found by: no two credentials share it. */
function lookupOf(body: Body): string {
  switch (body.kind) {
    case 'jwt': return `jwt ${JSON.stringify([body.issuer, body.subject])}`
    // Gateways know a name with and without its type, whatever the case: so written twice it is the same name.
    case 'certificate': return body.fingerprint === undefined ? `san ${text(body.san).toLowerCase().replace(/^(?:dns|uri|email|ip|ip address):/, '')}` : `fingerprint ${text(body.fingerprint)}`
    // A signature says a key id and no more: secrets and public keys share the names.
    case 'public-key': return `hmac ${text(body.name)}`
    default: return `${text(body.kind)} ${text(body.name)}`
  }
}
