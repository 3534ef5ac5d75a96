import type { ManagedApi } from '../contract.ts'
import type { ConsumerRow } from '../store/schema.ts'
import type { Tables } from '../store/tables.ts'
import type { Access } from './rights.ts'

const offered: ReadonlySet<string> = new Set(['PROTOTYPED', 'PUBLISHED', 'BLOCKED', 'DEPRECATED'])

/** Whether somebody may see a record. What one may not see is answered as if it were not there. */
export async function sees(access: Access, row: ConsumerRow, tables: Pick<Tables, 'consumers'>): Promise<boolean> {
  const { by } = access
  const reads = access.may('records.read', row.organisation) || (row.provider !== null && access.may('records.read', row.provider))
  switch (row.kind) {
    case 'organisations':
      return reads || access.organisations.has(row.id)
    case 'members':
      return access.may('members.read', row.organisation) || row.parent === by.name
    case 'plans':
      return true // limits are part of the offer; who may choose a plan is said in it
    case 'apis':
      return reads || (row.retired_at === null && offered.has(row.state) && isOffered(access, JSON.parse(row.body) as ManagedApi))
    case 'groups':
    case 'products':
      return reads || (row.retired_at === null && row.organisation !== null && access.organisations.has(row.organisation))
    case 'connectors':
      return reads
    case 'applications':
      return reads || owns(access, row)
    default: {
      if (reads) return true
      const application = row.parent === null ? undefined : await tables.consumers.get('applications', row.parent)
      return application !== undefined && owns(access, application)
    }
  }
}

/** Whether an application is the asker’s own. */
export function owns(access: Access, application: ConsumerRow): boolean {
  return application.owner === access.by.name && access.may('records.own', application.organisation)
}

/** Whether an API is offered to somebody, by its visibility. */
function isOffered(access: Access, api: ManagedApi): boolean {
  if (api.visibility === 'public') return true
  if (api.visibility === 'organisation') return access.organisations.has(api.organisation)
  return api.roles?.some((role) => access.roles.has(role)) === true
}
