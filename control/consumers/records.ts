import { Refused, type Actor, type Page, type PageQuery, type RecordHead, type Records } from '../contract.ts'
import type { ConsumerRow } from '../store/schema.ts'
import type { ConsumerFilter } from '../store/consumer-table.ts'
import type { Tables } from '../store/tables.ts'
import { invalid, problem } from './check.ts'
import { diffJson, mergePatch } from './json.ts'
import { bodyOf, toRecord, type Body, type Kind, type KindName } from './kind.ts'
import type { Access } from './rights.ts'
import { sees } from './sees.ts'
import { checkVersion, exists, makeId, none, retired, type Unit } from './unit.ts'

/** How work on the records is done. */
export interface Desk {
  /** Reads: what the asker may, and the tables. */
  access(by: Actor): Promise<Access>
  readonly tables: Tables
  /** One piece of work: all or nothing, one after the other; the view of gateways follows it. */
  run<T>(by: Actor, work: (unit: Unit) => Promise<T>, /** Instead of what the asker may: for work of control itself. */ access?: Access): Promise<T>
}

const pageLimit = 200

/** What records of every kind can do. */
export function createRecords<T extends RecordHead, Input>(kind: Kind, desk: Desk): Records<T, Input> {
  const asRecord = (row: ConsumerRow) => toRecord<T>(row)
  return {
    list: (query, by) => listRecords(kind.name, desk, query, by),
    get: async (id, by) => asRecord(await getVisible(kind.name, await desk.access(by), desk.tables, id)),
    create: (input, by) => desk.run(by, async (unit) => asRecord(await createRecord(unit, kind, input as unknown as Body))),
    replace: (id, input, version, by) => desk.run(by, async (unit) => asRecord(await replaceRecord(unit, kind, await loadForChange(unit, kind.name, id, version), input as unknown as Body))),
    patch: (id, patch, version, by) =>
      desk.run(by, async (unit) => {
        const row = await loadForChange(unit, kind.name, id, version)
        unit.checker.check(`${kind.schema}Patch`, patch)
        return asRecord(await replaceRecord(unit, kind, row, mergePatch(inputOf(kind, bodyOf(row)), patch) as Body))
      }),
    retire: (id, version, by) => desk.run(by, async (unit) => asRecord(await retireRecord(unit, kind, await loadForChange(unit, kind.name, id, version)))),
  }
}

/** A page of the records of one kind that somebody may see. */
async function listRecords<T extends RecordHead>(kind: KindName, desk: Desk, query: PageQuery, by: Actor): Promise<Page<T>> {
  const access = await desk.access(by)
  const limit = Math.min(Math.max(Math.trunc(query.limit ?? 50), 1), pageLimit)
  const filter = { kind, ...toFilter(query), ...toReach(kind, access) }
  const items: T[] = []
  let after = query.cursor === undefined ? undefined : toPlain(Buffer.from(query.cursor, 'base64url').toString('utf8'))
  for (;;) {
    // One more than asked for tells whether there is a next page.
    const rows = await desk.tables.consumers.page({ ...filter, after, limit: limit + 1 })
    for (const row of rows) {
      if (!(await sees(access, row, desk.tables))) {
        after = row.id
        continue
      }
      // Begins behind the last one shown: whoever reads a cursor learns of no record that is not his to see.
      if (items.length === limit) return { items, next: Buffer.from(items.at(-1)?.id ?? '').toString('base64url') }
      items.push(toRecord<T>(row))
      after = row.id
    }
    if (rows.length <= limit) return { items }
  }
}

function toFilter({ search, organisation, application, state, retired }: PageQuery): Partial<ConsumerFilter> {
  return {
    ...(search === undefined || search === '' ? {} : { search: toPlain(search) }),
    ...(organisation === undefined ? {} : { organisation: toPlain(organisation) }),
    ...(application === undefined ? {} : { parent: toPlain(application) }),
    ...(state === undefined ? {} : { state: toPlain(state) }),
    retired: retired === true,
  }
}

/** PostgreSQL takes no NUL in a text, and no record has one. */
function toPlain(text: string): string {
  return text.replaceAll('\u0000', '')
}

/** Kinds of which there are many are narrowed by the database, so that nobody's list costs what all records cost. */
function toReach(kind: KindName, access: Access): Partial<ConsumerFilter> {
  if (kind !== 'applications' && kind !== 'credentials' && kind !== 'subscriptions') return {}
  if (access.everywhere.has('records.read')) return {}
  const withRight = (right: 'records.read' | 'records.own') => [...access.organisations].filter(([, rights]) => rights.has(right)).map(([id]) => id)
  return { reach: { organisations: withRight('records.read'), owning: withRight('records.own'), owner: access.by.name } }
}

/** @throws Refused `record.none` also for what the asker may not see */
export async function getVisible(kind: KindName, access: Access, tables: Tables, id: string): Promise<ConsumerRow> {
  const row = await tables.consumers.get(kind, toPlain(id))
  if (!row || !(await sees(access, row, tables))) throw none(kind, id)
  return row
}

/** The record somebody is about to change. @throws Refused `record.none`, `record.retired`, `record.stale` */
export async function loadForChange(unit: Unit, kind: KindName, id: string, version: number | undefined): Promise<ConsumerRow> {
  const row = await getVisible(kind, unit.access, unit.tables, id)
  if (row.retired_at !== null) throw retired(kind, id)
  checkVersion(row, version)
  return row
}

/** Makes a record, and an id where none is given. @throws Refused `record.invalid` 422, `record.exists` 409, `auth.role` 403 */
export async function createRecord(unit: Unit, kind: Kind, input: Body): Promise<ConsumerRow> {
  unit.checker.check(`${kind.schema}Create`, input)
  const { id: given, ...fields } = input
  const own = kind.name === 'members' ? kind.idOf(fields) : ((given as string | undefined) ?? (await makeId(unit, kind.name, kind.idOf(fields), kind.name.slice(0, 3))))
  const id = own as string
  const taken = await unit.find(kind.name, id)
  const again = taken && kind.name === 'members' && taken.retired_at !== null
  if (taken && !again) {
    // Before saying that it is taken: the right to write at all.
    await kind.mayWrite(unit, { ...fields, owner: unit.access.by.name }, undefined, id)
    throw exists(kind.name, id)
  }
  const body = await settleAllowed(unit, kind, fields, undefined, id)
  // A member who comes back has the id of the membership that was.
  if (again) return await unit.change(kind, taken, body, 'restore')
  return await unit.add(kind, id, body)
}

/** Rights before references: who may not write learns nothing of what is there. */
async function settleAllowed(unit: Unit, kind: Kind, input: Body, before: Body | undefined, id: string): Promise<Body> {
  await kind.mayWrite(unit, before ? { ...before, ...input } : kind.name === 'applications' ? { owner: unit.access.by.name, active: true, rules: {}, ...input } : input, before, id)
  const body = await kind.settle(unit, input, before, id)
  await kind.mayWrite(unit, body, before, id)
  return body
}

/** Writes all of a record anew. @throws Refused `record.invalid` 422, `auth.role` 403 */
export async function replaceRecord(unit: Unit, kind: Kind, row: ConsumerRow, input: Body): Promise<ConsumerRow> {
  unit.checker.check(`${kind.schema}Input`, input)
  const before = bodyOf(row)
  const body = await settleAllowed(unit, kind, input, before, row.id)
  return diffJson(before, body).length === 0 ? row : await unit.change(kind, row, body, 'change')
}

/** Retires a record; what it was stays in the store. @throws Refused `record.in_use` 409, `auth.role` 403 */
export async function retireRecord(unit: Unit, kind: Kind, row: ConsumerRow): Promise<ConsumerRow> {
  const body = bodyOf(row)
  if (kind.name === 'applications' && !unit.access.may('applications.write', row.organisation)) {
    if (row.owner !== unit.access.by.name || !unit.access.may('records.own', row.organisation)) throw new Refused('auth.role', 403, 'You may not retire this application.')
  } else await kind.mayWrite(unit, body, body, row.id)
  await kind.beforeRetire?.(unit, row, body)
  return await unit.change(kind, row, body, 'retire', { retired: true })
}

/** The part of a body that is input. */
export function inputOf(kind: Kind, body: Body): Body {
  return Object.fromEntries(kind.fields.filter((field) => body[field] !== undefined).map((field) => [field, body[field]]))
}

export { invalid, problem }
