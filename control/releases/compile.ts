import { createAssembler, type AssembledFlow, type AssemblerOptions } from '../../runtime/compile/assemble.ts'
import { createCatalogue, type NotYet } from '../../runtime/compile/catalogue.ts'
import type { UsedVaultName } from '../../runtime/compile/check-vault-names.ts'
import { lentCredentials } from '../../runtime/compile/check-lent-credentials.ts'
import { checkPastedSecrets } from '../../runtime/compile/check-pasted-secrets.ts'
import { findOverlaps, type Overlap } from '../../runtime/compile/find-overlaps.ts'
import { createNodesReader } from '../../runtime/compile/read-nodes.ts'
import { splitFlows } from '../../runtime/compile/split.ts'
import type { EditorNode, FlowDocument, Problem } from '../../runtime/core/flow.ts'
import type { NodeDefinition } from '../../runtime/core/node.ts'
import type { Revision } from '../../runtime/core/release.ts'
import { perObject } from '../../runtime/core/values/per-object.ts'
import { asDrawn } from './find-pins.ts'

/** What control needs of the compiler. */
export interface Compile {
  read(nodes: unknown): { readonly nodes: readonly EditorNode[]; readonly problems: readonly Problem[] }
  split(nodes: readonly EditorNode[]): readonly FlowDocument[]
  /** Problems of a whole estate; may remember by content what it has looked at. */
  assemble(revisions: readonly Revision[]): readonly Problem[]
  /** Domains and keys of the vault that the flows of an estate name. */
  vaultNames?(revisions: readonly Revision[]): readonly UsedVaultName[]
  /** Secrets that were pasted into a document. Gateways do not look: what runs is not ended because of them. */
  pasted?(document: FlowDocument): readonly Problem[]
  /** Shared credentials that flows of an organisation send where they like. Gateways go on with them, for the same reason. */
  lent?(revisions: readonly Revision[]): readonly Problem[]
  /** Routes of different owners that one call could mean. Gateways go on with them as well. */
  overlaps?(revisions: readonly Revision[]): readonly Overlap[]
}


interface Look {
  readonly problems: readonly Problem[]
  readonly lent: readonly Problem[]
  readonly vaultNames: readonly UsedVaultName[]
  readonly flows: readonly AssembledFlow[]
}

/** Compiles all flows as gateways will, and opens nothing. */
export function createCompile(definitions: readonly NodeDefinition[], notYet: readonly NotYet[] = [], options: AssemblerOptions = {}): Compile {
  const assemble = createAssembler(createCatalogue(definitions, notYet), {}, options)
  /** One look at an estate answers all that is asked of it. */
  const look = perObject((revisions: readonly Revision[]): Look => {
    const { problems: all, flows } = assemble(revisions)
    const problems = asDrawn(all, revisions)
    const isLent = ({ code }: Problem) => code === lentCredentials
    return { problems: problems.filter((one) => !isLent(one)), lent: problems.filter(isLent), vaultNames: flows.flatMap(({ vaultNames }) => vaultNames), flows }
  })
  return {
    read: createNodesReader(),
    split: splitFlows,
    assemble: (revisions) => look(revisions).problems,
    vaultNames: (revisions) => look(revisions).vaultNames,
    lent: (revisions) => look(revisions).lent,
    overlaps: (revisions) => findOverlaps(look(revisions).flows),
    pasted: perObject(checkPastedSecrets),
  }
}
