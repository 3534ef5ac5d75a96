import type { JsonSchema, NodeProblem } from './node.ts'

/** Which nodes a node watches that takes what others meet: the whole flow, the group it lies in, or nodes by id. */
export type WatchedScope = null | 'group' | readonly string[]

/** The property `scope` in the config of such a node. */
export const watchedScopeSchema: JsonSchema = {
  anyOf: [{ type: 'null' }, { const: 'group' }, { type: 'array', items: { type: 'string' } }],
  default: null,
  description: 'null: the whole flow; group: the group it lies in; or a list of node ids.',
}

/** What the stock forms leave where nothing was chosen (an empty text or nothing at all) is the whole flow. */
export function toWatchedScope(scope: unknown): unknown {
  return scope === '' || scope === undefined ? null : scope
}

/** A list without entries is most likely forgotten. `type` is the node's own, `what` what it takes of others. */
export function checkWatchedScope(scope: WatchedScope, type: string, what: string, orAll = true): NodeProblem[] {
  if (!Array.isArray(scope) || scope.length > 0) return []
  return [{
    severity: 'warning', code: 'scope.empty', property: 'scope',
    message: `The ${type} node watches no node.`,
    remedy: `Choose the nodes whose ${what} it is to take${orAll ? ', or all nodes' : ''}.`,
  }]
}
