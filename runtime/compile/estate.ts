import type { EditorNode, FlowDocument } from '../core/flow.ts'
import type { Estate } from './flow.ts'

/** Indexes the documents of a release. The index of all records is made only when somebody asks. */
export function toEstate(documents: readonly FlowDocument[]): Estate {
  let records: Map<string, EditorNode> | undefined
  return {
    documents,
    subflows: new Map(documents.filter((document) => document.kind === 'subflow').map((document) => [document.id, document])),
    global: documents.find((document) => document.kind === 'global'),
    records: {
      get(id) {
        records ??= new Map(documents.flatMap((document) => document.nodes.map((node) => [node.id, node] as const)))
        return records.get(id)
      },
    },
  }
}
