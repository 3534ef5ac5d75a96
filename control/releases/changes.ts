import type { Revision } from '../../runtime/core/release.ts'
import type { ReleaseInfo } from '../contract.ts'
import type { ReleaseRow } from '../store/schema.ts'

/** Which flows a release changed, in the order of the new one; what went comes last. */
export function toChanges(before: readonly Revision[], after: readonly Revision[]): ReleaseInfo['changed'] {
  const old = new Map(before.map((revision) => [revision.document.id, revision]))
  const kept = new Set(after.map((revision) => revision.document.id))
  const touched = after.flatMap(({ hash, document }) => {
    const known = old.get(document.id)
    if (known?.hash === hash) return []
    return [{ flow: document.id, label: document.label, change: known ? ('changed' as const) : ('added' as const) }]
  })
  const gone = before
    .filter(({ document }) => !kept.has(document.id))
    .map(({ document }) => ({ flow: document.id, label: document.label, change: 'removed' as const }))
  return [...touched, ...gone]
}

export function toReleaseInfo(row: ReleaseRow, currentId: number | undefined): ReleaseInfo {
  return {
    id: row.id,
    createdAt: row.created_at,
    user: row.user_name,
    comment: row.comment,
    hash: row.hash,
    ...(row.rollback_of === null ? {} : { rollbackOf: row.rollback_of }),
    current: row.id === currentId,
    changed: JSON.parse(row.changed) as ReleaseInfo['changed'],
  }
}
