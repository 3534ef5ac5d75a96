import type { Clock } from '../../runtime/core/clock.ts'
import type { EditorNode, Problem } from '../../runtime/core/flow.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Revision } from '../../runtime/core/release.ts'
import type { Audit } from '../audit.ts'
import { Refused, type DeployResult, type Flows, type Releases } from '../contract.ts'
import { extractCredentials, toEditorView, type CredentialKinds } from '../credentials/extract.ts'
import type { CredentialMap, Vault } from '../credentials/vault.ts'
import type { ReleaseSigner } from '../keys/key-files.ts'
import { createSerial } from '../serial.ts'
import type { RevisionRow } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { toReleaseInfo, toChanges } from './changes.ts'
import type { Compile } from './compile.ts'
import { emptyRev, loadRelease, makeRelease, type LoadedRelease } from './current.ts'
import { internDocuments, type Interned } from './intern.ts'
import { sameJson } from './same-json.ts'
import type { Rollout } from './rollout.ts'
import { unlikeProblems } from './unlike-problems.ts'

export interface ReleasesParts {
  readonly store: Store
  readonly vault: Vault
  readonly compile: Compile
  readonly signer: ReleaseSigner
  readonly rollout: Rollout
  readonly audit: Audit
  readonly clock: Clock
  readonly log: Log
  /** `undefined`: a type nobody declared; `null`: declared without credentials. */
  kindsOf(type: string): CredentialKinds | null | undefined
  /** Told once the release is current. */
  announce(release: LoadedRelease, user: string): void
}

/** What is to go live: documents with their hashes, the editor's list, and who wants it. */
interface Plan {
  readonly nodes: readonly EditorNode[]
  readonly documents: readonly Interned[]
  readonly credentials: CredentialMap
  readonly warnings: readonly Problem[]
  readonly user: string
  readonly comment: string
  readonly rollbackOf?: number
}

/** The history of what ran, and the one way to change what runs. One deploy at a time. */
export async function openReleases(parts: ReleasesParts) {
  const { store, vault, compile, signer, rollout, audit, clock, log, kindsOf } = parts
  const inTurn = createSerial()
  const newest = await store.releases.newest()
  let current: LoadedRelease | undefined = newest && (await loadRelease(store, newest))

  const known = (release = current) => new Map(release?.revisions.map((revision) => [revision.document.id, revision]))

  function compiled(nodes: readonly EditorNode[]) {
    const documents = internDocuments(compile.split(nodes), known())
    return { documents, problems: compile.assemble(documents.map(({ revision }) => revision)) }
  }

  const flows: Flows = {
    async current() {
      return { nodes: current?.nodes ?? [], rev: current?.rev ?? emptyRev }
    },
    deploy: (input) =>
      inTurn(async () => {
        if (input.rev !== undefined && input.rev !== (current?.rev ?? emptyRev)) {
          throw new Refused('deploy.conflict', 409, 'Somebody else has deployed since you loaded the flows. Merge their changes, or overwrite them.')
        }
        const read = compile.read(input.nodes)
        refuseErrors(read.problems)
        const { nodes, credentials } = extractCredentials(read.nodes, vault.live, kindsOf)
        const { documents, problems } = compiled(nodes)
        refuseErrors(problems)
        return await putLive({
          nodes,
          documents,
          credentials: reuse(credentials, vault.live),
          warnings: [...read.problems, ...problems],
          user: input.user,
          comment: oneLine(input.comment),
        })
      }),
    async check(nodes) {
      const read = compile.read(nodes)
      const bare = extractCredentials(read.nodes, new Map(), kindsOf).nodes
      try {
        return [...read.problems, ...compiled(bare).problems]
      } catch (thrown) {
        if (thrown instanceof Refused) return [...read.problems, ...thrown.problems]
        throw thrown
      }
    },
    async credentials(type, id) {
      return toEditorView(type, vault.live.get(id), kindsOf(type))
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
      return { info: toReleaseInfo(row, current?.manifest.id), nodes: release.nodes }
    },
    rollback: (id, user, comment) =>
      inTurn(async () => {
        const row = await store.releases.get(id)
        if (!row) throw new Refused('release.none', 404, `There is no release ${id}.`)
        const target = await loadRelease(store, row, byHash())
        const problems = compile.assemble(target.revisions)
        refuseErrors(problems)
        return await putLive({
          nodes: target.nodes,
          documents: target.revisions.map((revision) => ({ revision })),
          credentials: credentialsFor(target.nodes),
          warnings: problems,
          user,
          comment: oneLine(comment) || `Back to release ${id}`,
          rollbackOf: id,
        })
      }),
  }

  const byHash = () => new Map(current?.revisions.map((revision) => [revision.hash, revision]))

  /** What is kept now, and what was deleted together with nodes that come back. */
  function credentialsFor(nodes: readonly EditorNode[]): CredentialMap {
    const next = new Map(vault.live)
    const present = new Set(nodes.map(({ id }) => id))
    for (const id of next.keys()) if (!present.has(id)) next.delete(id)
    for (const [id, value] of vault.removed) if (present.has(id) && !next.has(id)) next.set(id, value)
    return next
  }

  async function putLive(plan: Plan): Promise<DeployResult> {
    const started = clock.elapsed()
    const release = makeRelease(
      {
        id: (current?.manifest.id ?? 0) + 1,
        createdAt: new Date(clock.now()).toISOString(),
        credentialsHash: vault.hashOf(plan.credentials),
        nodes: plan.nodes,
        revisions: plan.documents.map(({ revision }) => revision),
      },
      signer,
    )
    const attempt = await rollout.prepare(release, plan.documents, plan.credentials, current)
    if (attempt.problems.length > 0) {
      rollout.abort(attempt)
      throw refused(unlikeProblems(attempt.problems))
    }
    try {
      await save(release, plan)
    } catch (thrown) {
      rollout.abort(attempt)
      throw thrown
    }
    current = release
    vault.adopt(plan.credentials)
    const { live, behind } = await rollout.commit(attempt)
    parts.announce(release, plan.user)
    log.info({ release: release.manifest.id, user: plan.user, live: live.length, behind: behind.length, tookMs: Math.round(clock.elapsed() - started) }, 'a release is live')
    const warnings = unlikeProblems([...plan.warnings, ...attempt.warnings].filter(({ severity }) => severity === 'warning'))
    return { rev: release.rev, release: release.manifest.id, warnings, live, behind }
  }

  /** Everything a release consists of, in one transaction. */
  async function save(release: LoadedRelease, plan: Plan): Promise<void> {
    const { manifest } = release
    const stamp = { created_at: manifest.createdAt, user_name: plan.user, comment: plan.comment }
    const before = known()
    const made = plan.documents.flatMap(({ revision, text }): RevisionRow[] =>
      text === undefined ? [] : [{ hash: revision.hash, flow_id: revision.document.id, document: text, ...stamp }],
    )
    const moved = release.revisions.filter(({ hash, document }) => before.get(document.id)?.hash !== hash)
    const present = new Set(release.revisions.map(({ document }) => document.id))
    const changed = toChanges(current?.revisions ?? [], release.revisions)
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
      await vault.save(tables, plan.credentials, clock.now())
      await audit.add(plan.user, plan.rollbackOf === undefined ? 'release.deploy' : 'release.rollback', { release: manifest.id, changed: changed.length }, tables)
    })
  }

  return { flows, releases, current: () => current }
}

function toFlowRow(revision: string, document: Revision['document'], updated_at: string) {
  return { id: document.id, kind: document.kind, label: document.label, revision, updated_at }
}

function refuseErrors(problems: readonly Problem[]): void {
  if (problems.some(({ severity }) => severity === 'error')) throw refused(problems)
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
