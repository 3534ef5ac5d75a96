import type { Role } from './contract.ts'

/** Everything that a user can be. */
export const roles: readonly Role[] = ['admin', 'editor', 'viewer', 'creator', 'publisher', 'operator', 'auditor', 'data-officer', 'subscriber']
