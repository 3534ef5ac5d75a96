import { Refused, type ClientPlan, type ClientSubscription, type Lifecycle, type ManagedApi, type Subscriptions, type SubscriptionState } from '../contract.ts'
import type { ConsumerRow } from '../store/schema.ts'
import { invalid, problem } from './check.ts'
import { bodyOf, toRecord, type Body, type KindName } from './kind.ts'
import { subscriptions, targetOf } from './kinds.ts'
import { createRecords, loadForChange, type Desk } from './records.ts'
import { owns, sees } from './sees.ts'
import { exists, makeId, none, notAllowed, type Unit } from './unit.ts'

const kindOfTarget = { api: 'apis', group: 'groups', product: 'products' } as const satisfies Record<string, KindName>
const takesSubscribers: ReadonlySet<Lifecycle> = new Set<Lifecycle>(['PROTOTYPED', 'PUBLISHED'])

/** States that an act leads from and to. */
const acts = {
  approve: { from: ['pending', 'refused'], to: 'approved' },
  refuse: { from: ['pending', 'approved', 'suspended'], to: 'refused' },
  suspend: { from: ['approved'], to: 'suspended' },
  resume: { from: ['suspended'], to: 'approved' },
} as const satisfies Record<string, { from: readonly SubscriptionState[]; to: SubscriptionState }>

/** Subscriptions of applications to APIs, groups and products. */
export function createSubscriptions(desk: Desk): Subscriptions {
  const { list, get } = createRecords<ClientSubscription, never>(subscriptions, desk)
  const asRecord = (row: ConsumerRow) => toRecord<ClientSubscription>(row)
  return {
    list,
    get,
    create: (input, by) => desk.run(by, async (unit) => asRecord(await createSubscription(unit, input as unknown as Body))),
    changePlan: (id, plan, version, by) =>
      desk.run(by, async (unit) => {
        unit.checker.check('SubscriptionPlan', { plan })
        const row = await loadForChange(unit, 'subscriptions', id, version)
        await needSubscriber(unit, row)
        const before = bodyOf(row)
        if (before.plan === plan) return asRecord(row)
        const chosen = await choosePlan(unit, plan, row)
        const { decidedBy: _by, decidedAt: _at, reason: _reason, ...body } = before
        // A suspended or refused subscription does not come back by another plan.
        const state = row.state === 'approved' || row.state === 'pending' ? firstState(unit, chosen, row.provider) : { state: row.state }
        return asRecord(await unit.change(subscriptions, row, { ...body, plan, ...state }, 'plan'))
      }),
    decide: (id, act, { reason, version }, by) =>
      desk.run(by, async (unit) => {
        unit.checker.check('SubscriptionDecision', { act, ...(reason === undefined ? {} : { reason }) })
        const row = await loadForChange(unit, 'subscriptions', id, version)
        return asRecord(await decide(unit, row, act, reason))
      }),
    retire: (id, version, by) =>
      desk.run(by, async (unit) => {
        const row = await loadForChange(unit, 'subscriptions', id, version)
        await needSubscriber(unit, row)
        // Else a new one, by a plan that nobody has to approve, would take its place.
        if (row.state === 'suspended' && !mayLift(unit, row)) throw notAllowed('retire a subscription that somebody else suspended')
        return asRecord(await unit.change(subscriptions, row, bodyOf(row), 'retire', { retired: true }))
      }),
  }
}

/** `managedBy`: the connector whose subscription it is. */
export async function createSubscription(unit: Unit, input: Body, managedBy?: string): Promise<ConsumerRow> {
  unit.checker.check('SubscriptionCreate', input)
  const { id: given, ...fields } = input
  const application = await unit.live('applications', fields.application as string)
  if (!application || !(await sees(unit.access, application, unit.tables))) {
    throw invalid([problem('/application', `There is no application “${String(fields.application)}”.`, 'Make it first.')])
  }
  if (!unit.access.may('subscriptions.write', application.organisation) && !owns(unit.access, application)) throw notAllowed('subscribe for this application')
  const target = await findTarget(unit, fields)
  await checkOffered(unit, application, target)
  const row = { organisation: application.organisation, provider: target.organisation }
  const plan = await choosePlan(unit, fields.plan as string, row)
  const id = (given as string | undefined) ?? (await makeId(unit, 'subscriptions', undefined, 'sub'))
  if (await unit.find('subscriptions', id)) throw exists('subscriptions', id)
  return await unit.add(subscriptions, id, { ...fields, ...row, ...firstState(unit, plan, target.organisation), ...(managedBy === undefined ? {} : { managedBy }) })
}

/** The one thing that is subscribed to. @throws Refused `record.invalid`, `subscription.visibility` */
export async function findTarget(unit: Unit, fields: Body): Promise<ConsumerRow> {
  const named = (['api', 'group', 'product'] as const).filter((kind) => fields[kind] !== undefined)
  if (named.length !== 1) throw invalid([problem('', `A subscription is to one API, group or product; this names ${named.length}.`, 'Send exactly one of api, group and product.')])
  const [kind, id] = targetOf(fields)
  const row = await unit.live(kindOfTarget[kind], id)
  // The same words whether it is not there or not to be seen.
  if (!row || !(await sees(unit.access, row, unit.tables))) {
    throw new Refused('subscription.visibility', 404, `There is no ${kind} “${id}” to subscribe to.`, [
      { severity: 'error', code: 'subscription.visibility', pointer: `/${kind}`, message: `There is no ${kind} “${id}” to subscribe to.`, remedy: 'Ask its owner to make it visible.' },
    ])
  }
  return row
}

/** What is for an organisation alone is not for others' applications, whoever asks; and only what is open takes subscribers. */
async function checkOffered(unit: Unit, application: ConsumerRow, target: ConsumerRow): Promise<void> {
  const other = application.organisation !== target.organisation
  if (target.kind !== 'apis') {
    if (other && !unit.access.may('subscriptions.approve', target.organisation)) throw none(target.kind, target.id)
    return
  }
  const api = bodyOf(target) as unknown as ManagedApi
  if (other && api.visibility === 'organisation' && !unit.access.may('subscriptions.approve', target.organisation)) throw none('apis', target.id)
  if (takesSubscribers.has(api.lifecycle)) return
  const remedy = api.lifecycle === 'CREATED' || api.lifecycle === 'BLOCKED' ? 'Wait until it is published.' : 'Subscribe to the version that follows it.'
  throw new Refused('subscription.lifecycle', 422, `“${target.id}” is ${api.lifecycle} and takes no new subscribers.`, [
    { severity: 'error', code: 'subscription.lifecycle', pointer: '/api', message: `“${target.id}” is ${api.lifecycle} and takes no new subscribers.`, remedy },
  ])
}

/** @throws Refused `record.invalid` when there is no such plan for these organisations, `subscription.plan` when it is not for the asker's role */
export async function choosePlan(unit: Unit, id: string, { provider }: Pick<ConsumerRow, 'provider'>): Promise<ClientPlan> {
  const row = await unit.live('plans', id)
  // A plan of the subscriber's own organisation would be limits that the provider never agreed to.
  if (!row || (row.organisation !== null && row.organisation !== provider)) {
    throw invalid([problem('/plan', `There is no plan “${id}” for this.`, 'Choose a plan for everybody, or one of the provider.', 'plan.none', { plan: id })])
  }
  const plan = bodyOf(row) as unknown as ClientPlan
  if (plan.roles && !plan.roles.some((role) => unit.access.roles.has(role)) && !unit.access.may('subscriptions.approve', provider)) {
    throw new Refused('subscription.plan', 403, `The plan “${id}” is not for your role.`, [
      { severity: 'error', code: 'subscription.plan', pointer: '/plan', message: `The plan “${id}” is for ${plan.roles.join(', ')}.`, remedy: 'Choose another plan, or ask somebody with that role.' },
    ])
  }
  return plan
}

/** Whoever may approve need not ask himself. */
export function firstState(unit: Unit, plan: ClientPlan, provider: string | null) {
  const approved = plan.autoApprove || unit.access.may('subscriptions.approve', provider)
  return approved ? { state: 'approved', decidedBy: unit.access.by.name, decidedAt: unit.nowIso } : { state: 'pending' }
}

async function needSubscriber(unit: Unit, row: ConsumerRow): Promise<void> {
  if (unit.access.may('subscriptions.write', row.organisation) || unit.access.may('subscriptions.approve', row.provider)) return
  const application = row.parent === null ? undefined : await unit.find('applications', row.parent)
  if (!application || !owns(unit.access, application)) throw notAllowed('change this subscription')
}

/** What the provider suspended is not the subscriber's to bring back; what one suspended oneself is. */
function mayLift({ access }: Unit, row: ConsumerRow): boolean {
  if (access.may('subscriptions.approve', row.provider) || access.may('subscriptions.suspend', row.provider)) return true
  return access.may('subscriptions.suspend', row.organisation) && bodyOf(row).decidedBy === access.by.name
}

async function decide(unit: Unit, row: ConsumerRow, act: keyof typeof acts, reason: string | undefined): Promise<ConsumerRow> {
  const { access } = unit
  const approves = access.may('subscriptions.approve', row.provider)
  const holds = act === 'resume' ? mayLift(unit, row) : access.may('subscriptions.suspend', row.provider) || access.may('subscriptions.suspend', row.organisation)
  if (!(approves || ((act === 'suspend' || act === 'resume') && holds))) throw notAllowed(`${act} this subscription`)
  const { from, to } = acts[act]
  if (!(from as readonly string[]).includes(row.state)) {
    throw new Refused('subscription.state', 422, `A subscription that is ${row.state} cannot be ${to}.`, [
      { severity: 'error', code: 'subscription.state', pointer: '/act', message: `To ${act} goes from ${from.join(' or ')} only.`, remedy: `It is ${row.state}.` },
    ])
  }
  const { reason: _reason, ...body } = bodyOf(row)
  const next = { ...body, state: to, decidedBy: access.by.name, decidedAt: unit.nowIso, ...(reason === undefined ? {} : { reason }) }
  return await unit.change(subscriptions, row, next, act, reason === undefined ? {} : { reason })
}
