import type { Scope } from '../../../runtime/core/node.ts'
import { toPolicy } from './resource-policy.ts'
import { sharedName } from '../shared-name.ts'

/** Opens the line of a resource: one of all flows where it is shared by all, else one of its organisation, whatever others call theirs. */
export function openResource(scope: Scope, id: string): ReturnType<Scope['lines']['open']> {
  const found = scope.configNode(id)
  const chosen = found?.config ?? {}
  const name = typeof chosen.name === 'string' ? chosen.name : id
  const opened = scope.lines.open({ name: sharedName({ node: found ?? {} }, name), scope: chosen.scope === 'cluster' ? 'cluster' : 'gateway', policy: toPolicy(chosen) })
  scope.onRetire(opened.close)
  return opened
}
