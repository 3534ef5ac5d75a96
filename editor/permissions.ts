import type { FlowRights, User } from '../control/contract.ts'
import type { EditorUser } from './node-red.ts'

// Its own user settings (open tabs, language) are the one thing a viewer writes.
const looks = ['read', 'settings.write']
/** On which flows these hold is asked again at every act. */
const draws = [...looks, 'flows.write', 'context.write', 'inject.write', 'debug.write', 'status.write']
/** The library belongs to no organisation. */
const drawsEverywhere = [...draws, 'library.write']

/** A user with the permission strings of Node-RED. */
export function toEditorUser(user: User, rights: FlowRights): EditorUser {
  return { username: user.name, permissions: toPermissions(user, rights) }
}

function toPermissions(user: User, rights: FlowRights): string | readonly string[] {
  if (user.role === 'admin') return '*'
  if (rights.writesEverything) return drawsEverywhere
  if (rights.mayWrite()) return draws
  return rights.mayRead() ? looks : []
}
