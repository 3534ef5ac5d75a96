import type { FlowDocument } from '../core/flow.ts'

/** The text whose SHA-256 is a document's content hash: what the store keeps and what travels to gateways. */
export function toDocumentText(document: FlowDocument): string {
  return JSON.stringify([document.id, document.kind, document.label, document.nodes])
}

/** The document a text was made from. @throws SyntaxError or TypeError when it is not such a text */
export function parseDocumentText(text: string): FlowDocument {
  const value = JSON.parse(text) as unknown
  if (!Array.isArray(value) || value.length !== 4 || !Array.isArray(value[3])) throw new TypeError('not a flow document')
  const [id, kind, label, nodes] = value as [string, FlowDocument['kind'], string, FlowDocument['nodes']]
  return { id, kind, label, nodes }
}
