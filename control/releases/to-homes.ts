import type { FlowDocument } from '../../runtime/core/flow.ts'

/** Where every node lies, by id; a document by its own id too. */
export function toHomes(documents: readonly FlowDocument[]): ReadonlyMap<string, FlowDocument> {
  const homes = new Map<string, FlowDocument>()
  for (const document of documents) {
    homes.set(document.id, document)
    for (const { id } of document.nodes) homes.set(id, document)
  }
  return homes
}
