import { stringify } from 'yaml'
import { Refused, type Actor, type ApplyChange, type ApplyResult, type Lifecycle, type SubscriptionState } from '../contract.ts'
import type { ConsumerRow } from '../store/schema.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import { invalid, problem } from './check.ts'
import { diffJson, isObject } from './json.ts'
import { bodyOf, type Body, type Kind, type KindName } from './kind.ts'
import { connectors } from '../partners/kind.ts'
import { apis, applications, groups, members, organisations, plans, products, subscriptions, targetOf } from './kinds.ts'
import { checkMove, lifecycles } from './lifecycle.ts'
import { parseYaml, YamlProblem } from './parse-yaml.ts'
import { inputOf, retireRecord, type Desk } from './records.ts'
import { runOrTry } from './run-or-try.ts'
import { findTarget } from './subscriptions.ts'
import { notAllowed, type Unit } from './unit.ts'

/** In the order in which one can refer to the other. Credentials are not among them: they are proofs, not settings. */
const order: readonly Kind[] = [organisations, members, plans, apis, groups, products, applications, subscriptions, connectors]
type ApplyKind = ApplyChange['kind']

/** Fields of ours that travel all the same. */
const extras: Partial<Record<KindName, string>> = { apis: 'lifecycle', subscriptions: 'state' }

const states: readonly string[] = ['pending', 'approved', 'refused', 'suspended']
const pageRows = 1000
const problemsAtMost = 100

/** All records but credentials, as a document that `applyYaml` reads. @throws Refused `auth.role` 403 */
export async function exportYaml(desk: Desk, by: Actor): Promise<string> {
  const access = await desk.access(by)
  const some = access.everywhere.has('records.export') || [...access.organisations.values()].some((rights) => rights.has('records.export'))
  if (!some) throw notAllowed('export the records')
  const lists: Record<string, Body[]> = {}
  for (const kind of order) {
    const list: Body[] = []
    for await (const row of all(desk, kind)) if (access.may('records.export', row.organisation) && !isManaged(row)) list.push(toEntry(kind, row.id, bodyOf(row)))
    // Databases sort texts in their own ways; one text for the same records needs ours.
    lists[kind.name] = list.sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1))
  }
  return stringify({ sluice: 'records', ...lists }, { lineWidth: 0 })
}

/** What a connector keeps lives somewhere else, and comes from there again. */
function isManaged(row: ConsumerRow): boolean {
  return bodyOf(row).managedBy !== undefined
}

async function* all(desk: Pick<Desk, 'tables'>, kind: Kind): AsyncIterable<ConsumerRow> {
  let after: string | undefined
  for (;;) {
    const rows = await desk.tables.consumers.page({ kind: kind.name, after, limit: pageRows })
    yield* rows
    if (rows.length < pageRows) return
    after = rows.at(-1)?.id
  }
}

function toEntry(kind: Kind, id: string, body: Body): Body {
  const extra = extras[kind.name]
  return { ...(kind === members ? {} : { id }), ...inputOf(kind, body), ...(extra === undefined ? {} : { [extra]: body[extra] }) }
}

/** Makes the records be as a document says, all of it or nothing; `prune` retires what it does not name. @throws Refused with places in the document */
export async function applyYaml(desk: Desk, yaml: string, { dryRun = false, prune = false }: { readonly dryRun?: boolean; readonly prune?: boolean }, by: Actor): Promise<ApplyResult> {
  if (!(await desk.access(by)).everywhere.has('records.apply')) throw notAllowed('apply records')
  const lists = parseLists(yaml)
  const changes = await runOrTry(desk, by, dryRun, async (unit) => {
    const made: ApplyChange[] = []
    checkLists(unit, lists)
    for (const kind of order) {
      for (const [index, entry] of (lists[kind.name] ?? []).entries()) {
        const change = await at(`/${kind.name}/${index}`, () => applyEntry(unit, kind, entry))
        if (change) made.push(change)
      }
    }
    if (prune) made.push(...(await retireUnnamed(unit, lists)))
    return made
  })
  return { dryRun, changes }
}

type Lists = Partial<Record<KindName, readonly Body[]>>

/** @throws Refused `records.malformed` 422 when it is not YAML, or not a document of records */
function parseLists(yaml: string): Lists {
  const malformed = (message: string, pointer = '') =>
    new Refused('records.malformed', 422, message, [{ severity: 'error', code: 'records.malformed', pointer, message, remedy: 'Start from what an export writes.' }])
  let value: unknown
  try {
    value = parseYaml(yaml)
  } catch (thrown) {
    if (!(thrown instanceof YamlProblem)) throw thrown
    throw malformed({ syntax: `This is not YAML: ${thrown.message}`, twice: `This is not YAML: the key “${thrown.message}” is there twice.`, aliases: 'The YAML refers to itself too often.' }[thrown.what])
  }
  if (!isObject(value) || value.sluice !== 'records') throw malformed('This is no document of records: it begins with “sluice: records”.', '/sluice')
  const lists: Record<string, readonly Body[]> = {}
  for (const [name, list] of Object.entries(value)) {
    if (name === 'sluice') continue
    if (!order.some((kind) => kind.name === name)) throw malformed(`“${name}” is no kind of record that can be applied.`, `/${name}`)
    if (list === null) continue
    if (!Array.isArray(list) || !list.every(isObject)) throw malformed(`“${name}” is a list of records.`, `/${name}`)
    lists[name] = list as readonly Body[]
  }
  return lists as Lists
}

/** Everything that schemas find, of all records at once. */
function checkLists(unit: Unit, lists: Lists): void {
  const problems: Problem[] = []
  for (const kind of order) {
    const seen = new Set<string>()
    for (const [index, entry] of (lists[kind.name] ?? []).entries()) {
      const base = `/${kind.name}/${index}`
      const { extra, fields } = split(kind, entry)
      if (kind !== members && typeof entry.id !== 'string') problems.push(problem(`${base}/id`, '“id” is missing.', 'Send it: it says which record is meant.'))
      if (extra !== undefined && !(kind === apis ? (lifecycles as readonly string[]) : states).includes(extra as string)) problems.push(problem(`${base}/${extras[kind.name]}`, `“${String(extra)}” is none that there is.`, 'See the export for examples.'))
      try {
        unit.checker.check(`${kind.schema}${kind === members ? 'Input' : 'Create'}`, fields, base)
      } catch (thrown) {
        if (!(thrown instanceof Refused)) throw thrown
        problems.push(...thrown.problems)
        continue
      }
      const id = idOf(kind, entry)
      if (seen.has(id)) problems.push(problem(base, `“${id}” is named twice.`, 'Leave one out.'))
      seen.add(id)
      if (problems.length > problemsAtMost) throw invalid(problems)
    }
  }
  if (problems.length > 0) throw invalid(problems)
}

function split(kind: Kind, entry: Body): { readonly extra: unknown; readonly fields: Body } {
  const name = extras[kind.name]
  if (name === undefined) return { extra: undefined, fields: entry }
  const { [name]: extra, ...fields } = entry
  return { extra, fields }
}

const idOf = (kind: Kind, entry: Body) => (kind === members ? (kind.idOf(entry) as string) : (entry.id as string))

/** Makes one record be as its entry says; `undefined` when it is so already. */
async function applyEntry(unit: Unit, kind: Kind, entry: Body): Promise<ApplyChange | undefined> {
  const id = idOf(kind, entry)
  const { extra, fields } = split(kind, entry)
  const { id: _id, ...input } = fields
  const row = await unit.find(kind.name, id)
  const before = row && bodyOf(row)
  const body = kind === subscriptions ? await settleSubscription(unit, input, extra as SubscriptionState | undefined, before) : withExtra(unit, kind, await kind.settle(unit, input, before, id), extra, row)
  const was = before && toEntry(kind, id, before)
  const fieldsChanged = diffJson(row?.retired_at === null ? was : {}, toEntry(kind, id, body))
  if (!row) await unit.add(kind, id, body)
  else if (row.retired_at !== null) await unit.change(kind, row, body, 'restore')
  else if (fieldsChanged.length === 0) return undefined
  else await unit.change(kind, row, body, 'change')
  return { kind: kind.name as ApplyKind, id, change: !row ? 'add' : row.retired_at === null ? 'change' : 'restore', fields: fieldsChanged }
}

/** A record that comes in whole may have any lifecycle; one that is there moves as it may. */
function withExtra(unit: Unit, kind: Kind, body: Body, extra: unknown, row: ConsumerRow | undefined): Body {
  if (kind !== apis || extra === undefined) return body
  const from = body.lifecycle as Lifecycle
  const to = extra as Lifecycle
  if (from === to) return body
  if (row?.retired_at === null) checkMoveAt(from, to)
  const { requested: _requested, deprecatedAt, ...rest } = body
  const since = to === 'DEPRECATED' ? (deprecatedAt ?? unit.nowIso) : to === 'PUBLISHED' ? undefined : deprecatedAt
  return { ...rest, lifecycle: to, ...(since === undefined ? {} : { deprecatedAt: since }) }
}

function checkMoveAt(from: Lifecycle, to: Lifecycle): void {
  try {
    checkMove(from, to)
  } catch (thrown) {
    const { code, status, message, problems } = thrown as Refused
    throw new Refused(code, status, message, problems.map((one) => ({ ...one, pointer: '/lifecycle' })))
  }
}

async function settleSubscription(unit: Unit, input: Body, state: SubscriptionState | undefined, before: Body | undefined): Promise<Body> {
  const application = await unit.live('applications', input.application as string)
  if (!application) throw invalid([problem('/application', `There is no application “${String(input.application)}”.`, 'Name it among the applications.')])
  if (!(await unit.live('plans', input.plan as string))) throw invalid([problem('/plan', `There is no plan “${String(input.plan)}”.`, 'Name it among the plans.')])
  const target = await findTarget(unit, input)
  if (before && (before.application !== input.application || targetOf(before).join(':') !== targetOf(input).join(':'))) {
    throw invalid([problem('', 'A subscription stays with its application and with what it is to.', 'Give the new one another id.')])
  }
  const next = state ?? (before?.state as SubscriptionState | undefined) ?? 'pending'
  const decided =
    next === before?.state
      ? Object.fromEntries(['decidedBy', 'decidedAt', 'reason'].filter((key) => before[key] !== undefined).map((key) => [key, before[key]]))
      : { decidedBy: unit.access.by.name, decidedAt: unit.nowIso }
  return { ...input, organisation: application.organisation, provider: target.organisation, state: next, ...(next === 'pending' ? {} : decided) }
}

async function retireUnnamed(unit: Unit, lists: Lists): Promise<ApplyChange[]> {
  const changes: ApplyChange[] = []
  for (const kind of order.toReversed()) {
    const list = lists[kind.name]
    if (!list) continue
    const named = new Set(list.map((entry) => idOf(kind, entry)))
    const rows: ConsumerRow[] = []
    for await (const row of all(unit, kind)) if (!named.has(row.id) && !isManaged(row)) rows.push(row)
    for (const { id } of rows) {
      const row = await unit.live(kind.name, id) // may have gone with another one
      if (!row) continue
      await retireRecord(unit, kind, row)
      changes.push({ kind: kind.name as ApplyKind, id, change: 'retire', fields: [] })
    }
  }
  return changes
}

/** Puts the place in the document before the pointers of a refusal. */
async function at<T>(base: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    if (!(thrown instanceof Refused) || thrown.status >= 500) throw thrown
    const problems = thrown.problems.length > 0 ? thrown.problems : [{ severity: 'error' as const, code: thrown.code, message: thrown.message, remedy: 'Mend the entry and apply again.' }]
    throw new Refused(thrown.code, thrown.status, `${base}: ${thrown.message}`, problems.map((one) => ({ ...one, pointer: `${base}${one.pointer ?? ''}` })))
  }
}
