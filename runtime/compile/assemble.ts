import type { Entry, HttpEntry } from '../core/entry.ts'
import type { Problem, FlowDocument } from '../core/flow.ts'
import type { Revision } from '../core/release.ts'
import type { Catalogue } from './catalogue.ts'
import { checkDocument } from './check-document.ts'
import { checkRoutes } from './check-routes.ts'
import { checkGraph } from './check-graph.ts'
import { globalEnv, lookUpEnv, substituteProperties } from './env.ts'
import { toEstate } from './estate.ts'
import { expand } from './expand.ts'
import type { EnvEntry, Estate, Flow } from './flow.ts'
import { sha256 } from './hash.ts'

/** A flow with its configs filled in, checked as far as it can be without running anything. */
export interface AssembledFlow {
  /** Changes when anything the flow is made of changes: its tab, its subflows, global config and environment. */
  readonly key: string
  readonly revision: string
  readonly flow: Flow
  /** Config by expanded node id, for nodes that have a definition. */
  readonly configs: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  readonly entries: readonly { readonly node: string; readonly entry: Entry }[]
  readonly problems: readonly Problem[]
}

export interface Assembly {
  readonly estate: Estate
  readonly flows: readonly AssembledFlow[]
  readonly problems: readonly Problem[]
  /** Of the document set: the id of a record → the flow it lies on. Only link in nodes are of interest across tabs. */
  readonly linkIns: ReadonlyMap<string, AssembledFlow>
}

/**
 * Makes assemblies of releases and remembers, by content, what it has assembled: the cost of a deploy
 * grows with what changed. `process` is the environment that flows may read.
 */
export function createAssembler(catalogue: Catalogue, process: Readonly<Record<string, string>> = {}) {
  let documentsSeen = new Map<string, readonly Problem[]>()
  let flowsSeen = new Map<string, AssembledFlow>()

  return function assemble(revisions: readonly Revision[]): Assembly {
    const documents = revisions.map((revision) => revision.document)
    const hashes = new Map(revisions.map((revision) => [revision.document.id, revision.hash]))
    const estate = toEstate(documents)
    const global = globalEnv(estate)
    const globalHash = hashes.get('global') ?? ''
    const problems: Problem[] = []

    const documentsNow = new Map<string, readonly Problem[]>()
    for (const { hash, document } of revisions) {
      const key = `${hash}:${globalHash}`
      const found = documentsSeen.get(key) ?? checkDocument(document, estate, catalogue)
      documentsNow.set(key, found)
      problems.push(...found)
    }

    const flowsNow = new Map<string, AssembledFlow>()
    const flows = revisions
      .filter((revision) => revision.document.kind === 'tab')
      .map(({ hash, document }) => {
        const key = sha256([hash, globalHash, ...usedSubflows(document, estate).map((id) => `${id}=${hashes.get(id) ?? ''}`)].join(' '))
        const assembled = flowsSeen.get(key) ?? assembleFlow(key, hash, document, estate, global)
        flowsNow.set(key, assembled)
        return assembled
      })
    documentsSeen = documentsNow
    flowsSeen = flowsNow

    const linkIns = new Map<string, AssembledFlow>()
    for (const assembled of flows) {
      for (const node of assembled.flow.nodes.values()) if (node.type === 'link in') linkIns.set(node.id, assembled)
    }
    for (const assembled of flows) problems.push(...assembled.problems, ...checkGraph(assembled, linkIns))
    problems.push(...checkRoutes(flows))
    return { estate, flows, problems: unique(problems), linkIns }
  }

  function assembleFlow(key: string, revision: string, document: FlowDocument, estate: Estate, global: readonly EnvEntry[]): AssembledFlow {
    const { flow, problems } = expand(document, estate, catalogue)
    const configs = new Map<string, Record<string, unknown>>()
    const entries: { node: string; entry: Entry }[] = []
    for (const node of flow.nodes.values()) {
      const { definition } = node
      if (!definition) continue
      const look = (name: string) => lookUpEnv(node, name, { credentials: {}, process, global })
      try {
        const { config } = catalogue.configure(definition, substituteProperties(node.properties, look) as Record<string, unknown>)
        configs.set(node.id, config)
        const made = definition.entry?.(config) ?? []
        for (const entry of Array.isArray(made) ? (made as readonly Entry[]) : [made as Entry]) entries.push({ node: node.id, entry })
      } catch {
        // A config that cannot even be read was reported by checkDocument, with the node to paint.
      }
    }
    return { key, revision, flow, configs, entries, problems }
  }
}

export type Assemble = ReturnType<typeof createAssembler>

/** HTTP entries of a flow, with the node each belongs to. */
export function httpEntries(assembled: AssembledFlow): { node: string; entry: HttpEntry }[] {
  return assembled.entries.filter((item): item is { node: string; entry: HttpEntry } => item.entry.on === 'http')
}

function usedSubflows(document: FlowDocument, estate: Estate, seen = new Set<string>()): string[] {
  for (const node of document.nodes) {
    if (!node.type.startsWith('subflow:')) continue
    const id = node.type.slice('subflow:'.length)
    if (seen.has(id)) continue
    seen.add(id)
    const template = estate.subflows.get(id)
    if (template) usedSubflows(template, estate, seen)
  }
  return [...seen].sort()
}

/** A template used twice reports its problem once. */
function unique(problems: readonly Problem[]): Problem[] {
  const seen = new Map(problems.map((problem) => [`${problem.code} ${problem.flow} ${problem.node} ${problem.property} ${problem.message}`, problem]))
  return [...seen.values()]
}
