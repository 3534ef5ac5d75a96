import { organisationOf } from '../../runtime/compile/organisation-of.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { EditorNode, FlowDocument, Problem } from '../../runtime/core/flow.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Revision } from '../../runtime/core/release.ts'
import type { Audit } from '../audit.ts'
import type { Access } from '../consumers/rights.ts'
import { Refused, type Actor, type DeployResult, type Doer, type FlowRights, type Flows, type Releases } from '../contract.ts'
import { extractCredentials, toEditorView, type CredentialKinds } from '../credentials/extract.ts'
import type { CredentialMap, KeptCredentials } from '../credentials/kept-credentials.ts'
import type { ReleaseSigner } from '../keys/key-files.ts'
import { createSerial } from '../serial.ts'
import type { CasesGate } from '../watch/gate.ts'
import type { RevisionRow } from '../store/schema.ts'
import { sameJson } from '../same-json.ts'
import type { Store } from '../store/store.ts'
import { bringBack } from './bring-back.ts'
import { toReleaseInfo, toChanges } from './changes.ts'
import type { Compile } from './compile.ts'
import { emptyRev, loadRelease, makeRelease, type LoadedRelease } from './current.ts'
import { parseDocumentText } from '../../runtime/compile/document-text.ts'
import { notSecretOf } from '../../runtime/compile/check-pasted-secrets.ts'
import { drawnId, pinOf } from '../../runtime/compile/pinned-flow.ts'
import { deepFreeze } from './deep-freeze.ts'
import { findClaimed, type FlowClaim } from './find-claimed.ts'
import { createKeptProblems } from './find-kept.ts'
import { findForeign } from './find-foreign.ts'
import { asDrawn, findPins, withPinnedCredentials } from './find-pins.ts'
import { findMissing, type NamedInVault } from './find-missing.ts'
import { findUnknown } from './find-unknown.ts'
import { internDocuments, type Interned } from './intern.ts'
import { drawnFor, hasAnywhere, maySeeFlowsOf, withOrganisation } from './ownership.ts'
import { putBack } from './put-back.ts'
import { nameNotPublic, type FlowVisibility } from './not-public.ts'
import type { Rollout } from './rollout.ts'
import { toCalls } from './sub-flow-calls.ts'
import { toHomes } from './to-homes.ts'
import { toTouches, type Touch } from './touches.ts'
import { toLabelReleases } from './label-releases.ts'
import { keepUnchanged } from './unchanged.ts'
import { unlikeProblems } from './unlike-problems.ts'
import { visibleDocuments } from './visible-documents.ts'

export interface ReleasesParts {
  readonly store: Store
  readonly kept: KeptCredentials
  readonly compile: Compile
  readonly signer: ReleaseSigner
  readonly rollout: Rollout
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
  /** `undefined`: a type nobody declared; `null`: declared without credentials. */
  kindsOf(type: string): CredentialKinds | null | undefined
  /** The roles of a person, now. */
  accessOf(by: Actor): Promise<Access>
  /** API records that are not retired and name one of these flows. */
  claimsOf(flows: readonly string[]): Promise<readonly FlowClaim[]>
  /** API records that name one of these flows, and who may see them. */
  visibilityOf(flows: readonly string[]): Promise<readonly FlowVisibility[]>
  /** Which of these organisations there are. */
  organisationsOf(ids: readonly string[]): Promise<ReadonlySet<string>>
  /** Domains and keys that the vault has, for who deploys what names them; and for who only looks, which starts no vault. */
  readonly namedInVault: { readonly deploying: NamedInVault; readonly looking: NamedInVault }
  /** What the cases of flows have to say to a deploy. */
  readonly casesGate: CasesGate
  /** Told once the release is current. */
  announce(release: LoadedRelease, user: string): void
}

/** What is to go live: documents with their hashes, the editor's list, and who wants it. */
interface Plan {
  readonly nodes: readonly EditorNode[]
  readonly documents: readonly Interned[]
  readonly credentials: CredentialMap
  readonly warnings: readonly Problem[]
  /** What is found while gateways get ready; never rejects. */
  readonly doubts: Promise<readonly Problem[]>
  readonly user: Doer
  readonly comment: string
  readonly rollbackOf?: number
  readonly broughtBack?: { readonly flow: string; readonly release: number }
  readonly given?: Readonly<Record<string, string>>
  /** Documents that whoever deploys may see; absent: all. */
  readonly visible?: ReadonlySet<string> | undefined
}

/** The history of what ran, and the one way to change what runs. One deploy at a time. */
export async function openReleases(parts: ReleasesParts) {
  const { store, kept, compile, signer, rollout, audit, clock, log, kindsOf } = parts
  const inTurn = createSerial()
  const keptProblems = createKeptProblems(compile)
  const newest = await store.releases.newest()
  let current: LoadedRelease | undefined = newest && (await loadRelease(store, newest))

  const known = (release = current) => new Map(release?.revisions.map((revision) => [revision.document.id, revision]))

  /** What somebody drew, without the revisions that are kept for who is pinned to them. */
  const drawn = (revisions: readonly Revision[] = current?.revisions ?? []) => revisions.filter(({ document }) => pinOf(document) === undefined)

  /** Revisions of a flow that were ever deployed, by the beginning of their hash. */
  async function loadRevision(flow: string, beginning: string): Promise<Revision | undefined> {
    const row = await store.revisions.begins(flow, beginning)
    return row && { hash: row.hash, document: deepFreeze(parseDocumentText(row.document)) }
  }

  /** Documents as they are to be deployed: those that are drawn, and the earlier revisions that calls are pinned to. @throws Refused `deploy.refused` */
  async function withPins(documents: readonly Interned[]): Promise<readonly Interned[]> {
    const revisions = documents.map(({ revision }) => revision)
    const reserved = revisions.find(({ document }) => document.nodes[0]?.pinOf !== undefined)
    if (reserved) throw refused([{ severity: 'error', code: 'flow.reserved', flow: reserved.document.id, message: `“${reserved.document.label}” says of itself that it is a revision of another flow.`, remedy: 'Remove the property pinOf of the tab.' }])
    const pins = await findPins(revisions, { live: current?.revisions ?? [], load: loadRevision })
    refuseErrors(pins.problems)
    return pins.documents.length === 0 ? documents : [...documents, ...internDocuments(pins.documents, known())]
  }

  async function compiled(nodes: readonly EditorNode[]) {
    const documents = await withPins(internDocuments(compile.split(nodes), known()))
    const revisions = documents.map(({ revision }) => revision)
    return { documents, toRun: revisions, problems: compile.assemble(revisions), missing: () => missingIn(revisions, parts.namedInVault.looking) }
  }

  /** Doubts about names that the vault does not know. */
  async function missingIn(revisions: readonly Revision[], named: NamedInVault): Promise<readonly Problem[]> {
    return asDrawn(await findMissing(compile.vaultNames?.(revisions) ?? [], named), revisions)
  }

  const pinnedIn = (documents: readonly Interned[]) => documents.flatMap(({ revision: { document } }) => (pinOf(document) ? [document] : []))
  const documentsNow = () => drawn().map(({ document }) => document)
  let homesOf: { readonly release: LoadedRelease | undefined; readonly homes: ReturnType<typeof toHomes> } | undefined

  /** Where the nodes of what is live lie; made when somebody is first asked about. */
  function homes() {
    if (homesOf?.release !== current || !homesOf) homesOf = { release: current, homes: toHomes(documentsNow()) }
    return homesOf.homes
  }

  /** The document of a node; of one within an instance of a subflow (`instance-node`) that where the instance lies. */
  function homeOf(id: string) {
    const exact = homes().get(id) ?? homes().get(drawnId(id))
    if (exact) return exact
    // The longest name that is known: a shorter one may be somebody else's.
    for (let dash = id.lastIndexOf('-'); dash > 0; dash = id.lastIndexOf('-', dash - 1)) {
      const home = homes().get(id.slice(0, dash))
      if (home) return home
    }
    return undefined
  }

  /** @throws Refused `auth.role` when the right is held for nothing at all */
  async function accessFor(by: Actor, right: 'flows.read' | 'flows.write'): Promise<Access> {
    const access = await parts.accessOf(by)
    if (!hasAnywhere(access, right)) throw new Refused('auth.role', 403, right === 'flows.read' ? 'You may not see flows.' : 'You may not change flows.')
    return access
  }

  /** What somebody sees; `undefined`: everything. */
  const seenBy = (access: Access | undefined) => (access && !access.everywhere.has('flows.read') ? visibleDocuments(documentsNow(), access) : undefined)
  const isSeen = (visible: ReadonlySet<string>) => (node: EditorNode) => visible.has(homes().get(node.id)?.id ?? '')

  /** What was read of the sender, with what he did not see. */
  function whole(nodes: readonly EditorNode[], visible: ReadonlySet<string> | undefined): readonly EditorNode[] {
    if (!visible) return nodes
    const hidden = documentsNow().find(({ id, kind }) => kind === 'subflow' && !visible.has(id) && nodes.some(({ type }) => type === `subflow:${id}`))
    const node = hidden && nodes.find(({ type }) => type === `subflow:${hidden.id}`)
    if (node) {
      const message = 'This is an instance of a subflow of another organisation.'
      throw notYours([{ severity: 'error', code: 'deploy.not_yours', ...(node.z === undefined ? {} : { flow: node.z }), node: node.id, message, remedy: 'Remove it.' }])
    }
    const all = compile.read(putBack(current?.nodes ?? [], nodes, isSeen(visible)))
    refuseErrors(all.problems)
    return all.nodes
  }

  /** Tabs and subflows that say not whose they are go to the one organisation that somebody draws for; those that were there stay where they were. */
  function giveHomes(nodes: readonly EditorNode[], access: Access, overwrites: boolean): { nodes: readonly EditorNode[]; given: Readonly<Record<string, string>> } {
    const own = drawnFor(access)
    const before = known()
    const given: Record<string, string> = {}
    const result = nodes.map((node) => {
      if ((node.type !== 'tab' && node.type !== 'subflow') || organisationOf({ kind: 'tab', nodes: [node] }) !== undefined) return node
      const old = before.get(node.id)?.document
      const to = old ? organisationOf(old) : own.length === 1 ? own[0] : undefined
      // One that was there and lost its entry was taken out on purpose, unless its environment was not spoken of at all.
      if (to === undefined || !access.may('flows.write', to) || (old && node.env !== undefined && !overwrites)) return node
      Object.defineProperty(given, node.id, { value: to, enumerable: true })
      return withOrganisation(node, to)
    })
    return { nodes: result, given }
  }

  /** @throws Refused when somebody may not do this, or when an API record stands against it */
  async function admit(touches: readonly Touch[], access: Access | undefined, visible: ReadonlySet<string> | undefined): Promise<void> {
    if (access) {
      const problems = findForeign(touches, access, visible ?? new Set(documentsNow().map(({ id }) => id)))
      if (problems.length > 0) throw notYours(problems)
    }
    const problems = await findClaimed(touches, parts.claimsOf)
    if (problems.length > 0) throw new Refused('deploy.claimed', 422, `The deploy was refused: ${problems[0]!.message} What is live stays as it was.`, problems)
  }

  const flows: Flows = {
    async current(by) {
      const visible = by && seenBy(await accessFor(by, 'flows.read'))
      const nodes = current?.nodes ?? []
      return { nodes: visible ? nodes.filter(isSeen(visible)) : nodes, rev: current?.rev ?? emptyRev }
    },
    async rights(by): Promise<FlowRights> {
      const access = await parts.accessOf(by)
      let seen: { readonly release: LoadedRelease | undefined; readonly visible: ReadonlySet<string> } | undefined
      const visible = () => {
        if (!seen || seen.release !== current) seen = { release: current, visible: visibleDocuments(documentsNow(), access) }
        return seen.visible
      }
      const may = (right: 'flows.read' | 'flows.write', id: string | undefined, allows: (id: string) => boolean) =>
        access.everywhere.has(right) || (id === undefined ? hasAnywhere(access, right) : allows(id))
      return {
        readsEverything: access.everywhere.has('flows.read'),
        writesEverything: access.everywhere.has('flows.write'),
        mayRead: (id) => may('flows.read', id, (one) => hasAnywhere(access, 'flows.read') && visible().has(homeOf(one)?.id ?? '')),
        mayWrite: (id) =>
          may('flows.write', id, (one) => {
            const home = homeOf(one)
            return home !== undefined && access.may('flows.write', organisationOf(home))
          }),
      }
    },
    deploy: (input) =>
      inTurn(async () => {
        if (input.rev !== undefined && input.rev !== (current?.rev ?? emptyRev)) {
          throw new Refused('deploy.conflict', 409, 'Somebody else has deployed since you loaded the flows. Merge their changes, or overwrite them.')
        }
        // Who draws everywhere is looked at no further.
        const access = await limitsOf(input.user)
        const visible = seenBy(access)
        const read = compile.read(input.nodes)
        refuseErrors(read.problems)
        const extracted = extractCredentials(whole(read.nodes, visible), kept.live, kindsOf)
        const credentials = reuse(extracted.credentials, kept.live)
        const { nodes, given } = access
          ? giveHomes(keepUnchanged(extracted.nodes, documentsNow().filter((document) => !access.may('flows.write', organisationOf(document)))), access, input.rev === undefined)
          : { nodes: extracted.nodes, given: {} }
        const own = internDocuments(compile.split(nodes), known())
        const revisions = own.map(({ revision }) => revision)
        const secrets = new Set(access ? [...credentials].filter(([node, value]) => kept.live.get(node) !== value).map(([node]) => node) : [])
        for (const node of access ? kept.live.keys() : []) if (!credentials.has(node) && drawnId(node) === node) secrets.add(node)
        const touches = toTouches(drawn(), revisions, secrets)
        await admit(touches, access, visible)
        const documents = await withPins(own)
        const toRun = documents.map(({ revision }) => revision)
        const problems = compile.assemble(toRun)
        const told = visible && new Set([...visible, ...revisions.map(({ document }) => document.id).filter((id) => !known().has(id))])
        refuseErrors(problems, told)
        const standing = [...keptProblems.pasted(revisions, new Set(touches.map(({ after }) => after)), toRun), ...keptProblems.overlapping(toRun, current?.revisions ?? [])]
        refuseErrors(standing, told)
        const cases = await parts.casesGate(revisions.map(({ document }) => document), touches.flatMap(({ after }) => (after ? [after] : [])), [...nodes, ...pinnedIn(documents).flatMap((one) => one.nodes)])
        refuseErrors(cases, told)
        return await putLive({
          nodes,
          documents,
          credentials: withPinnedCredentials(credentials, pinnedIn(documents), kept.live, kept.removed),
          warnings: [...read.problems, ...problems, ...standing, ...cases, ...toGiven(given, revisions), ...(await findUnknown(touches, parts.organisationsOf))],
          doubts: missingIn(toRun, parts.namedInVault.deploying),
          user: input.user,
          comment: oneLine(input.comment),
          ...(Object.keys(given).length > 0 ? { given } : {}),
          visible: told,
        })
      }),
    async check(nodes, by) {
      const visible = by && seenBy(await accessFor(by, 'flows.read'))
      const read = compile.read(nodes)
      try {
        const all = whole(read.nodes, visible)
        const { documents, toRun, problems, missing } = await compiled(extractCredentials(all, new Map(), kindsOf).nodes)
        const revisions = drawn(documents.map(({ revision }) => revision))
        const changed = new Set(revisions.flatMap(({ hash, document }) => (known().get(document.id)?.hash === hash ? [] : [document])))
        return [...read.problems, ...problems, ...keptProblems.pasted(revisions, changed, toRun), ...keptProblems.overlapping(toRun, current?.revisions ?? []), ...(await missing())].filter(toldTo(visible && new Set([...visible, ...compile.split(read.nodes).map(({ id }) => id)])))
      } catch (thrown) {
        if (thrown instanceof Refused) return [...read.problems, ...thrown.problems]
        throw thrown
      }
    },
    async credentials(type, id, by) {
      if (by) {
        const access = await accessFor(by, 'flows.read')
        const home = homeOf(id)
        // What is nobody's may be used by all; with which secrets it works is for those who read everywhere.
        if (!access.everywhere.has('flows.read') && !(home && access.may('flows.read', organisationOf(home)))) return {}
      }
      return toEditorView(type, kept.live.get(id), kindsOf(type))
    },
  }

  const releases: Releases = {
    async list({ before, limit = 50 } = {}) {
      const rows = await store.releases.list(before, Math.min(Math.max(limit, 1), 500))
      return rows.map((row) => toReleaseInfo(row, current?.manifest.id))
    },
    async get(id) {
      const row = await store.releases.get(id)
      if (!row) return undefined
      const release = row.id === current?.manifest.id ? current : await loadRelease(store, row, byHash())
      return { info: toReleaseInfo(row, current?.manifest.id), nodes: release.nodes, calls: toCalls(release.revisions) }
    },
    rollback: (id, user, comment, flow) =>
      inTurn(async () => {
        const access = await limitsOf(user)
        const row = await store.releases.get(id)
        if (!row) throw new Refused('release.none', 404, `There is no release ${id}.`)
        const target = await loadRelease(store, row, byHash())
        const brought = flow === undefined ? undefined : bringBack(flow, current, target)
        const nodes = brought?.nodes ?? target.nodes
        const documents = brought ? await withPins(internDocuments(compile.split(nodes), known())) : target.revisions.map((revision) => ({ revision }))
        const revisions = documents.map(({ revision }) => revision)
        const visible = seenBy(access)
        await admit(toTouches(drawn(), drawn(revisions)), access, visible)
        const problems = [...compile.assemble(revisions), ...keptProblems.overlapping(revisions, current?.revisions ?? [])]
        refuseErrors(problems, visible)
        return await putLive({
          nodes,
          documents,
          credentials: withPinnedCredentials(kept.forNodes(nodes), pinnedIn(documents), kept.live, kept.removed),
          warnings: problems,
          doubts: missingIn(revisions, parts.namedInVault.deploying),
          user,
          comment: oneLine(comment) || (brought ? `“${brought.label}” as in release ${id}` : `Back to release ${id}`),
          ...(brought ? { broughtBack: { flow: flow as string, release: id } } : { rollbackOf: id }),
          visible,
        })
      }),
  }

  /** Rights of a person who does not draw everywhere; `undefined`: there is nothing to compare. @throws Refused `auth.role` */
  async function limitsOf(user: Doer): Promise<Access | undefined> {
    if (typeof user === 'string') return undefined
    const access = await accessFor(user, 'flows.write')
    return access.everywhere.has('flows.write') ? undefined : access
  }

  const byHash = () => new Map(current?.revisions.map((revision) => [revision.hash, revision]))

  async function putLive(plan: Plan): Promise<DeployResult> {
    const started = clock.elapsed()
    const release = makeRelease(
      {
        id: (current?.manifest.id ?? 0) + 1,
        createdAt: new Date(clock.now()).toISOString(),
        credentialsHash: kept.hashOf(plan.credentials),
        nodes: plan.nodes,
        revisions: plan.documents.map(({ revision }) => revision),
      },
      signer,
    )
    const attempt = await rollout.prepare(release, plan.documents, plan.credentials, current)
    if (attempt.problems.length > 0) {
      rollout.abort(attempt)
      throw refused(tellOnly(unlikeProblems(asDrawn(attempt.problems, release.revisions)), plan.visible))
    }
    try {
      await save(release, plan)
    } catch (thrown) {
      rollout.abort(attempt)
      throw thrown
    }
    current = release
    kept.adopt(plan.credentials)
    const { live, behind } = await rollout.commit(attempt)
    parts.announce(release, nameOf(plan.user))
    log.info({ release: release.manifest.id, user: nameOf(plan.user), live: live.length, behind: behind.length, tookMs: Math.round(clock.elapsed() - started) }, 'a release is live')
    const found = [...plan.warnings, ...(await plan.doubts), ...asDrawn(attempt.warnings, release.revisions)].filter(({ severity }) => severity !== 'error').filter(toldTo(plan.visible))
    // It is live already: a store that is away now must not make it look refused.
    const warnings = unlikeProblems(await nameNotPublic(found, parts.visibilityOf).catch(() => found))
    return { rev: release.rev, release: release.manifest.id, warnings, live, behind, ...(plan.given ? { given: plan.given } : {}) }
  }

  /** Everything a release consists of, in one transaction. */
  async function save(release: LoadedRelease, plan: Plan): Promise<void> {
    const { manifest } = release
    const stamp = { created_at: manifest.createdAt, user_name: nameOf(plan.user), comment: plan.comment }
    const before = known()
    const made = plan.documents.flatMap(({ revision, text }): RevisionRow[] =>
      text === undefined ? [] : [{ hash: revision.hash, flow_id: revision.document.id, document: text, ...stamp }],
    )
    const moved = drawn(release.revisions).filter(({ hash, document }) => before.get(document.id)?.hash !== hash)
    const present = new Set(release.revisions.map(({ document }) => document.id))
    const changed = toChanges(drawn(), drawn(release.revisions))
    const owners = new Set(toTouches(drawn(), drawn(release.revisions)).flatMap((touch) => [touch.before, touch.after].flatMap((one) => (one ? [organisationOf(one)] : []))))
    await store.transaction(async (tables) => {
      await tables.revisions.add(made)
      await tables.releases.add(
        {
          id: manifest.id,
          ...stamp,
          hash: manifest.hash,
          rev: release.rev,
          credentials_hash: manifest.credentialsHash,
          signature: release.signature,
          rollback_of: plan.rollbackOf ?? null,
          layout: release.layout,
          changed: JSON.stringify(changed),
        },
        manifest.flows.map(({ id, revision }, position) => ({ release_id: manifest.id, position, flow_id: id, revision })),
      )
      await tables.flows.put(moved.map(({ hash, document }) => toFlowRow(hash, document, manifest.createdAt)))
      await tables.flows.remove([...before.keys()].filter((id) => !present.has(id)))
      await kept.save(tables, plan.credentials, clock.now())
      const { rollbackOf, broughtBack } = plan
      const rolledBack = { ...(rollbackOf === undefined ? {} : { rollbackOf }), ...(broughtBack ? { broughtBack } : {}) }
      const notSecret = moved.flatMap(({ document }) => toldNotSecret(before.get(document.id)?.document, document))
      const labels = toLabelReleases([...before.values()].map(({ document }) => document), drawn(release.revisions).map(({ document }) => document))
      const told = { release: manifest.id, ...rolledBack, flows: changed.slice(0, auditedFlows), changed: changed.length, ...(notSecret.length > 0 ? { notSecret: notSecret.slice(0, auditedFlows) } : {}), ...(labels.length > 0 ? { labelReleases: labels.slice(0, auditedFlows) } : {}) }
      await audit.add(plan.user, rollbackOf ?? broughtBack ? 'release.rollback' : 'release.deploy', told, tables, {
        subject: `releases/${manifest.id}`,
        // Whose auditors read it: those of the one organisation that it concerns.
        organisation: owners.size === 1 ? [...owners][0] : undefined,
        ...(current ? { before: { release: current.manifest.id, hash: current.manifest.hash } } : {}),
        after: { release: manifest.id, hash: manifest.hash },
      })
    })
  }

  /** The tab or subflow that is live under an id. */
  function flowOf(id: string): { readonly organisation?: string } | undefined {
    const document = homes().get(id)
    if (!document || document.id !== id || document.kind === 'global') return undefined
    const organisation = organisationOf(document)
    return organisation === undefined ? {} : { organisation }
  }

  let publicRoutes: { readonly of: LoadedRelease; readonly byFlow: ReadonlyMap<string, Problem> } | undefined

  /** The warning about routes of a live flow that ask nobody who calls. Looked for when first asked after a deploy. */
  function publicRouteOf(flow: string): Problem | undefined {
    if (!current) return undefined
    if (publicRoutes?.of !== current) {
      const found = compile.assemble(current.revisions).filter(({ code }) => code === 'route.public')
      publicRoutes = { of: current, byFlow: new Map(found.map((problem) => [problem.flow ?? '', problem])) }
    }
    return publicRoutes.byFlow.get(flow)
  }

  /** Nodes of the editor, and behind them those of the earlier revisions that they are pinned to: whose those are they say themselves, whatever was sent. */
  async function nodesWithPins(nodes: readonly EditorNode[], by: Actor): Promise<readonly EditorNode[]> {
    const access = await parts.accessOf(by)
    const pinned = pinnedIn(await withPins(internDocuments(compile.split(nodes), known())))
    return [...nodes, ...pinned.filter((document) => maySeeFlowsOf(access, organisationOf(document))).flatMap((document) => document.nodes)]
  }

  return { flows, releases, flowOf, publicRouteOf, nodesWithPins, current: () => current }
}

/** Places that somebody says from now on hold no secret, as `node/property`. */
function toldNotSecret(before: FlowDocument | undefined, after: FlowDocument): string[] {
  const known = before ? notSecretOf(before) : new Set()
  return [...notSecretOf(after)].filter((place) => !known.has(place))
}

/** Flows, and places in them, that an audit entry names at most. */
const auditedFlows = 100

function nameOf(user: Doer): string {
  return typeof user === 'string' ? user : user.name
}

/** Whether a problem concerns what somebody may see. */
function toldTo(visible: ReadonlySet<string> | undefined) {
  return ({ flow }: Problem) => !visible || flow === undefined || visible.has(flow)
}

/** What is wrong where somebody may look; of the rest only that there is something. */
function tellOnly(problems: readonly Problem[], visible: ReadonlySet<string> | undefined): readonly Problem[] {
  const told = problems.filter(toldTo(visible))
  if (told.some(({ severity }) => severity === 'error')) return told
  return [{ severity: 'error', code: 'deploy.elsewhere', message: 'It does not go together with a flow of another organisation.', remedy: 'Ask somebody who sees all flows to deploy it.' }, ...told]
}

function toGiven(given: Readonly<Record<string, string>>, revisions: readonly Revision[]): Problem[] {
  const labels = new Map(revisions.map(({ document }) => [document.id, document.label]))
  return Object.entries(given).map(([flow, organisation]) => ({
    severity: 'warning', code: 'deploy.organisation_given', flow,
    message: `“${labels.get(flow) ?? flow}” belongs to the organisation ${organisation} now.`,
    remedy: `In a file, write SLUICE_ORGANISATION with the value ${organisation} into the env of the tab.`,
  }))
}

function notYours(problems: readonly Problem[]): Refused {
  const rest = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  return new Refused('deploy.not_yours', 403, `The deploy was refused: ${problems[0]!.message}${rest} What is live stays as it was.`, problems)
}

function toFlowRow(revision: string, document: Revision['document'], updated_at: string) {
  return { id: document.id, kind: document.kind, label: document.label, revision, updated_at }
}

function refuseErrors(problems: readonly Problem[], visible?: ReadonlySet<string>): void {
  if (problems.some(({ severity }) => severity === 'error')) throw refused(tellOnly(problems, visible))
}

function refused(problems: readonly Problem[]): Refused {
  const errors = problems.filter(({ severity }) => severity === 'error')
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  return new Refused('deploy.refused', 422, `The deploy was refused: ${errors[0]?.message ?? 'a gateway could not prepare it.'}${rest} What is live stays as it was.`, problems)
}

/** Equal credentials stay the same object, so that what did not change is not written again. */
function reuse(next: CredentialMap, live: CredentialMap): CredentialMap {
  return new Map([...next].map(([id, value]) => [id, sameJson(live.get(id), value) ? (live.get(id) as typeof value) : value]))
}

/** PostgreSQL keeps no NUL in a text, and nobody reads a comment of many pages. */
function oneLine(comment = ''): string {
  return comment.replaceAll('\0', '').trim().slice(0, 2000)
}
