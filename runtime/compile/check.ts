import type { EditorNode, Problem } from '../core/flow.ts'
import type { NodeDefinition } from '../core/node.ts'
import { createAssembler } from './assemble.ts'
import { createCatalogue, type NotYet } from './catalogue.ts'
import { checkPastedSecrets } from './check-pasted-secrets.ts'
import { hashDocument } from './hash.ts'
import { readNodes } from './read-nodes.ts'
import { splitFlows } from './split.ts'

/** Everything that can be said about flow JSON without running it. Errors refuse a deploy. Never throws. */
export function checkFlows(json: unknown, definitions: readonly NodeDefinition[], notYet: readonly NotYet[] = []): Problem[] {
  return createCheck(definitions, notYet)(json)
}

/** {@link checkFlows} for many: validators are made once, and what was looked at before is known again. */
export function createCheck(definitions: readonly NodeDefinition[], notYet: readonly NotYet[] = []): (json: unknown) => Problem[] {
  const assemble = createAssembler(createCatalogue(definitions, notYet))
  return (json) => {
    const { nodes, problems } = readNodes(json)
    const revisions = toRevisions(nodes)
    return [...problems, ...assemble(revisions).problems, ...revisions.flatMap(({ document }) => checkPastedSecrets(document))]
  }
}

/** Flow JSON as content-hashed documents. */
export function toRevisions(nodes: readonly EditorNode[]) {
  return splitFlows(nodes).map((document) => ({ hash: hashDocument(document), document }))
}
