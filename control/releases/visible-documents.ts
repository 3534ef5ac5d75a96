import { organisationOf } from '../../runtime/compile/organisation-of.ts'
import type { FlowDocument } from '../../runtime/core/flow.ts'
import { maySeeFlowsOf, type FlowAccess } from './ownership.ts'

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
    if (maySeeFlowsOf(access, organisationOf(document))) see(document)
  }
  return visible
}
