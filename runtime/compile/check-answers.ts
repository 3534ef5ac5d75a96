import type { Problem } from '../core/flow.ts'
import type { AssembledFlow } from './assemble.ts'
import { nameOf } from './check-document.ts'
import type { FlowNode } from './flow.ts'

type LinkIns = ReadonlyMap<string, AssembledFlow>

/** A node that a call can come to, and where each of its outputs and links leads. */
interface Step {
  readonly node: FlowNode
  readonly ports: readonly (readonly FlowNode[])[]
  readonly links: readonly FlowNode[]
}

/**
 * Ways on which a message goes and no answer comes: an output of a node that chooses one way of several (switch, branch) that
 * leads to no reply, where another of its outputs does. One warning per entry, with the first such place.
 */
export function checkAnswers(assembled: AssembledFlow, linkIns: LinkIns): Problem[] {
  return assembled.entries.flatMap(({ node: id, entry }): Problem[] => {
    const node = assembled.flow.nodes.get(id)
    if (entry.on !== 'http' || !node) return []
    const steps = collect(node, assembled, linkIns)
    if (![...steps.values()].some((step) => step.node.definition?.chooses)) return []
    const unanswered = findUnanswered(steps)
    const lost = unanswered.has(node) ? findLost(steps, unanswered) : undefined
    if (!lost) return []
    return [{
      severity: 'warning', code: 'reply.maybe_missing', ...lost.node.origin,
      message: `What leaves ${nameOf(lost.node)} by its output ${lost.port + 1} reaches no reply: a call of ${entry.method} ${entry.path} that goes there gets no answer.`,
      remedy: 'Wire this output on to a respond, http response or raise fault node.',
    }]
  })
}

/** All that a call can come to by wires and links, nearest first. */
function collect(start: FlowNode, home: AssembledFlow, linkIns: LinkIns): ReadonlyMap<FlowNode, Step> {
  const steps = new Map<FlowNode, Step>()
  const waiting: { readonly node: FlowNode; readonly home: AssembledFlow }[] = [{ node: start, home }]
  const seen = new Set<FlowNode>([start])
  for (const { node, home: where } of waiting) {
    const find = (id: string, other: AssembledFlow | undefined): FlowNode[] => {
      const next = other?.flow.nodes.get(id)
      if (!other || !next) return []
      if (!seen.has(next)) {
        seen.add(next)
        waiting.push({ node: next, home: other })
      }
      return [next]
    }
    steps.set(node, { node, ports: node.wires.map((targets) => targets.flatMap((id) => find(id, where))), links: node.links.flatMap((id) => find(id, linkIns.get(id))) })
  }
  return steps
}

/** Nodes where no answer comes of a message, however it goes on. A way back into itself, and what only runs can tell, count as answered. */
function findUnanswered(steps: ReadonlyMap<FlowNode, Step>): ReadonlySet<FlowNode> {
  const before = new Map<FlowNode, FlowNode[]>()
  for (const { node, ports, links } of steps.values()) {
    for (const next of [...ports.flat(), ...links]) before.set(next, [...(before.get(next) ?? []), node])
  }
  const unanswered = new Set<FlowNode>()
  const waiting = [...steps.keys()]
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (unanswered.has(node) || isAnswered(steps.get(node) as Step, unanswered)) continue
    unanswered.add(node)
    waiting.push(...(before.get(node) ?? []))
  }
  return unanswered
}

function isAnswered({ node, ports, links }: Step, unanswered: ReadonlySet<FlowNode>): boolean {
  const { definition } = node
  if (definition?.replies || definition?.ends) return true
  if (definition?.apart) return false
  if (node.type === 'link call' && node.properties.linkType === 'dynamic') return true
  if (node.type === 'link out' && node.properties.mode === 'return') return true
  const leads = (targets: readonly FlowNode[]) => targets.some((next) => !unanswered.has(next))
  return definition?.chooses ? ports.every(leads) : ports.some(leads) || leads(links)
}

/** The first choice, from the entry on, of which one way is answered and another is not. */
function findLost(steps: ReadonlyMap<FlowNode, Step>, unanswered: ReadonlySet<FlowNode>): { readonly node: FlowNode; readonly port: number } | undefined {
  for (const { node, ports } of steps.values()) {
    if (!node.definition?.chooses) continue
    const answered = ports.map((targets) => targets.some((next) => !unanswered.has(next)))
    if (answered.includes(true) && answered.includes(false)) return { node, port: answered.indexOf(false) }
  }
  return undefined
}
