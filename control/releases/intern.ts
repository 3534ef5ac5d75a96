import { sha256 } from '../../runtime/compile/hash.ts'
import { toDocumentText } from '../../runtime/compile/document-text.ts'
import type { EditorNode, FlowDocument } from '../../runtime/core/flow.ts'
import type { Revision } from '../../runtime/core/release.ts'
import { Refused } from '../contract.ts'
import { sameJson } from '../same-json.ts'
import { deepFreeze } from './deep-freeze.ts'
import { isDeeperThan } from './is-deeper-than.ts'

/** Deeper than anything drawn or typed; what walks a document recursively stays far from the stack's end. */
const deepest = 200

/** A revision with the text its hash was made from, when it was made now. */
export interface Interned {
  readonly revision: Revision
  readonly text?: string
}

/**
 * Gives documents their hashes, reusing revisions that are known: comparing with what is there costs a
 * tenth of writing and hashing it again, and equal content stays one object for everybody behind.
 */
export function internDocuments(documents: readonly FlowDocument[], known: ReadonlyMap<string, Revision>): Interned[] {
  return documents.map((document) => {
    const before = known.get(document.id)
    if (before && sameDocument(before.document, document)) return { revision: before }
    if (isDeeperThan(document.nodes, deepest)) throw tooDeep(document)
    const fresh = deepFreeze({ ...document, nodes: internNodes(document.nodes, before?.document.nodes ?? []) })
    const text = toDocumentText(fresh)
    return { revision: { hash: sha256(text), document: fresh }, text }
  })
}

function sameDocument(a: FlowDocument, b: FlowDocument): boolean {
  return a.kind === b.kind && a.label === b.label && sameJson(a.nodes, b.nodes)
}

function internNodes(nodes: readonly EditorNode[], before: readonly EditorNode[]): EditorNode[] {
  const byId = new Map(before.map((node) => [node.id, node]))
  return nodes.map((node) => {
    const known = byId.get(node.id)
    return known && sameJson(known, node) ? known : node
  })
}

function tooDeep(document: FlowDocument): Refused {
  const node = document.nodes.find((item) => isDeeperThan(item, deepest))
  const message = `A node of “${document.label}” holds values nested more than ${deepest} levels deep.`
  const remedy = 'Make the node’s properties flatter.'
  return new Refused('deploy.refused', 422, message, [
    { severity: 'error', code: 'node.too_deep', flow: document.id, ...(node ? { node: node.id } : {}), message, remedy },
  ])
}
