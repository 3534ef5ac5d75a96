import type { Route, RouteClaim } from '../core/deployment.ts'
import type { Entry } from '../core/entry.ts'
import type { FlowDocument, Problem } from '../core/flow.ts'
import type { LabelMap } from '../core/labels/label-map.ts'
import type { Revision } from '../core/release.ts'
import { RunMarks } from '../core/run-marks.ts'
import { perObject } from '../core/values/per-object.ts'
import type { Catalogue } from './catalogue.ts'
import { checkBorders, toBorderEnds } from './check-borders.ts'
import { checkDocument, judgeConfig } from './check-document.ts'
import { checkIds, jointIds } from './check-ids.ts'
import { createRouteCheck, routeKey } from './check-routes.ts'
import { checkGraph } from './check-graph.ts'
import { checkLentCredentials } from './check-lent-credentials.ts'
import { checkVaultNames, vaultNamesOf, type UsedVaultName } from './check-vault-names.ts'
import { globalEnv, lookUpEnv, substituteProperties } from './env.ts'
import { toEstate, toLinkEnds } from './estate.ts'
import { expand, maxCopies } from './expand.ts'
import { createGuard, type IsGuarded } from './guard.ts'
import type { EnvEntry, Estate, Flow } from './flow.ts'
import { sha256 } from './hash.ts'
import { createLabelCheck } from './labels/check-labels.ts'
import { withLinkedClaims } from './linked-claims.ts'
import { withStandIns } from './secret-places.ts'
import { tabPriority } from './tab-priority.ts'
import { pinnedCallsOf } from './pinned-flow.ts'
import { subFlowInType, subFlowType } from './sub-flow-types.ts'
import { tabVersion } from './tab-version.ts'
import { organisationOf } from './organisation-of.ts'
import { policiesByOrganisation, policyText, policyType, readPolicies, wrapFlow, type GlobalPolicy } from './policies.ts'

/** A flow with its configs filled in, checked as far as it can be without running anything. */
export interface AssembledFlow {
  /** Changes when anything the flow is made of changes: its tab, its subflows, global config and environment, the links that other tabs claim, and the policies around it. */
  readonly key: string
  readonly revision: string
  readonly flow: Flow
  /** Config by expanded node id, for nodes that have a definition. */
  readonly configs: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  readonly entries: readonly { readonly node: string; readonly entry: Entry }[]
  /** The HTTP entries, and for each a key that is equal when two would answer the same requests. */
  readonly routes: readonly Route[]
  readonly routeKeys: readonly string[]
  /** Where its own nodes look for who calls. */
  readonly claims: readonly RouteClaim[]
  /** Its link in nodes and the beginnings of its global policies, which other tabs may lead to. */
  readonly linkIns: readonly string[]
  /** Whether a link of it may lead to another tab. */
  readonly leadsOut: boolean
  /** Whether a link that is drawn in it may lead to another tab; calls of global policies are left out. */
  readonly linksOut: boolean
  /** Global policies that run around it. */
  readonly around: readonly string[]
  /** Nodes that global policies begin with. */
  readonly policies: readonly string[]
  /** Nodes that its subflow instances became. */
  readonly copies: number
  /** Labels that messages may carry to its nodes, and to or from them, by expanded id. Absent: none come to any. */
  readonly labels?: ReadonlyMap<string, { readonly incoming: LabelMap; readonly around: LabelMap }>
  /** Domains and keys of the vault that its nodes name. */
  readonly vaultNames: readonly UsedVaultName[]
  readonly problems: readonly Problem[]
}

export interface AssemblerOptions {
  /** `forbid`: a route that asks nobody who calls is an error, not a warning. */
  readonly publicRoutes?: 'allow' | 'forbid'
  /** Whether shared credentials that flows of organisations send where they like are a problem (default `report`); a gateway goes on with them. */
  readonly lent?: 'report' | 'pass'
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
export function createAssembler(catalogue: Catalogue, process: Readonly<Record<string, string>> = {}, { publicRoutes = 'allow', lent = 'report' }: AssemblerOptions = {}) {
  let documentsSeen = new Map<string, readonly Problem[]>()
  let flowsSeen = new Map<string, AssembledFlow>()
  const graphs = new WeakMap<AssembledFlow, readonly Problem[]>()
  const lentSeen = new WeakMap<AssembledFlow, readonly Problem[]>()
  const subflowIdsOf = perObject(({ nodes }: FlowDocument) => nodes.flatMap(({ type }) => (type.startsWith('subflow:') ? [type.slice('subflow:'.length)] : [])))
  const linkEndsOf = perObject(toLinkEnds)
  const policiesOf = perObject((document: FlowDocument) => readPolicies(document, catalogue))
  const borderEndsOf = perObject(toBorderEnds)
  const jointIdsOf = perObject(jointIds)
  /** The tabs of the policies with which a flow's routes were judged. */
  const judgedWith = new WeakMap<AssembledFlow, readonly AssembledFlow[]>()
  const checkLabels = createLabelCheck()
  const checkRoutes = createRouteCheck()

  return function assemble(revisions: readonly Revision[], checked = false): Assembly {
    const documents = revisions.map((revision) => revision.document)
    const hashes = new Map(revisions.map((revision) => [revision.document.id, revision.hash]))
    const estate = toEstate(documents, linkEndsOf)
    const global = globalEnv(estate)
    const globalHash = hashes.get('global') ?? ''
    const problems: Problem[] = []

    const documentsNow = new Map<string, readonly Problem[]>()
    for (const { hash, document } of revisions) {
      const key = `${hash}:${globalHash}`
      const found = documentsSeen.get(key) ?? checkDocument(document, estate, catalogue, checked)
      documentsNow.set(key, found)
      problems.push(...found)
    }

    const policies = documents.flatMap((document) => {
      const found = policiesOf(document)
      problems.push(...found.problems)
      return found.policies
    })
    const around = policiesByOrganisation(policies)

    const flowsNow = new Map<string, AssembledFlow>()
    let room = maxCopies
    const bare = revisions
      .filter((revision) => revision.document.kind === 'tab')
      .map(({ hash, document }) => {
        const used = subflowsOf(document, estate)
        const subflows = used.map((id) => `${id}=${hashes.get(id) ?? ''}`)
        const pins = [document, ...used.flatMap((id) => estate.subflows.get(id) ?? [])].flatMap(pinnedCallsOf).map(({ target, pin }) => `${pin}@${estate.called(target, pin)}`)
        const links = linkEndsOf(document).outs.map((id) => `${id}>${estate.claimedLinks(id).join()}`)
        const own = around.size === 0 ? noPolicies : policiesAround(document, around)
        const key = sha256([hash, globalHash, ...subflows, ...links, ...pins, ...own.map(policyText)].join(' '))
        const assembled = flowsSeen.get(key) ?? assembleFlow(key, hash, document, estate, global, room, own)
        // One that found no room might find it beside other flows: it is looked at again next time.
        if (assembled.copies <= room) flowsNow.set(key, assembled)
        room = Math.max(0, room - assembled.copies)
        return assembled
      })
    documentsSeen = documentsNow
    flowsSeen = flowsNow

    const linkIns = new Map<string, AssembledFlow>()
    for (const assembled of bare) for (const id of assembled.linkIns) linkIns.set(id, assembled)
    const isGuarded = createGuard(linkIns)
    const flows = bare.map((assembled) => {
      const tabs = assembled.around.map((id) => linkIns.get(id) as AssembledFlow)
      const before = judgedWith.get(assembled)
      if (before?.every((tab, index) => tab === tabs[index])) return assembled
      const judged = withLinkedClaims(withGuards(assembled, isGuarded), linkIns)
      if (judged !== assembled && flowsNow.get(assembled.key) === assembled) flowsNow.set(assembled.key, judged)
      if (!judged.linksOut && tabs.every(({ linksOut }) => !linksOut)) judgedWith.set(judged, tabs)
      return judged
    })
    for (const assembled of flows) {
      const seen = graphs.get(assembled)
      const found = seen ?? checkGraph(assembled, linkIns, publicRoutes)
      // What leads to other tabs has to be looked at again whenever any tab changed.
      if (!seen && !assembled.linksOut) graphs.set(assembled, found)
      problems.push(...assembled.problems, ...found)
      if (lent === 'report') {
        const told = lentSeen.get(assembled) ?? checkLentCredentials(assembled, estate, { credentials: {}, process, global })
        lentSeen.set(assembled, told)
        problems.push(...told)
      }
    }
    const labelled = checkLabels(flows, linkIns)
    problems.push(...labelled.problems, ...checkRoutes(flows), ...checkBorders(documents, borderEndsOf), ...checkIds(documents, flows, jointIdsOf))
    return { estate, flows: labelled.flows, problems: unique(problems), linkIns }
  }

  function assembleFlow(key: string, revision: string, document: FlowDocument, estate: Estate, global: readonly EnvEntry[], room: number, around: readonly GlobalPolicy[]): AssembledFlow {
    const expanded = expand(document, estate, catalogue, room)
    const { problems, copies } = expanded
    const configs = new Map<string, Record<string, unknown>>()
    const entries: { node: string; entry: Entry }[] = []
    const claims = new Map<string, RouteClaim>()
    const vaultNames: UsedVaultName[] = []
    for (const node of expanded.flow.nodes.values()) {
      const { definition } = node
      if (!definition) continue
      let substituted = false
      const look = (name: string) => {
        const value = lookUpEnv(node, name, { credentials: {}, process, global })
        if (value !== undefined) substituted = true
        return value
      }
      try {
        const configured = catalogue.configure(definition, substituteProperties(withStandIns(definition, node.properties), look) as Record<string, unknown>)
        const { config, errors } = configured
        configs.set(node.id, config)
        // What the editor wrote was judged by checkDocument; what the environment put in its place was not.
        if (substituted) problems.push(...judgeConfig({ ...node, id: node.origin.node }, definition, configured, node.origin, estate))
        if (errors.length > 0) continue
        if (definition.vaultNames) vaultNames.push(...vaultNamesOf(definition, config, node.origin))
        const made = definition.entry?.(config) ?? []
        for (const claim of definition.claims?.(config) ?? []) {
          const own: RouteClaim = claim.kind === 'key' || claim.kind === 'certificate' ? claim : { kind: claim.kind, node: node.id }
          claims.set(JSON.stringify(own), own)
        }
        for (const entry of Array.isArray(made) ? (made as readonly Entry[]) : [made as Entry]) entries.push({ node: node.id, entry })
      } catch {
        // So was a config that cannot even be read.
      }
    }
    const flow = around.length === 0 ? expanded.flow : wrapFlow(expanded.flow, entries, around)
    const nodes = [...flow.nodes.values()]
    const policies = policiesOf(document).policies.map(({ id }) => id)
    const isForeign = (id: string) => !flow.nodes.has(id)
    const outward = nodes.filter(({ type, links }) => (type === 'link out' || type === 'link call' || type === subFlowType) && links.some(isForeign))
    const version = tabVersion(document)
    const priority = tabPriority(document)
    const own = [...claims.values()]
    const organisation = organisationOf(document)
    problems.push(...checkVaultNames(vaultNames, organisation))
    const more = { ...(organisation === undefined ? {} : { organisation }), ...(version === undefined ? {} : { version }), ...(priority === undefined ? {} : { priority }), ...(own.length === 0 ? {} : { claims: own }) }
    const routes = entries.flatMap(({ node, entry }): Route[] => (entry.on === 'http' ? [{ entry, flow: document.id, node, revision, guarded: undefined, marks: new RunMarks(), ...more }] : []))
    return {
      key, revision, flow, configs, entries, routes, copies, vaultNames, problems, policies, claims: own,
      routeKeys: routes.map(({ entry }) => routeKey(entry, version)),
      linkIns: nodes.filter(({ type }) => type === 'link in' || type === policyType || type === subFlowInType).map(({ id }) => id),
      leadsOut: outward.length > 0,
      linksOut: outward.some(({ policyCall }) => !policyCall),
      around: around.map(({ id }) => id),
    }
  }

  /** The policies of a tab's organisation; none for a tab that holds policies itself. */
  function policiesAround(document: FlowDocument, around: ReadonlyMap<string, readonly GlobalPolicy[]>): readonly GlobalPolicy[] {
    const organisation = organisationOf(document)
    if (organisation === undefined || policiesOf(document).policies.length > 0) return noPolicies
    return around.get(organisation) ?? noPolicies
  }

  /** Every template a document uses, also inside others, sorted. */
  function subflowsOf(document: FlowDocument, estate: Estate, seen = new Set<string>()): string[] {
    for (const id of subflowIdsOf(document)) {
      if (seen.has(id)) continue
      seen.add(id)
      const template = estate.subflows.get(id)
      if (template) subflowsOf(template, estate, seen)
    }
    return [...seen].sort()
  }
}

const noPolicies: readonly GlobalPolicy[] = []

/** A flow whose routes say whether callers are asked; the same one when they said so already. What it is linked to does not change by that. */
function withGuards(assembled: AssembledFlow, isGuarded: IsGuarded): AssembledFlow {
  let changed = false
  const routes = assembled.routes.map((route) => {
    if (route.guarded !== undefined && !assembled.leadsOut) return route
    const guarded = isGuarded(route.node, assembled)
    if (guarded === route.guarded) return route
    changed = true
    return { ...route, guarded }
  })
  return changed ? { ...assembled, routes } : assembled
}

export type Assemble = ReturnType<typeof createAssembler>

/** A template used twice reports its problem once. */
function unique(problems: readonly Problem[]): Problem[] {
  const seen = new Map(problems.map((problem) => [`${problem.code} ${problem.flow} ${problem.node} ${problem.property} ${problem.message}`, problem]))
  return [...seen.values()]
}
