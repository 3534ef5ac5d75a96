import type { Problem } from '../core/flow.ts'
import type { AssembledFlow } from './assemble.ts'
import { nameOf } from './check-document.ts'
import { checkAnswers } from './check-answers.ts'
import { checkBodies } from './check-bodies.ts'
import { checkBranches } from './check-branches.ts'
import { checkPolicies } from './check-policies.ts'
import type { FlowNode } from './flow.ts'
import { checkSubFlows } from './check-sub-flows.ts'

/** What only the drawing as a whole tells: links that lead nowhere, entries that can reach no reply, circles. */
export function checkGraph(assembled: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>, publicRoutes: 'allow' | 'forbid' = 'allow'): Problem[] {
  return [...checkLinks(assembled, linkIns), ...checkSubFlows(assembled, linkIns), ...checkReplies(assembled, linkIns), ...checkAnswers(assembled, linkIns), ...checkBranches(assembled, linkIns), ...checkBodies(assembled), ...checkPolicies(assembled, linkIns), ...checkLoops(assembled), ...checkProtection(assembled, publicRoutes)]
}

function checkLinks({ flow }: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>): Problem[] {
  const problems: Problem[] = []
  for (const node of flow.nodes.values()) {
    if (node.type !== 'link out' && node.type !== 'link call') continue
    for (const target of node.links) {
      if (linkIns.has(target)) continue
      problems.push({
        severity: node.type === 'link call' ? 'error' : 'warning', code: 'link.nowhere', ...node.origin,
        message: `${nameOf(node)} leads to a link in node “${target}” that is not there or is disabled.`,
        remedy: 'Open the node and choose a link in node, or remove this link.',
      })
    }
  }
  return problems
}

/** An HTTP entry must be able to reach a node that answers; otherwise every call would end in flow.no_reply. */
function checkReplies(assembled: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>): Problem[] {
  const problems: Problem[] = []
  for (const { node: id, entry } of assembled.entries) {
    if (entry.on !== 'http') continue
    const node = assembled.flow.nodes.get(id) as FlowNode
    if (!reachesReply(node, assembled, linkIns)) {
      problems.push({
        severity: 'error', code: 'reply.unreachable', ...node.origin,
        message: `No reply can be reached from ${entry.method} ${entry.path}: a caller would never get an answer.`,
        remedy: 'Wire a respond or http response node behind this http in node.',
      })
    }
  }
  return problems
}

function reachesReply(start: FlowNode, home: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>): boolean {
  const seen = new Set<string>([start.id])
  const waiting: { node: FlowNode; assembled: AssembledFlow }[] = [{ node: start, assembled: home }]
  const rescuers = new Set<AssembledFlow>()
  for (let item = waiting.pop(); item; item = waiting.pop()) {
    const { node, assembled } = item
    if (node.definition?.replies) return true
    // Which link in a dynamic call reaches is known only when it runs.
    if (node.type === 'link call' && node.properties.linkType === 'dynamic') return true
    const visit = (id: string, where: AssembledFlow | undefined) => {
      const next = where?.flow.nodes.get(id)
      if (!where || !next || seen.has(id)) return
      seen.add(id)
      waiting.push({ node: next, assembled: where })
    }
    if (!node.definition?.apart) for (const id of node.wires.flat()) visit(id, assembled)
    // What a global policy may answer is no answer of the API.
    if (!node.policyCall) for (const id of node.links) visit(id, linkIns.get(id))
    if (rescuers.has(assembled)) continue
    rescuers.add(assembled)
    // A fault, a status or a completion may set these off from anywhere in the flow.
    for (const { node: id, entry } of assembled.entries) {
      if (entry.on === 'fault' || entry.on === 'complete' || entry.on === 'status') visit(id, assembled)
    }
  }
  return false
}

/** Nodes that send on every message that they take, whatever their settings. */
const alwaysOn: ReadonlySet<string> = new Set(['junction', 'link in', 'link out', 'change', 'transform', 'template', 'map', 'merge', 'wait'])

const targetsOf = (node: FlowNode): string[] => [...node.wires.flat(), ...(node.type === 'link out' && node.properties.mode !== 'return' ? node.links : [])]

/** A circle of nodes that send on whatever they take has no end but the limit of steps: no run could come to its answer by itself. */
function findEndless({ flow }: AssembledFlow): FlowNode | undefined {
  const before = new Map<string, string[]>()
  const left = new Map<string, number>()
  for (const node of flow.nodes.values()) {
    if (!alwaysOn.has(node.type)) continue
    const targets = targetsOf(node).filter((id) => alwaysOn.has(flow.nodes.get(id)?.type ?? ''))
    left.set(node.id, targets.length)
    for (const id of targets) before.set(id, [...(before.get(id) ?? []), node.id])
  }
  // Whoever leads to none that goes on for ever does not either.
  const ending = [...left].filter(([, count]) => count === 0).map(([id]) => id)
  for (let id = ending.pop(); id !== undefined; id = ending.pop()) {
    left.delete(id)
    for (const one of before.get(id) ?? []) {
      const count = (left.get(one) ?? 0) - 1
      left.set(one, count)
      if (count === 0) ending.push(one)
    }
  }
  const [first] = left.keys()
  return first === undefined ? undefined : flow.nodes.get(first)
}

/** Circles are allowed (deadline and hop limit bound them) but rarely meant: one warning per flow. One without a way out is refused. */
function checkLoops(assembled: AssembledFlow): Problem[] {
  const { flow } = assembled
  const endless = findEndless(assembled)
  if (endless) {
    return [{
      severity: 'error', code: 'flow.endless', ...endless.origin,
      message: `What comes to ${nameOf(endless)} goes round in a circle for ever: no node of it can stop.`,
      remedy: 'Take a wire out of the circle, put a switch into it, or do it with a while node, which has a bound.',
    }]
  }
  const done = new Set<string>()
  const open = new Set<string>()
  for (const start of flow.nodes.values()) {
    if (done.has(start.id)) continue
    const trail: { node: FlowNode; targets: string[] }[] = [{ node: start, targets: targetsOf(start) }]
    open.add(start.id)
    for (let step = trail.at(-1); step; step = trail.at(-1)) {
      const next = step.targets.pop()
      if (next === undefined) {
        open.delete(step.node.id)
        done.add(step.node.id)
        trail.pop()
        continue
      }
      const node = flow.nodes.get(next)
      if (open.has(next) && node) {
        return [{
          severity: 'warning', code: 'flow.loop', ...node.origin,
          message: `The wires go round in a circle through ${nameOf(node)}.`,
          remedy: 'Make sure that a switch leads out of it; the deadline and a limit of steps end a run that goes on for ever.',
        }]
      }
      if (!node || done.has(next)) continue
      open.add(next)
      trail.push({ node, targets: targetsOf(node) })
    }
  }
  return []
}

/** Routes that answer without asking who calls: fine for open data, worth a word otherwise. One problem per flow. */
function checkProtection({ flow, routes }: AssembledFlow, publicRoutes: 'allow' | 'forbid'): Problem[] {
  const [first, ...others] = routes.filter(({ guarded }) => guarded !== true)
  if (!first) return []
  const origin = flow.nodes.get(first.node)?.origin
  const forbidden = publicRoutes === 'forbid'
  return [{
    severity: forbidden ? 'error' : 'warning', code: 'route.public', ...(origin ?? {}),
    message: `${first.entry.method} ${first.entry.path}${others.length > 0 ? ` and ${others.length} more of “${flow.document.label}”` : ''} can be called by anybody: nothing in front asks who calls.`,
    remedy: forbidden
      ? 'Public routes are forbidden here (SLUICE_PUBLIC_ROUTES): check the caller right behind http in, or by a global policy.'
      : 'Fine for open data. Otherwise check the caller right behind http in, or by a global policy.',
  }]
}
