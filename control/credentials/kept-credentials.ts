import { createHmac } from 'node:crypto'
import { canonicalJson } from '../../runtime/compile/hash.ts'
import type { Credentials } from '../../runtime/core/release.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { SealingKey } from '../keys/key-files.ts'
import { seal, unseal } from '../../runtime/core/secrets/seal.ts'
import type { CredentialRow } from '../store/schema.ts'
import type { Tables } from '../store/tables.ts'
import type { NodeCredentials } from './extract.ts'
import { keyOfBytes } from '../../runtime/core/secrets/key-of-bytes.ts'

/** How long the credentials of a deleted node can still come back by a rollback. */
const keepRemovedMs = 30 * 24 * 3600 * 1000

export type CredentialMap = ReadonlyMap<string, NodeCredentials>

/** Node credentials in memory, in clear; sealed, one by one, everywhere else. */
export interface KeptCredentials {
  readonly live: CredentialMap
  readonly hash: string
  /** Credentials of nodes that were deleted lately. */
  readonly removed: CredentialMap
  hashOf(credentials: CredentialMap): string
  /** What is kept of these nodes now, and what was deleted together with those that come back. */
  forNodes(nodes: readonly { readonly id: string }[]): CredentialMap
  /** Writes what differs, inside the transaction of a deploy. Call `adopt` when that has committed. */
  save(tables: Tables, next: CredentialMap, nowMs: number): Promise<void>
  adopt(next: CredentialMap): void
}

export async function openKeptCredentials(tables: Tables, keys: { current: SealingKey; older: readonly SealingKey[] }, log: Log): Promise<KeptCredentials> {
  const live = new Map<string, NodeCredentials>()
  const removed = new Map<string, NodeCredentials>()
  const lost: string[] = []
  const reseal: CredentialRow[] = []
  for (const row of await tables.credentials.list()) {
    const opened = open(row)
    if (!opened) lost.push(row.node_id)
    else (row.removed_at === null ? live : removed).set(row.node_id, opened)
    if (opened && row.key_id !== keys.current.id) reseal.push(toRow(row.node_id, opened, row.updated_at, row.removed_at))
  }
  if (reseal.length > 0) await tables.credentials.put(reseal)
  if (lost.length > 0) log.error({ nodes: lost }, 'credentials of these nodes were sealed under another key and cannot be read; restore that key or enter them again')

  function open(row: CredentialRow): NodeCredentials | undefined {
    const key = [keys.current, ...keys.older].find(({ id }) => id === row.key_id)
    try {
      return key && (JSON.parse(unseal(key.key, row.sealed, about(row.node_id))) as NodeCredentials)
    } catch {
      return undefined
    }
  }

  function toRow(node_id: string, value: NodeCredentials, updated_at: string, removed_at: string | null): CredentialRow {
    return { node_id, key_id: keys.current.id, sealed: seal(keys.current.key, JSON.stringify(value), about(node_id)), updated_at, removed_at }
  }

  // Keyed, because a plain hash of a short secret could be guessed.
  const hashKey = keyOfBytes(createHmac('sha256', keyOfBytes(keys.current.key)).update('credentials hash').digest())
  const hashOf = (credentials: CredentialMap) =>
    createHmac('sha256', hashKey).update(canonicalJson(toCredentials(credentials))).digest('hex')

  const kept = {
    live: live as CredentialMap,
    removed,
    hash: hashOf(live),
    hashOf,
    forNodes(nodes: readonly { readonly id: string }[]) {
      const present = new Set(nodes.map(({ id }) => id))
      const next = new Map([...kept.live].filter(([id]) => present.has(id)))
      for (const [id, value] of removed) if (present.has(id) && !next.has(id)) next.set(id, value)
      return next
    },
    async save(to: Tables, next: CredentialMap, nowMs: number) {
      const nowIso = new Date(nowMs).toISOString()
      const changed = [...next].filter(([id, value]) => kept.live.get(id) !== value)
      const gone = [...kept.live.keys()].filter((id) => !next.has(id))
      await to.credentials.put(changed.map(([id, value]) => toRow(id, value, nowIso, null)))
      await to.credentials.setRemoved(gone, nowIso)
      await to.credentials.purge(new Date(nowMs - keepRemovedMs).toISOString())
    },
    adopt(next: CredentialMap) {
      for (const [id, value] of kept.live) if (!next.has(id)) removed.set(id, value)
      for (const id of next.keys()) removed.delete(id)
      kept.live = next
      kept.hash = hashOf(next)
    },
  }
  return kept
}

/** As a release carries them. */
export function toCredentials(map: CredentialMap): Credentials {
  return Object.fromEntries(map) as Credentials
}

const about = (nodeId: string) => `node ${nodeId}`
