import { randomBytes } from 'node:crypto'
import { Refused } from '../contract.ts'
import type { Audit } from '../audit.ts'
import type { ConsumerRow } from '../store/schema.ts'
import type { Tables } from '../store/tables.ts'
import type { Checker } from './check.ts'
import { bodyOf, toRecord, type Body, type Columns, type Kind, type KindName } from './kind.ts'
import type { Access } from './rights.ts'

/** One piece of work on the records: all of it happens, or nothing. */
export interface Unit {
  readonly tables: Tables
  readonly access: Access
  readonly checker: Checker
  readonly nowIso: string
  readonly nowMs: number
  /** Records that were written, for the view of gateways. */
  readonly touched: Map<KindName, Map<string, ConsumerRow>>
  /** The flow that is live under an id, and whose it is. */
  flowOf(id: string): { readonly organisation?: string } | undefined
  /** The record, also a retired one. */
  find(kind: KindName, id: string): Promise<ConsumerRow | undefined>
  /** The record that is not retired. */
  live(kind: KindName, id: string): Promise<ConsumerRow | undefined>
  add(kind: Kind, id: string, body: Body, secret?: string): Promise<ConsumerRow>
  /** Writes a body, or retires or restores. `action` is what the audit log calls it. */
  change(kind: Kind, row: ConsumerRow, body: Body, action: string, set?: { readonly retired?: boolean; readonly secret?: string; readonly reason?: string }): Promise<ConsumerRow>
}

/** One piece of work on the records, within a transaction. */
export function createUnit(parts: { tables: Tables; access: Access; checker: Checker; audit: Audit; flowOf: Unit['flowOf']; nowMs: number }): Unit {
  const { tables, access, audit, nowMs } = parts
  const { by } = access
  const nowIso = new Date(nowMs).toISOString()
  const touched: Unit['touched'] = new Map()

  function touch(kind: KindName, row: ConsumerRow): void {
    const rows = touched.get(kind) ?? new Map<string, ConsumerRow>()
    touched.set(kind, rows.set(row.id, row))
  }

  async function note(action: string, kind: KindName, id: string, before: ConsumerRow | undefined, after: ConsumerRow, reason?: string): Promise<void> {
    await audit.add(by.name, `${kind}.${action}`, reason === undefined ? {} : { reason }, tables, {
      from: by.from,
      subject: `${kind}/${id}`,
      organisation: after.organisation ?? undefined,
      ...(before ? { before: toRecord(before) } : {}),
      after: toRecord(after),
    })
  }

  return {
    tables,
    access,
    checker: parts.checker,
    nowIso,
    nowMs,
    touched,
    flowOf: parts.flowOf,
    find: (kind, id) => tables.consumers.get(kind, id),
    async live(kind, id) {
      const row = await tables.consumers.get(kind, id)
      return row && row.retired_at === null ? row : undefined
    },
    async add(kind, id, body, secret) {
      const row: ConsumerRow = {
        kind: kind.name, id, ...toColumns(kind.columns(body, id), id), version: 1, body: JSON.stringify(body), secret: secret ?? null,
        created_at: nowIso, created_by: by.name, updated_at: nowIso, updated_by: by.name, retired_at: null,
      }
      if (!(await tables.consumers.add(row))) {
        const taken = await tables.consumers.get(kind.name, id)
        throw taken ? exists(kind.name, id) : lookupTaken(kind.name)
      }
      await note('create', kind.name, id, undefined, row)
      touch(kind.name, row)
      return row
    },
    async change(kind, row, body, action, { retired = false, secret, reason } = {}) {
      checkKeeper(kind, row, action, by.name)
      const columns = toColumns(kind.columns(body, row.id), row.id)
      const next: ConsumerRow = {
        ...row, ...columns,
        // What is retired gives its place free.
        lookup: retired ? null : columns.lookup,
        version: row.version + 1, body: JSON.stringify(body), secret: secret ?? row.secret, updated_at: nowIso, updated_by: by.name, retired_at: retired ? nowIso : null,
      }
      if (next.lookup !== null && next.lookup !== row.lookup && (await tables.consumers.byLookup(kind.name, next.lookup))) throw lookupTaken(kind.name)
      const { kind: _kind, id: _id, ...set } = next
      if (!(await tables.consumers.change(kind.name, row.id, row.version, set))) throw stale(kind.name, row.id)
      await note(action, kind.name, row.id, row, next, reason)
      touch(kind.name, next)
      return next
    },
  }
}

function toColumns({ name, ...columns }: Columns, id: string) {
  return {
    organisation: columns.organisation ?? null,
    provider: columns.provider ?? null,
    parent: columns.parent ?? null,
    owner: columns.owner ?? null,
    target: columns.target ?? null,
    plan: columns.plan ?? null,
    lookup: columns.lookup ?? null,
    state: columns.state ?? 'active',
    search: `${id} ${name}`.toLowerCase(),
  }
}

/** @throws Refused `record.stale` when the change started from another version */
export function checkVersion(row: ConsumerRow, version: number | undefined): void {
  if (version !== undefined && version !== row.version) throw stale(row.kind, row.id)
}

/** An id that nobody has to choose: the name in Latin letters, or letters at random, with a few more when it is taken. */
export async function makeId(unit: Unit, kind: KindName, name: string | undefined, prefix: string): Promise<string> {
  const slug = (name ?? '').normalize('NFKD').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 48)
  if (slug.length > 1 && !(await unit.find(kind, slug))) return slug
  return `${slug.length > 1 ? slug : prefix}-${randomBytes(5).toString('hex')}`
}

/** What people may do to records that a connector keeps: decide what is theirs to decide, and let go of them. */
const byHand: ReadonlySet<string> = new Set([
  'applications.release', 'credentials.release', 'subscriptions.release', 'credentials.confirm',
  'subscriptions.approve', 'subscriptions.refuse', 'subscriptions.suspend', 'subscriptions.resume',
])

/** @throws Refused `record.managed` when somebody changes what a connector keeps: its next fetch would change it back */
function checkKeeper({ name }: Kind, row: ConsumerRow, action: string, by: string): void {
  if (!row.body.includes('"managedBy"')) return
  const { managedBy } = bodyOf(row)
  if (typeof managedBy !== 'string' || managedBy === by || byHand.has(`${name}.${action}`)) return
  const message = `“${row.id}” among ${name} is kept by ${managedBy}: it is changed in the partner service.`
  throw new Refused('record.managed', 409, message, [
    { severity: 'error', code: 'record.managed', pointer: '', message, remedy: 'Change it there; the connector brings it here. To stop its calls at once, suspend its subscriptions or its organisation.' },
  ])
}

/** Refusals that say the same wherever they are made. */
export const retired = (kind: string, id: string) => new Refused('record.retired', 409, `“${id}” among ${kind} is retired. What is retired changes no more.`)

export const none = (kind: string, id: string) => new Refused('record.none', 404, `There is no record “${id}” among ${kind}, or it is not for you to see.`)
export const exists = (kind: string, id: string) =>
  new Refused('record.exists', 409, `There is a record “${id}” among ${kind} already.`, [
    { severity: 'error', code: 'record.exists', pointer: '/id', message: `“${id}” is taken, perhaps by a retired record.`, remedy: 'Choose another id.' },
  ])
export const stale = (kind: string, id: string) => new Refused('record.stale', 412, `“${id}” among ${kind} was changed by somebody else meanwhile. Read it again and repeat what you wanted.`)
export const notAllowed = (what: string) => new Refused('auth.role', 403, `You may not ${what}.`)
export const inUse = (what: string) => new Refused('record.in_use', 409, what)

function lookupTaken(kind: KindName): Refused {
  const [code, pointer, message] = takenBy[kind] ?? ['record.exists', '', 'Another record stands for the same.']
  return new Refused(code, 409, message, [{ severity: 'error', code, pointer, message, remedy: 'Retire the other one first, or choose something else.' }])
}

const takenBy: Partial<Record<KindName, readonly [code: string, pointer: string, message: string]>> = {
  apis: ['record.exists', '/flow', 'Another API is served by this flow already.'],
  credentials: ['credential.taken', '', 'Another credential has this name, key id, subject or certificate already.'],
  subscriptions: ['subscription.exists', '', 'The application has a subscription to this already.'],
}

export { bodyOf }
