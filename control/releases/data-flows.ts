import { createAssembler } from '../../runtime/compile/assemble.ts'
import { createCatalogue, type NotYet } from '../../runtime/compile/catalogue.ts'
import { type DataFlow, toDataFlows } from '../../runtime/compile/labels/data-flow.ts'
import type { NodeDefinition } from '../../runtime/core/node.ts'
import type { Revision } from '../../runtime/core/release.ts'
import type { Actor, DataFlows, FlowRights } from '../contract.ts'

export interface DataFlowsParts {
  readonly definitions: readonly NodeDefinition[]
  readonly notYet?: readonly NotYet[] | undefined
  /** What is live. */
  current(): { readonly revisions: readonly Revision[] } | undefined
  rights(by: Actor): Promise<FlowRights>
}

/** Where labelled data goes, as the live flows are drawn. Looked for when first asked after a deploy. */
export function createDataFlows({ definitions, notYet, current, rights }: DataFlowsParts): DataFlows {
  let assemble: ReturnType<typeof createAssembler> | undefined
  let found: { readonly of: object; readonly flows: readonly DataFlow[] } | undefined
  return {
    async list(by) {
      const release = current()
      if (!release) return []
      if (found?.of !== release) {
        assemble ??= createAssembler(createCatalogue(definitions, notYet))
        found = { of: release, flows: toDataFlows(assemble(release.revisions, true)) }
      }
      const { mayRead } = await rights(by)
      return found.flows.filter(({ flow }) => mayRead(flow))
    },
  }
}
