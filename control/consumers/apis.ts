import type { Problem } from '../../runtime/core/flow.ts'
import { Refused, type Apis, type Lifecycle, type ManagedApi, type ManagedApiInput, type Organisation } from '../contract.ts'
import type { ConsumerRow } from '../store/schema.ts'
import { toNotPublic } from '../releases/not-public.ts'
import { bodyOf, toRecord } from './kind.ts'
import { apis } from './kinds.ts'
import { checkMove, lifecycleMoves, rightOfMove } from './lifecycle.ts'
import { createRecords, loadForChange, type Desk } from './records.ts'
import { notAllowed, type Unit } from './unit.ts'

/** APIs: records with a lifecycle. */
export function createApis(desk: Desk, publicRouteOf: (flow: string) => Problem | undefined = () => undefined): Apis {
  const records = createRecords<ManagedApi, ManagedApiInput>(apis, desk)

  /** With what stands between a record and its flow, for who may change it. */
  function told(api: ManagedApi): ManagedApi {
    if (api.visibility === 'public' || api.lifecycle === 'RETIRED' || api.retiredAt !== undefined) return api
    const open = publicRouteOf(api.flow)
    return open ? { ...api, warnings: [toNotPublic(open, { api: api.id, visibility: api.visibility })] } : api
  }

  return {
    ...records,
    async get(id, by) {
      const api = await records.get(id, by)
      return (await desk.access(by)).may('apis.write', api.organisation) ? told(api) : api
    },
    create: async (input, by) => told(await records.create(input, by)),
    replace: async (id, input, version, by) => told(await records.replace(id, input, version, by)),
    patch: async (id, patch, version, by) => told(await records.patch(id, patch, version, by)),
    movesFrom: (lifecycle) => lifecycleMoves[lifecycle] ?? [],
    move: async (id, to, version, by) =>
      told(await desk.run(by, async (unit) => {
        unit.checker.check('ApiMove', { to })
        const row = await loadForChange(unit, 'apis', id, version)
        return toRecord<ManagedApi>(await moveApi(unit, row, to))
      })),
    decide: (id, agree, version, by) =>
      desk.run(by, async (unit) => {
        const row = await loadForChange(unit, 'apis', id, version)
        return toRecord<ManagedApi>(await decideMove(unit, row, agree))
      }),
  }
}

/** Moves an API to another state, or asks for it where others have to agree. @throws Refused `lifecycle.move` 422, `auth.role` 403 */
export async function moveApi(unit: Unit, row: ConsumerRow, to: Lifecycle): Promise<ConsumerRow> {
  const api = bodyOf(row) as unknown as ManagedApi
  const right = rightOfMove(api, to)
  const may = unit.access.may(right, row.organisation)
  if (!may && !unit.access.may('apis.write', row.organisation)) throw notAllowed(`move this API to ${to}`)
  checkMove(api.lifecycle, to)
  if (may && !(right === 'apis.publish' && (await wantsFourEyes(unit, row)))) return await unit.change(apis, row, withLifecycle(api, to, unit.nowIso), 'move')
  const requested = { to, by: unit.access.by.name, at: unit.nowIso }
  return await unit.change(apis, row, { ...api, requested }, 'request')
}

async function decideMove(unit: Unit, row: ConsumerRow, agree: boolean): Promise<ConsumerRow> {
  const { requested, ...api } = bodyOf(row) as unknown as ManagedApi
  const own = requested?.by === unit.access.by.name
  const may = requested !== undefined && unit.access.may(rightOfMove(api, requested.to), row.organisation)
  if (!may && !(own && !agree)) {
    if (requested || !unit.access.may('apis.publish', row.organisation)) throw notAllowed('decide about this API')
  }
  if (!requested) throw new Refused('lifecycle.not_requested', 409, `Nobody asked to move “${row.id}”; perhaps somebody has decided already.`)
  if (!agree) return await unit.change(apis, row, api, 'turn_down')
  if (own && (await wantsFourEyes(unit, row))) throw new Refused('lifecycle.four_eyes', 403, 'The organisation wants a second person to agree.')
  checkMove(api.lifecycle, requested.to)
  return await unit.change(apis, row, withLifecycle(api, requested.to, unit.nowIso), 'move')
}

async function wantsFourEyes(unit: Unit, row: ConsumerRow): Promise<boolean> {
  const organisation = row.organisation === null ? undefined : await unit.find('organisations', row.organisation)
  return organisation !== undefined && (bodyOf(organisation) as unknown as Organisation).fourEyes
}

/** A request that waited is settled by any move. */
function withLifecycle({ requested: _requested, deprecatedAt, ...api }: Omit<ManagedApi, 'requested'> & Pick<ManagedApi, 'requested'>, to: Lifecycle, nowIso: string) {
  const since = to === 'DEPRECATED' ? (deprecatedAt ?? nowIso) : to === 'PUBLISHED' ? undefined : deprecatedAt
  return { ...api, lifecycle: to, ...(since === undefined ? {} : { deprecatedAt: since }) }
}
