import type { EditorNode, FlowDocument, Problem } from '../core/flow.ts'
import { nameOf } from './check-document.ts'
import { organisationOf } from './organisation-of.ts'
import { policyType } from './policies.ts'
import { pinnedId, pinOf, pinText, shortestPin } from './pinned-flow.ts'
import { subFlowInType, subFlowType } from './sub-flow-types.ts'

interface End {
  readonly id: string
  readonly type: string
  readonly name?: unknown
  readonly flow: string
  readonly organisation: string | undefined
  readonly links: ReadonlySet<string>
}

/** The link nodes of one document, and where its global policies begin. */
export interface LinkEndsOf {
  readonly entries: readonly End[]
  readonly exits: readonly End[]
}

/** Finds what other documents may lead to and what may lead there, with whose it is. */
export function toBorderEnds(document: FlowDocument): LinkEndsOf {
  const organisation = organisationOf(document)
  const ends = document.nodes.filter(({ d, type }) => d !== true && (type === 'link in' || type === 'link out' || type === 'link call' || type === policyType || type === subFlowType || type === subFlowInType))
    .map((node): End => ({ id: node.id, type: node.type, name: node.name, flow: document.id, organisation, links: new Set(leadsOf(node).filter((one): one is string => typeof one === 'string')) }))
  const isEntry = ({ type }: End) => type === 'link in' || type === policyType || type === subFlowInType
  const entries = ends.filter(isEntry)
  // Calls name no more of a revision than they have to.
  const short = pinOf(document) ? entries.map((end): End => ({ ...end, id: end.id.replace(/@[0-9a-f]+$/, (at) => at.slice(0, shortestPin + 1)) })) : []
  return { entries: [...entries, ...short], exits: ends.filter((end) => !isEntry(end)) }
}

/** Ids that a node names; of a call that is pinned also the short name of what it calls there. */
function leadsOf(node: EditorNode): readonly unknown[] {
  if (node.type !== subFlowType) return Array.isArray(node.links) ? (node.links as unknown[]) : []
  const pin = pinText(node).slice(0, shortestPin)
  return typeof node.flow !== 'string' || pin === '' ? [node.flow] : [node.flow, pinnedId(node.flow, pin)]
}

/**
 * Messages, and what a flow does with the secrets of its nodes, stay within an organisation: a link leads from one to another
 * only when the nodes at both of its ends name each other, so that each side has drawn it. What is nobody's may be led to by
 * all, and leads anywhere: who draws it draws everywhere.
 */
export function checkBorders(documents: readonly FlowDocument[], endsOf: (document: FlowDocument) => LinkEndsOf = toBorderEnds): Problem[] {
  const ends = documents.map(endsOf)
  if (!ends.some(({ entries, exits }) => [...entries, ...exits].some(({ organisation }) => organisation !== undefined))) return []
  const entries = new Map(ends.flatMap((one) => one.entries.map((end) => [end.id, end] as const)))
  const exits = new Map(ends.flatMap((one) => one.exits.map((end) => [end.id, end] as const)))
  const problems: Problem[] = []
  for (const exit of exits.values()) {
    for (const id of exit.links) {
      const entry = entries.get(id)
      if (!entry || exit.organisation === undefined || isOpen(exit, entry) || (exit.type === 'link out' && entry.links.has(exit.id))) continue
      problems.push(foreign(exit, 'leads to a node of another organisation'))
      break
    }
  }
  for (const entry of entries.values()) {
    if (entry.type === policyType || entry.type === subFlowInType) continue
    for (const id of entry.links) {
      const exit = exits.get(id)
      if (!exit || isOpen(exit, entry) || exit.links.has(entry.id)) continue
      problems.push(foreign(entry, 'takes the messages of a link out node that is not of its organisation and does not lead to it'))
      break
    }
  }
  return problems
}

/** Whether anybody may lead there from here. */
function isOpen(exit: End, entry: End): boolean {
  return entry.organisation === undefined || entry.organisation === exit.organisation
}

function foreign({ id, type, name, flow }: End, what: string): Problem {
  return {
    severity: 'error', code: 'link.foreign', flow, node: id,
    message: `${nameOf({ id, type, name })} ${what}.`,
    remedy: 'Remove this link. Two organisations share a flow when it lies on a tab that belongs to none, or when both link nodes name each other.',
  }
}
