import type { OrganisationRole, Role } from '../../../control/contract.ts'
import type { Choice } from '../../forms/form-view.ts'
import type { TextKey } from '../../texts.ts'
import type { T } from './view.ts'

const names: Readonly<Record<Role, TextKey>> = {
  admin: 'admin', editor: 'editorRole', viewer: 'viewer', creator: 'creator', publisher: 'publisher', operator: 'operator', auditor: 'auditor', 'data-officer': 'dataOfficer', subscriber: 'subscriber',
}

/** Roles that a user can have in an organisation, the least first. */
export const organisationRoles: readonly OrganisationRole[] = ['subscriber', 'viewer', 'auditor', 'operator', 'creator', 'publisher', 'admin']

export const roleName = (role: Role, t: T): string => t(names[role])

export function roleChoices(t: T, roles: readonly Role[] = ['viewer', 'editor', 'creator', 'publisher', 'operator', 'auditor', 'data-officer', 'subscriber', 'admin']): Choice[] {
  return roles.map((role) => ({ value: role, text: roleName(role, t) }))
}
