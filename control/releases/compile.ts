import { createAssembler, type AssemblerOptions } from '../../runtime/compile/assemble.ts'
import { createCatalogue, type NotYet } from '../../runtime/compile/catalogue.ts'
import { checkPastedSecrets } from '../../runtime/compile/check-pasted-secrets.ts'
import { readNodes } from '../../runtime/compile/read-nodes.ts'
import { splitFlows } from '../../runtime/compile/split.ts'
import type { EditorNode, FlowDocument, Problem } from '../../runtime/core/flow.ts'
import type { NodeDefinition } from '../../runtime/core/node.ts'
import type { Revision } from '../../runtime/core/release.ts'
import { asDrawn } from './find-pins.ts'

/** What control needs of the compiler. */
export interface Compile {
  read(nodes: unknown): { readonly nodes: readonly EditorNode[]; readonly problems: readonly Problem[] }
  split(nodes: readonly EditorNode[]): readonly FlowDocument[]
  /** Problems of a whole estate; may remember by content what it has looked at. */
  assemble(revisions: readonly Revision[]): readonly Problem[]
  /** Secrets that were pasted into a document. Gateways do not look: what runs is not ended because of them. */
  pasted?(document: FlowDocument): readonly Problem[]
}

/** Compiles all flows as gateways will, and opens nothing. */
export function createCompile(definitions: readonly NodeDefinition[], notYet: readonly NotYet[] = [], options: AssemblerOptions = {}): Compile {
  const assemble = createAssembler(createCatalogue(definitions, notYet), {}, options)
  const seen = new WeakMap<FlowDocument, readonly Problem[]>()
  return {
    read: readNodes,
    split: splitFlows,
    assemble: (revisions) => asDrawn(assemble(revisions).problems, revisions),
    pasted(document) {
      let found = seen.get(document)
      if (!found) seen.set(document, (found = checkPastedSecrets(document)))
      return found
    },
  }
}
