import type { Problem } from '../core/flow.ts'
import type { AssembledFlow } from './assemble.ts'
import { nameOf } from './check-document.ts'
import type { FlowNode } from './flow.ts'
import { isPinnedTo, pinOf, pinText } from './pinned-flow.ts'
import { subFlowInType, subFlowType } from './sub-flow-types.ts'

/** Calls of flows: what they call is there, is the revision that was pinned, and is given what it asks for. */
export function checkSubFlows({ flow, configs }: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>): Problem[] {
  const problems: Problem[] = []
  for (const node of flow.nodes.values()) {
    if (node.type !== subFlowType) continue
    const config = configs.get(node.id)
    const [target] = node.links
    if (!config || target === undefined) continue // said by the node itself
    const home = linkIns.get(target)
    const begin = home?.flow.nodes.get(target)
    const say = (code: string, property: string, message: string, remedy: string) => problems.push({ severity: 'error', code, ...node.origin, property, message, remedy })
    if (!home || begin?.type !== subFlowInType) {
      say('subflow_call.nowhere', 'flow', `${nameOf(node)} calls a flow that is not there or is disabled.`, 'Open the node and choose a flow that begins with a sub-flow in node.')
      continue
    }
    if (leadsTo(begin, home, node, linkIns)) {
      say('subflow_call.recursive', 'flow', `${nameOf(node)} calls a flow that calls it again.`, 'Take one of the calls out; use a for each or while node to do something several times.')
    }
    const pin = pinText(config)
    if (pin !== '' && !isPinnedTo(pin, pinOf(home.flow.document)?.revision ?? home.revision)) {
      say(
        'subflow_call.pinned', 'revision', `${nameOf(node)} is pinned to revision ${pin} of “${home.flow.document.label}”, which was never deployed with that flow; this deploy has ${home.revision.slice(0, 12)}.`,
        `Write at least 8 characters of a revision that was deployed into the node, such as ${home.revision.slice(0, 12)}, or leave it empty. The page of a release says who calls which.`,
      )
    }
    problems.push(...checkInputs(node, config, home.configs.get(target) ?? {}))
  }
  return problems
}

function checkInputs(node: FlowNode, config: Readonly<Record<string, unknown>>, target: Readonly<Record<string, unknown>>): Problem[] {
  const schema = target.inputSchema as { readonly required?: unknown; readonly properties?: unknown; readonly additionalProperties?: unknown } | undefined
  if (config.inputsFrom !== 'table' || typeof schema !== 'object' || schema === null) return []
  const given = new Set((config.parameters as readonly { readonly name: string }[]).map(({ name }) => name.trim()))
  const required = Array.isArray(schema.required) ? schema.required.filter((name): name is string => typeof name === 'string') : []
  const known = new Set(Object.keys((schema.properties ?? {}) as object))
  const missing = required.filter((name) => !given.has(name))
  const strange = schema.additionalProperties === false ? [...given].filter((name) => !known.has(name)) : []
  const problem = (code: string, message: string, remedy: string): Problem => ({ severity: 'error', code, ...node.origin, property: 'parameters', message, remedy })
  return [
    ...(missing.length === 0 ? [] : [problem('subflow_call.missing_input', `${nameOf(node)} does not give ${missing.join(', ')}, which the flow needs.`, 'Add a row for each to the inputs of the node.')]),
    ...(strange.length === 0 ? [] : [problem('subflow_call.unknown_input', `${nameOf(node)} gives ${strange.join(', ')}, which the flow does not know.`, 'Remove the rows, or add them to the inputs of the sub-flow in node.')]),
  ]
}

/** Whether a way leads from the beginning of a flow to a node. */
function leadsTo(start: FlowNode, home: AssembledFlow, wanted: FlowNode, linkIns: ReadonlyMap<string, AssembledFlow>): boolean {
  const seen = new Set<string>([start.id])
  const waiting: { readonly node: FlowNode; readonly home: AssembledFlow }[] = [{ node: start, home }]
  for (let place = waiting.pop(); place; place = waiting.pop()) {
    if (place.node.id === wanted.id) return true
    const visit = (id: string, where: AssembledFlow | undefined) => {
      const next = where?.flow.nodes.get(id)
      if (!where || !next || seen.has(id)) return
      seen.add(id)
      waiting.push({ node: next, home: where })
    }
    for (const id of place.node.wires.flat()) visit(id, place.home)
    for (const id of place.node.links) visit(id, linkIns.get(id))
  }
  return false
}
