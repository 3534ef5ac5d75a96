import type { Role, User } from '../control/contract.ts'
import type { EditorUser } from './node-red.ts'

const draws = ['read', 'flows.write', 'library.write', 'settings.write', 'context.write', 'inject.write', 'debug.write', 'status.write']
// Its own user settings (open tabs, language) are the one thing a viewer writes.
const looks = ['read', 'settings.write']

const byRole: Readonly<Record<Role, string | readonly string[]>> = {
  admin: '*',
  editor: draws,
  creator: draws,
  publisher: draws,
  viewer: looks,
  operator: looks,
  auditor: looks,
  subscriber: [],
}

/** A user with the permission strings of Node-RED. */
export function toEditorUser(user: User): EditorUser {
  return { username: user.name, permissions: byRole[user.role] }
}
