import { canonicalJson, sha256 } from '../../runtime/compile/hash.ts'
import { parseDocumentText } from '../../runtime/compile/document-text.ts'
import type { EditorNode, FlowDocument } from '../../runtime/core/flow.ts'
import type { ReleaseManifest, Revision } from '../../runtime/core/release.ts'
import type { ReleaseSigner } from '../keys/key-files.ts'
import type { ReleaseRow } from '../store/schema.ts'
import type { Tables } from '../store/tables.ts'
import { fromLayout, toLayout } from './layout.ts'
import { deepFreeze } from './deep-freeze.ts'

/** A release in memory with all that the editor, the gateways and the next deploy want of it. Immutable. */
export interface LoadedRelease {
  readonly manifest: ReleaseManifest
  /** Canonical JSON of the manifest: the text that is signed. */
  readonly text: string
  readonly signature: string
  readonly rev: string
  readonly layout: string
  readonly revisions: readonly Revision[]
  /** The editor's list. */
  readonly nodes: readonly EditorNode[]
}

/** The revision of an estate in which nothing has been deployed yet. */
export const emptyRev = toRev(hashOfFlows([]), '[]')

/** Makes the release that a deploy would put live. `nodes` give the editor's order. */
export function makeRelease(
  input: { id: number; createdAt: string; credentialsHash: string; nodes: readonly EditorNode[]; revisions: readonly Revision[] },
  signer: ReleaseSigner,
): LoadedRelease {
  const documents = input.revisions.map((revision) => revision.document)
  const flows = input.revisions.map(({ hash, document }) => ({ id: document.id, revision: hash }))
  const manifest = { id: input.id, createdAt: input.createdAt, flows, hash: hashOfFlows(flows), credentialsHash: input.credentialsHash }
  const text = canonicalJson(manifest)
  const layout = toLayout(input.nodes, documents)
  return {
    manifest,
    text,
    signature: signer.sign(text),
    rev: toRev(manifest.hash, layout),
    layout,
    revisions: input.revisions,
    nodes: Object.freeze(fromLayout(layout, documents)),
  }
}

/** A stored release, whole. `known` saves reading documents that are in memory already. */
export async function loadRelease(tables: Tables, row: ReleaseRow, known: ReadonlyMap<string, Revision> = new Map()): Promise<LoadedRelease> {
  const rows = await tables.releases.flowsOf(row.id)
  const wanted = rows.map(({ revision }) => revision).filter((hash) => !known.has(hash))
  const read = await tables.revisions.list(wanted)
  const loaded = new Map(read.map(({ hash, document }) => [hash, { hash, document: deepFreeze(parseDocumentText(document)) }]))
  const revisions = rows.map(({ revision }) => (known.get(revision) ?? loaded.get(revision)) as Revision)
  const manifest: ReleaseManifest = {
    id: row.id,
    createdAt: row.created_at,
    flows: rows.map(({ flow_id, revision }) => ({ id: flow_id, revision })),
    hash: row.hash,
    credentialsHash: row.credentials_hash,
  }
  const documents: FlowDocument[] = revisions.map(({ document }) => document)
  return {
    manifest,
    text: canonicalJson(manifest),
    signature: row.signature,
    rev: row.rev,
    layout: row.layout,
    revisions,
    nodes: Object.freeze(fromLayout(row.layout, documents)),
  }
}

function hashOfFlows(flows: ReleaseManifest['flows']): string {
  return sha256(canonicalJson(flows))
}

function toRev(hash: string, layout: string): string {
  return sha256(JSON.stringify([hash, layout]))
}
