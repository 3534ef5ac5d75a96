import type { Problem } from '../core/flow.ts'
import type { AssembledFlow } from './assemble.ts'
import { nameOf } from './check-document.ts'
import type { FlowNode } from './flow.ts'

/** A global policy must be able to let a call pass or to answer it; one that runs after the APIs must leave the answer to them. */
export function checkPolicies(assembled: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>): Problem[] {
  return assembled.policies.flatMap((id): Problem[] => {
    const node = assembled.flow.nodes.get(id)
    if (!node) return []
    const ends = endsOf(node, assembled, linkIns)
    const problems: Problem[] = []
    const after = assembled.configs.get(id)?.when === 'after'
    if (after && ends.reply) {
      problems.push({
        severity: 'error', code: 'policy.replies', ...node.origin,
        message: `${nameOf(node)} runs after the APIs, but leads to ${nameOf(ends.reply)}, which answers the caller in their place.`,
        remedy: 'Change the message and end with a link out node in return mode: the API answers with what comes back.',
      })
    }
    if (!ends.returns && (after || !ends.reply)) {
      problems.push({
        severity: 'error', code: 'policy.no_end', ...node.origin,
        message: `${nameOf(node)} ${after ? 'never comes back' : 'neither comes back nor answers'}: every call of the organisation’s APIs would fail.`,
        remedy: 'End the way of a call that may go on with a link out node in return mode.',
      })
    }
    return problems
  }).concat(ownRoutes(assembled))
}

/** An API on a tab of policies: nothing runs around it. */
function ownRoutes({ flow, policies, routes }: AssembledFlow): Problem[] {
  const [first] = routes
  if (policies.length === 0 || !first) return []
  return [{
    severity: 'warning', code: 'policy.own_route', ...flow.nodes.get(first.node)?.origin,
    message: `No global policy runs around ${first.entry.method} ${first.entry.path}: it lies on a tab of policies.`,
    remedy: 'Move the API to another tab of the organisation if the policies are meant for it too.',
  }]
}

/** Where a policy can lead, by wires, links and calls; which link in a dynamic call reaches is known only when it runs. */
function endsOf(start: FlowNode, home: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>): { readonly returns: boolean; readonly reply: FlowNode | undefined } {
  const seen = new Set<string>()
  const waiting: { node: FlowNode; home: AssembledFlow; called: boolean }[] = []
  let returns = false
  let reply: FlowNode | undefined
  const go = (id: string, where: AssembledFlow | undefined, called: boolean) => {
    const node = where?.flow.nodes.get(id)
    const key = `${id}\n${called}`
    if (!where || !node || seen.has(key)) return
    seen.add(key)
    waiting.push({ node, home: where, called })
  }
  go(start.id, home, false)
  for (let place = waiting.pop(); place; place = waiting.pop()) {
    const { node, called } = place
    if (node.definition?.replies) reply ??= node
    // A return inside of a called flow comes back to the call, not to the API.
    if (node.type === 'link out' && node.properties.mode === 'return' && !called) returns = true
    for (const id of node.links) go(id, linkIns.get(id), called || node.type === 'link call')
    for (const id of node.wires.flat()) go(id, place.home, called)
  }
  return { returns, reply }
}
