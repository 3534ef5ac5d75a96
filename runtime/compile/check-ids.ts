import type { FlowDocument, Problem } from '../core/flow.ts'
import type { AssembledFlow } from './assemble.ts'
import { pinOf } from './pinned-flow.ts'

/** Ids that we make of drawn ones hold one of these: copies of what lies in a subflow, earlier revisions, calls of global policies. */
const joint = /[-@:]/

/** Drawn ids that could be one of those; such as the editor makes never are. */
export function jointIds({ nodes }: FlowDocument): readonly string[] {
  return nodes.flatMap(({ id }) => (joint.test(id) ? [id] : []))
}

/**
 * Ids that stand for two nodes once subflows are copied: routes, links, context and buttons find a node by its id alone, so that one
 * flow would take the messages of another, which may be another organisation's.
 */
export function checkIds(documents: readonly FlowDocument[], flows: readonly AssembledFlow[], jointIdsOf: (document: FlowDocument) => readonly string[] = jointIds): Problem[] {
  const drawn = new Map<string, FlowDocument>()
  const problems = new Map<string, Problem>()
  const refuse = (id: string, document: FlowDocument) => void problems.set(id, toProblem(id, document))
  for (const document of documents) {
    for (const id of jointIdsOf(document)) {
      const other = drawn.get(id)
      // Nobody can change what an earlier revision is made of.
      if (other) refuse(id, pinOf(document) ? other : document)
      drawn.set(id, document)
    }
  }
  // Made of ids without a joint they differ as those do.
  if (drawn.size === 0) return []
  const made = new Set<string>()
  for (const { flow: { document, nodes } } of flows) {
    for (const [id, { origin }] of nodes) {
      if (!joint.test(id)) continue
      const home = drawn.get(id)
      if (!home) {
        if (made.has(id)) problems.set(id, toProblem(origin.node, document))
        made.add(id)
      } else if (home.id !== document.id) refuse(id, home) // a flow that is known already may come with another copy of its document
    }
  }
  return [...problems.values()]
}

function toProblem(id: string, document: FlowDocument): Problem {
  return {
    severity: 'error', code: 'node.same_id', flow: document.id, ...(id === document.id ? {} : { node: id }),
    message: `The id “${id}” is also that of a copy of a node in a subflow.`,
    remedy: 'Give it another one: copy it, which makes new ids, and delete this one.',
  }
}
