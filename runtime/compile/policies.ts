import type { HttpEntry } from '../core/entry.ts'
import type { EditorNode, FlowDocument, Problem } from '../core/flow.ts'
import { tabProperties } from '../core/tab-properties.ts'
import type { Catalogue } from './catalogue.ts'
import { nameOf } from './check-document.ts'
import type { Container, Flow, FlowNode } from './flow.ts'
import { organisationOf } from './organisation-of.ts'
import { ownProperties } from './own-properties.ts'

/** Type of the node that a global policy begins with. */
export const policyType = 'global policy'

/** A flow that runs around every API of an organisation. */
export interface GlobalPolicy {
  /** The node it begins with. */
  readonly id: string
  readonly name: string | undefined
  readonly organisation: string
  readonly when: 'before' | 'after'
  readonly order: number
  /** Only routes with one of these path prefixes, and of one of these methods; none: all. For `before` alone. */
  readonly paths: readonly string[]
  readonly methods: readonly string[]
}

/** What a document says of global policies. */
export interface PoliciesOf {
  readonly policies: readonly GlobalPolicy[]
  readonly problems: readonly Problem[]
}

const none: PoliciesOf = { policies: [], problems: [] }

/** Finds the global policies that begin in a document, in its order. */
export function readPolicies(document: FlowDocument, catalogue: Catalogue): PoliciesOf {
  const tab = document.nodes[0]
  if (document.kind === 'tab' && tab?.disabled === true) return none
  const nodes = document.nodes.filter(({ type, d }) => type === policyType && d !== true)
  if (nodes.length === 0) return none
  const organisation = document.kind === 'tab' ? organisationOf(document) : undefined
  const policies: GlobalPolicy[] = []
  const problems: Problem[] = []
  for (const node of nodes) {
    if (document.kind !== 'tab') problems.push(misplaced(node, document))
    else if (organisation === undefined) problems.push(homeless(node, document))
    else {
      const policy = toPolicy(node, organisation, catalogue)
      if (policy) policies.push(policy)
      else problems.push(unreadable(node, document))
    }
  }
  return { policies, problems }
}

/** The policies by organisation, in the order in which they run. */
export function policiesByOrganisation(policies: readonly GlobalPolicy[]): ReadonlyMap<string, readonly GlobalPolicy[]> {
  return Map.groupBy(policies.toSorted((a, b) => a.order - b.order), ({ organisation }) => organisation)
}

/** Everything of a policy that the flows around which it runs are made of; what it does is found when it is called. */
export function policyText({ id, name, when, paths, methods }: GlobalPolicy): string {
  return JSON.stringify([id, name, when, paths, methods])
}

/**
 * Puts the calls of global policies into a flow: behind each HTTP entry, and in front of each node that replies.
 * A policy is called as by a link call, so it is found in the deployment that the run began in.
 */
export function wrapFlow(flow: Flow, entries: readonly { readonly node: string; readonly entry: { readonly on: string } }[], policies: readonly GlobalPolicy[]): Flow {
  const nodes = new Map(flow.nodes)
  const after = policies.filter(({ when }) => when === 'after')
  const redirected = new Map<string, string>()
  for (const node of after.length === 0 ? [] : flow.nodes.values()) {
    if (node.definition?.category !== 'reply' || !node.definition.replies) continue
    const calls = toCalls(node, after, [[node.id]])
    const first = calls[0] as FlowNode
    redirected.set(node.id, first.id)
    nodes.set(node.id, { ...node, reachedBy: first.id })
    for (const call of calls) nodes.set(call.id, call)
  }
  if (redirected.size > 0) {
    for (const node of nodes.values()) {
      if (node.policyCall || !node.wires.some((targets) => targets.some((id) => redirected.has(id)))) continue
      nodes.set(node.id, { ...node, wires: node.wires.map((targets) => targets.map((id) => redirected.get(id) ?? id)) })
    }
  }
  for (const { node: id, entry } of entries) {
    if (entry.on !== 'http') continue
    const before = policies.filter((policy) => policy.when === 'before' && appliesTo(policy, entry as HttpEntry))
    const node = nodes.get(id)
    if (!node || before.length === 0) continue
    const calls = toCalls(node, before, node.wires)
    nodes.set(id, { ...node, wires: [[(calls[0] as FlowNode).id]], left: (calls.at(-1) as FlowNode).id })
    for (const call of calls) nodes.set(call.id, call)
  }
  return { ...flow, nodes }
}

/** One call behind the other; the last one leads on. */
function toCalls(around: FlowNode, policies: readonly GlobalPolicy[], onwards: FlowNode['wires']): FlowNode[] {
  const idOf = ({ id, when }: GlobalPolicy) => `${around.id}:${when}:${id}`
  return policies.map((policy, index) => {
    const next = policies[index + 1]
    return {
      id: idOf(policy),
      type: 'link call',
      ...(policy.name === undefined ? {} : { name: policy.name }),
      properties: { links: [policy.id], linkType: 'static' },
      container: around.container as Container,
      groups: around.groups,
      wires: next ? [[idOf(next)]] : onwards,
      links: [policy.id],
      origin: around.origin,
      policyCall: { policy: policy.id, when: policy.when, ...(next || policy.when === 'after' ? {} : { leaves: around.id }) },
    }
  })
}

/** By the route as it is drawn: its method, and the beginning of its path, segment by segment. */
function appliesTo({ paths, methods }: GlobalPolicy, { method, path }: HttpEntry): boolean {
  if (methods.length > 0 && method !== 'ALL' && !methods.includes(method)) return false
  const route = `${path.toLowerCase().replace(/\/+$/, '')}/`
  return paths.length === 0 || paths.some((prefix) => route.startsWith(`/${prefix.toLowerCase().replace(/^\/+|\/+$/g, '')}/`.replace('//', '/')))
}

function toPolicy(node: EditorNode, organisation: string, catalogue: Catalogue): GlobalPolicy | undefined {
  const definition = catalogue.get(policyType)
  let config: Record<string, unknown> = ownProperties(node)
  if (definition) {
    try {
      const configured = catalogue.configure(definition, config)
      if (configured.errors.length > 0) return undefined
      config = configured.config
    } catch {
      return undefined
    }
  }
  const { when, order, paths, methods } = config
  return {
    id: node.id,
    name: typeof node.name === 'string' && node.name !== '' ? node.name : undefined,
    organisation,
    when: when === 'after' ? 'after' : 'before',
    order: typeof order === 'number' ? order : 0,
    paths: texts(paths),
    methods: texts(methods).map((method) => method.toUpperCase()),
  }
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string' && one.trim() !== '').map((one) => one.trim()) : []
}

function homeless(node: EditorNode, document: FlowDocument): Problem {
  return {
    severity: 'error', code: 'policy.organisation', flow: document.id, node: node.id,
    message: `${nameOf(node)} lies on the tab “${document.label}”, which belongs to no organisation: it would run around nothing.`,
    remedy: `Open the properties of the tab and set ${tabProperties.organisation} to the id of the organisation, as a plain text.`,
  }
}

function misplaced(node: EditorNode, document: FlowDocument): Problem {
  return {
    severity: 'error', code: 'policy.place', flow: document.id, node: node.id,
    message: `${nameOf(node)} lies in the subflow “${document.label}”: a global policy begins on a tab.`,
    remedy: 'Move the node to a tab of its own; a subflow may be used behind it.',
  }
}

function unreadable(node: EditorNode, document: FlowDocument): Problem {
  return {
    severity: 'error', code: 'policy.config', flow: document.id, node: node.id,
    message: `${nameOf(node)} does not say where it runs: its settings cannot be read, or are left to the environment.`,
    remedy: 'Open the node, choose “before” or “after” and plain values, and deploy again.',
  }
}
