import { tabProperties, tabProperty } from '../../runtime/core/tab-properties.ts'
import type { EditorNode, FlowDocument } from '../../runtime/core/flow.ts'
import type { Access } from '../consumers/rights.ts'

type FlowAccess = Pick<Access, 'everywhere' | 'organisations' | 'may'>

/** The organisation that a tab or subflow names; `undefined`: nobody's, as the global config nodes always are. */
export function organisationOf(document: Pick<FlowDocument, 'nodes' | 'kind'>): string | undefined {
  const [head] = document.nodes
  return document.kind === 'global' || head === undefined ? undefined : tabProperty(head, tabProperties.organisation)
}

/** Organisations that somebody may draw for. */
export function drawnFor(access: FlowAccess): string[] {
  return [...access.organisations].filter(([, rights]) => rights.has('flows.write')).map(([id]) => id)
}

/** Whether somebody has the right on any flow at all. */
export function hasAnywhere(access: FlowAccess, right: 'flows.read' | 'flows.write'): boolean {
  return access.everywhere.has(right) || [...access.organisations.values()].some((rights) => rights.has(right))
}

const subflowPrefix = 'subflow:'

/**
 * Ids of the documents that somebody may see: all who read everywhere; else those of his organisations, what is nobody's, and
 * the subflows that these use, without which they could not be shown.
 */
export function visibleDocuments(documents: readonly FlowDocument[], access: FlowAccess): ReadonlySet<string> {
  if (access.everywhere.has('flows.read')) return new Set(documents.map(({ id }) => id))
  const byId = new Map(documents.map((document) => [document.id, document]))
  const visible = new Set<string>()
  const see = (document: FlowDocument): void => {
    if (visible.has(document.id)) return
    visible.add(document.id)
    for (const { type } of document.nodes) {
      const used = type.startsWith(subflowPrefix) ? byId.get(type.slice(subflowPrefix.length)) : undefined
      if (used) see(used)
    }
  }
  for (const document of documents) {
    const organisation = organisationOf(document)
    if (organisation === undefined || access.may('flows.read', organisation)) see(document)
  }
  return visible
}

/** Where every node lies, by id; a document by its own id too. */
export function toHomes(documents: readonly FlowDocument[]): ReadonlyMap<string, FlowDocument> {
  const homes = new Map<string, FlowDocument>()
  for (const document of documents) {
    homes.set(document.id, document)
    for (const { id } of document.nodes) homes.set(id, document)
  }
  return homes
}

/**
 * Puts what somebody did not see back between what he sent: each run of unseen nodes behind the node that it lay behind, or
 * behind the nearest one before that which is still there. Sending back what was seen gives the whole as it was.
 */
export function putBack(whole: readonly EditorNode[], sent: readonly EditorNode[], isSeen: (node: EditorNode) => boolean): EditorNode[] {
  const present = new Set(sent.map(({ id }) => id))
  const behind = new Map<string | undefined, EditorNode[]>()
  let anchor: string | undefined
  for (const node of whole) {
    if (isSeen(node)) {
      if (present.has(node.id)) anchor = node.id
      continue
    }
    const run = behind.get(anchor)
    if (run) run.push(node)
    else behind.set(anchor, [node])
  }
  return [...(behind.get(undefined) ?? []), ...sent.flatMap((node) => [node, ...(behind.get(node.id) ?? [])])]
}

/** A tab or subflow with the organisation written into it; in a subflow hidden from the forms of its instances. */
export function withOrganisation(head: EditorNode, organisation: string): EditorNode {
  const entry = { name: tabProperties.organisation, value: organisation, type: 'str', ...(head.type === 'subflow' ? { ui: { type: 'hide' } } : {}) }
  const others = (Array.isArray(head.env) ? (head.env as unknown[]) : []).filter((one) => (one as { name?: unknown } | null)?.name !== tabProperties.organisation)
  return { ...head, env: [...others, entry] }
}
