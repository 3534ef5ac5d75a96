import type { EditorNode, Problem } from '../core/flow.ts'
import type { NodeDefinition } from '../core/node.ts'
import { createAssembler } from './assemble.ts'
import { createCatalogue, type NotYet } from './catalogue.ts'
import { hashDocument } from './hash.ts'
import { readNodes } from './read-nodes.ts'
import { splitFlows } from './split.ts'

/** Everything that can be said about flow JSON without running it. Errors refuse a deploy. Never throws. */
export function checkFlows(json: unknown, definitions: readonly NodeDefinition[], notYet: readonly NotYet[] = []): Problem[] {
  const { nodes, problems } = readNodes(json)
  const assemble = createAssembler(createCatalogue(definitions, notYet))
  return [...problems, ...assemble(toRevisions(nodes)).problems]
}

/** Flow JSON as content-hashed documents. */
export function toRevisions(nodes: readonly EditorNode[]) {
  return splitFlows(nodes).map((document) => ({ hash: hashDocument(document), document }))
}
