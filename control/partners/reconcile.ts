import { Refused, type Connector, type PartnerChange } from '../contract.ts'
import type { ConsumerRow } from '../store/schema.ts'
import { diffJson } from '../consumers/json.ts'
import { bodyOf, type Body, type Kind } from '../consumers/kind.ts'
import { applications, credentials, subscriptions } from '../consumers/kinds.ts'
import { makeName } from '../consumers/secrets.ts'
import { choosePlan, createSubscription, firstState } from '../consumers/subscriptions.ts'
import type { Unit } from '../consumers/unit.ts'
import { invalid, problem } from '../consumers/check.ts'
import { writerOf } from './kind.ts'
import type { Partner, PartnerCredential } from './read-partners.ts'

export interface Reconciled {
  readonly dropped: number
  readonly changes: readonly PartnerChange[]
}

/**
 * Makes the records of a connector be as its service says, as one piece of work. What people added to its applications stays.
 * @throws Refused `connector.shrunk` 409 when too many could not call any more, `connector.document` 422 with places in the document
 */
export async function reconcile(unit: Unit, connector: Connector, partners: readonly Partner[], force: boolean): Promise<Reconciled> {
  const writer = writerOf(connector.id)
  const { consumers } = unit.tables
  const changes: PartnerChange[] = []
  const note = (kind: PartnerChange['kind'], id: string, change: PartnerChange['change'], fields: PartnerChange['fields'] = []) => void changes.push({ kind, id, change, fields })

  const own = new Map((await consumers.byParents('applications', [writer])).map((row) => [row.id, row]))
  const held = (rows: readonly ConsumerRow[]) => Map.groupBy(rows.filter((row) => bodyOf(row).managedBy === writer), (row) => row.parent as string)
  const credentialsOf = held(await consumers.byParents('credentials', [...own.keys()]))
  const subscriptionsOf = held(await consumers.byParents('subscriptions', [...own.keys()]))
  const named = new Map(partners.map((partner) => [partner.id, partner]))

  const dropped = countDropped(own, credentialsOf, named, connector)
  checkShare(dropped, own.size, connector, force)

  await makeRoom()
  for (const partner of partners) {
    await at(partner.at, () => keepApplication(partner))
    for (const credential of partner.credentials) await at(credential.at, () => keepCredential(partner, credential))
    for (const subscription of partner.subscriptions) await at(subscription.at, () => keepSubscription(partner, subscription))
  }
  return { dropped, changes }

  /** First what goes, so that what comes finds its place free: a certificate may move from one partner to another. */
  async function makeRoom(): Promise<void> {
    for (const [id, row] of own) {
      const partner = named.get(id)
      if (!partner) {
        if (connector.onMissing !== 'keep') await shutOut(id, row)
        continue
      }
      const wantedCredentials = new Set(partner.credentials.map(nameOf))
      for (const one of credentialsOf.get(id) ?? []) if (!wantedCredentials.has(nameOf(bodyOf(one) as unknown as PartnerCredential))) await end(credentials, one)
      const wantedTargets = new Set(partner.subscriptions.map(({ to, id: target }) => `${to}:${target}`))
      for (const one of subscriptionsOf.get(id) ?? []) if (!wantedTargets.has(one.target as string)) await end(subscriptions, one)
    }
  }

  async function shutOut(id: string, row: ConsumerRow): Promise<void> {
    const body = bodyOf(row)
    if (connector.onMissing === 'retire') {
      await applications.beforeRetire?.(unit, row, body)
      await unit.change(applications, row, body, 'retire', { retired: true })
      note('applications', id, 'retire')
    } else if (body.active === true) {
      await unit.change(applications, row, { ...body, active: false }, 'suspend')
      note('applications', id, 'change', [{ pointer: '/active', before: true, after: false }])
    }
  }

  async function end(kind: Kind, row: ConsumerRow): Promise<void> {
    await unit.change(kind, row, kind === credentials ? { ...bodyOf(row), active: false } : bodyOf(row), kind === credentials ? 'revoke' : 'retire', { retired: true })
    note(kind.name as PartnerChange['kind'], row.id, 'retire')
  }

  async function keepApplication(partner: Partner): Promise<void> {
    const row = await unit.find('applications', partner.id)
    if (row && bodyOf(row).managedBy !== writer) {
      throw new Refused('record.exists', 409, `There is an application “${partner.id}” that this connector does not keep.`, [
        problem(connector.map.id, `There is an application “${partner.id}” that this connector does not keep.`, 'Give the connector another beginning of ids, or retire that application.', 'partner.foreign', { id: partner.id }),
      ])
    }
    const before = row && bodyOf(row)
    const input = { name: partner.name, organisation: connector.organisation, owner: writer, active: partner.active, rules: partner.rules }
    unit.checker.check('ApplicationInput', input)
    const body: Body = { ...(await applications.settle(unit, input, before, partner.id)), managedBy: writer, partner: partner.partner }
    const fields = diffJson(row?.retired_at === null ? before : {}, body)
    if (!row) {
      await unit.add(applications, partner.id, body)
      note('applications', partner.id, 'add', fields)
    } else if (row.retired_at !== null) {
      await unit.change(applications, row, body, 'restore')
      note('applications', partner.id, 'restore', fields)
    } else if (fields.length > 0) {
      await unit.change(applications, row, body, 'change')
      note('applications', partner.id, 'change', fields)
    }
  }

  async function keepCredential(partner: Partner, credential: PartnerCredential): Promise<void> {
    const { at: _at, hash, ...facts } = credential
    const row = (credentialsOf.get(partner.id) ?? []).find((one) => one.retired_at === null && nameOf(bodyOf(one) as unknown as PartnerCredential) === nameOf(credential))
    const before = row && bodyOf(row)
    // Whose a subject or certificate is, an organisation cannot say by itself.
    const claimed = credential.kind !== 'key' && !connector.trusted && (before === undefined || before.claim === 'pending')
    const body: Body = { application: partner.id, organisation: connector.organisation, active: true, ...facts, managedBy: writer, ...(claimed ? { claim: 'pending' } : {}) }
    if (!row || !before) {
      const id = makeName('cred')
      await unit.add(credentials, id, body, hash)
      note('credentials', id, 'add', diffJson({}, body))
      return
    }
    const fields = diffJson(before, body)
    if (fields.length === 0 && (hash === undefined || hash === row.secret)) return
    await unit.change(credentials, row, body, 'change', hash === undefined ? {} : { secret: hash })
    note('credentials', row.id, 'change', fields)
  }

  async function keepSubscription(partner: Partner, { to, id: target, plan }: Partner['subscriptions'][number]): Promise<void> {
    const row = (subscriptionsOf.get(partner.id) ?? []).find((one) => one.target === `${to}:${target}`)
    if (!row) {
      const made = await createSubscription(unit, { application: partner.id, plan, [to]: target }, writer)
      note('subscriptions', made.id, 'add', diffJson({}, bodyOf(made)))
      return
    }
    const before = bodyOf(row)
    if (before.plan === plan) return
    const chosen = await choosePlan(unit, plan, row)
    const { decidedBy: _by, decidedAt: _at, reason: _reason, ...body } = before
    // What somebody suspended or refused does not come back by another plan.
    const state = row.state === 'approved' || row.state === 'pending' ? firstState(unit, chosen, row.provider) : { state: row.state }
    await unit.change(subscriptions, row, { ...body, plan, ...state }, 'plan')
    note('subscriptions', row.id, 'change', [{ pointer: '/plan', before: before.plan, after: plan }])
  }
}

/** Partners that can call now and could not after the fetch. */
function countDropped(own: ReadonlyMap<string, ConsumerRow>, credentialsOf: ReadonlyMap<string, readonly ConsumerRow[]>, named: ReadonlyMap<string, Partner>, connector: Connector): number {
  let dropped = 0
  for (const [id, row] of own) {
    if (bodyOf(row).active !== true) continue
    const partner = named.get(id)
    if (!partner) {
      if (connector.onMissing !== 'keep') dropped++
      continue
    }
    // A field that got another name over there takes all credentials away at once.
    const held = credentialsOf.get(id) ?? []
    const kept = new Set(partner.credentials.map(nameOf))
    if (!partner.active || (held.length > 0 && !held.some((one) => kept.has(nameOf(bodyOf(one) as unknown as PartnerCredential))) && partner.credentials.length === 0)) dropped++
  }
  return dropped
}

/** One partner may always go, as long as it is not the last. */
function checkShare(dropped: number, total: number, { maxDropShare }: Connector, force: boolean): void {
  if (force || dropped === 0 || dropped <= total * maxDropShare || (dropped === 1 && total > 1)) return
  const facts = { dropped, total, most: Math.round(maxDropShare * 100) }
  const message = `${dropped} of ${total} partners could not call any more; at most ${facts.most} % may go at once. Nothing was changed.`
  throw new Refused('connector.shrunk', 409, message, [
    { severity: 'error', code: 'connector.shrunk', facts, pointer: '', message, remedy: 'Look at what would change (a fetch with dryRun). If the service is right, fetch once with force, or allow more in “maxDropShare”.' },
  ])
}

/** What a credential is known by. */
function nameOf({ kind, environment, fingerprint, san, issuer, subject, name }: PartnerCredential): string {
  return JSON.stringify([kind, environment, fingerprint, san?.toLowerCase(), issuer, subject, name])
}

/** Says of a refusal where in the document it comes from. */
async function at<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    if (!(thrown instanceof Refused) || thrown.status >= 500) throw thrown
    const found = thrown.problems.length > 0 ? thrown.problems : [problem('', thrown.message, 'Correct it in the service, or in the map.', thrown.code, thrown.facts)]
    const refused = invalid(found.map((one) => ({ ...one, pointer: place, message: one.pointer && !one.message.includes(one.pointer) ? `${one.pointer}: ${one.message}` : one.message })))
    throw new Refused('connector.document', 422, refused.message, refused.problems)
  }
}

