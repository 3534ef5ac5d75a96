import { familyOf } from '../../runtime/core/access/api-family.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import { versionKey } from '../../runtime/core/access/version-order.ts'
import type { ManagedApi, ManagedApiInput } from '../contract.ts'
import type { ConsumerRow } from '../store/schema.ts'
import { problem } from './check.ts'
import { toPointerPart } from './json.ts'
import { bodyOf, type Body } from './kind.ts'
import { sees } from './sees.ts'
import type { Unit } from './unit.ts'

export type Pins = Readonly<Record<string, string>>

/** How the records of a family are found: those that name it; the one that gave it its name has none of its own to say. */
export const familyTarget = (family: string): string => `family:${family}`

/**
 * Versions that an application is to be held to: each names a family and a version that one of its APIs has, as far as the asker sees
 * them. Pins that are there already stay, whatever became of the API: they hold nobody any more.
 */
export async function checkPins(unit: Unit, pins: Pins | undefined, before: Pins | undefined): Promise<Problem[]> {
  const problems: Problem[] = []
  for (const [family, version] of Object.entries(pins ?? {})) {
    if (before && Object.hasOwn(before, family) && before[family] === version) continue
    // oxlint-disable-next-line no-await-in-loop -- few, in one transaction
    if (await isThere(unit, family, version)) continue
    // One sentence for all: whoever may not see an API learns nothing of it.
    problems.push(problem(`/pins/${toPointerPart(family)}`, `There is no API of the family “${family}” in the version “${version}”.`, 'Name the family of an API, and the version that its record says.'))
  }
  return problems
}

async function isThere(unit: Unit, family: string, version: string): Promise<boolean> {
  for (const row of await rowsOf(unit, family)) {
    const { apiVersion } = bodyOf(row) as unknown as ManagedApi
    // oxlint-disable-next-line no-await-in-loop -- few, in one transaction
    if (apiVersion !== undefined && versionKey(apiVersion) === versionKey(version) && (await sees(unit.access, row, unit.tables))) return true
  }
  return false
}

/** What one API's record may say of family and version: a family is of one organisation, and has each version once. */
export async function checkFamily(unit: Unit, id: string, api: ManagedApiInput, before: Body | undefined): Promise<Problem[]> {
  if (before && before.family === api.family && before.apiVersion === api.apiVersion) return []
  const family = familyOf({ id, ...(api.family === undefined ? {} : { family: api.family }) })
  const others = (await rowsOf(unit, family)).map((row) => ({ id: row.id, api: bodyOf(row) as unknown as ManagedApi })).filter((one) => one.id !== id)
  // Also when the id gives the family its name: else it would join what is there, and be told of each version.
  if (others.some((other) => other.api.organisation !== api.organisation)) {
    return [problem('/family', `The family “${family}” is another organisation’s.`, 'Choose another name.')]
  }
  const same = api.apiVersion === undefined ? undefined : others.find(({ api: { apiVersion } }) => apiVersion !== undefined && versionKey(apiVersion) === versionKey(api.apiVersion as string))
  return same ? [problem('/apiVersion', `“${same.id}” is version “${api.apiVersion}” of “${family}” already.`, 'Give this one another version, or retire the other one.')] : []
}

async function rowsOf(unit: Unit, family: string): Promise<readonly ConsumerRow[]> {
  const named = await unit.tables.consumers.byTargets('apis', [familyTarget(family)])
  const first = await unit.live('apis', family)
  return first && (bodyOf(first) as Partial<ManagedApi>).family === undefined ? [first, ...named] : named
}
