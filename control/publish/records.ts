import { Refused, type ApiGroupInput, type Lifecycle, type ManagedApi, type ManagedApiInput } from '../contract.ts'
import { moveApi } from '../consumers/apis.ts'
import { problem } from '../consumers/check.ts'
import { bodyOf, toRecord } from '../consumers/kind.ts'
import { apis, groups } from '../consumers/kinds.ts'
import { checkMove } from '../consumers/lifecycle.ts'
import { createRecord, inputOf, replaceRecord, retireRecord } from '../consumers/records.ts'
import { none, notAllowed, retired, type Unit } from '../consumers/unit.ts'
import type { ConsumerRow } from '../store/schema.ts'
import type { ApiRegistration } from './contract.ts'
import { refuseProblems } from './problems.ts'

/** What is to be written of one API. */
export interface RecordPlan {
  readonly id: string
  readonly input: Partial<ManagedApiInput> & Pick<ManagedApiInput, 'organisation' | 'flow'>
  /** What a new record says where the input says nothing. */
  readonly initial: Partial<ManagedApiInput> & Pick<ManagedApiInput, 'name'>
  readonly registration: ApiRegistration
}

/**
 * Makes the record where there is none, or brings back one that was made for a registration which came to nothing. It is CREATED: its
 * flow answers nobody yet.
 * @returns whether it was made
 */
export async function addRecord(unit: Unit, { id, input: given, initial }: RecordPlan): Promise<boolean> {
  const input = { ...initial, ...given }
  const row = await unit.find('apis', id)
  if (!row) {
    await createRecord(unit, apis, { id, ...input })
    return true
  }
  if (row.retired_at === null) return false
  if (row.organisation !== input.organisation || bodyOf(row)['lifecycle'] !== 'CREATED') {
    const { code, status, message } = retired('apis', id)
    throw new Refused(code, status, message, [{ ...problem('/id', `The API “${id}” is retired.`, 'Choose another id.'), code }])
  }
  // Whoever may not write it does not bring it back either.
  await apis.mayWrite(unit, { ...input }, bodyOf(row), id)
  const body = await apis.settle(unit, { ...input }, bodyOf(row), id)
  await unit.change(apis, row, body, 'restore')
  return true
}

/** Takes back what `addRecord` did. */
export async function withdrawRecord(unit: Unit, id: string): Promise<void> {
  const row = await unit.live('apis', id)
  if (row) await retireRecord(unit, apis, row)
}

/** Writes what the record says, puts it into its group and moves it. */
export async function settleRecord(unit: Unit, { id, input, registration: { group, createGroup, lifecycle } }: RecordPlan): Promise<ManagedApi> {
  let row = await unit.live('apis', id)
  if (!row) throw none('apis', id)
  row = await replaceRecord(unit, apis, row, { ...inputOf(apis, bodyOf(row)), ...input })
  if (group !== undefined) await putIntoGroup(unit, group, createGroup === true, row)
  return toRecord<ManagedApi>(lifecycle === undefined ? row : await move(unit, row, lifecycle))
}

async function move(unit: Unit, row: ConsumerRow, to: Lifecycle): Promise<ConsumerRow> {
  const { lifecycle, requested } = bodyOf(row) as unknown as ManagedApi
  if (lifecycle === to || requested?.to === to) return row
  try {
    checkMove(lifecycle, to)
  } catch (thrown) {
    const { code, status, message, problems } = thrown as Refused
    throw new Refused(code, status, message, problems.map((one) => ({ ...one, pointer: '/lifecycle' })))
  }
  return await moveApi(unit, row, to)
}

async function putIntoGroup(unit: Unit, id: string, make: boolean, api: ConsumerRow): Promise<void> {
  const row = await unit.live('groups', id)
  if (!row) {
    if (!make) refuseProblems([problem('/group', `There is no group “${id}”.`, 'Make it first, or ask for it with createGroup.')])
    await createRecord(unit, groups, { id, name: id, organisation: api.organisation, apis: [api.id] })
    return
  }
  if (row.organisation !== api.organisation) refuseProblems([problem('/group', `The group “${id}” belongs to another organisation.`, 'Choose a group of the same organisation.')])
  const body = inputOf(groups, bodyOf(row)) as unknown as ApiGroupInput
  if (body.apis?.includes(api.id)) return
  await replaceRecord(unit, groups, row, { ...body, apis: [...(body.apis ?? []), api.id] })
}

/** Before anything else is said: the right to make and change APIs there. @throws Refused `auth.role` 403 */
export function needWrite(unit: Pick<Unit, 'access'>, organisation: string): void {
  if (!unit.access.may('apis.write', organisation)) throw notAllowed('register APIs of this organisation')
}
