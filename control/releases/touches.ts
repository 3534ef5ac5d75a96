import type { FlowDocument } from '../../runtime/core/flow.ts'
import type { Revision } from '../../runtime/core/release.ts'
import { sameJson } from '../same-json.ts'

/** What a deploy does to one document. */
export interface Touch {
  readonly before?: FlowDocument
  readonly after?: FlowDocument
  /** Node to point at: the first that differs and is still there. */
  readonly node?: string
}

/** Documents that differ, and those whose nodes were given other credentials. */
export function toTouches(before: readonly Revision[], after: readonly Revision[], credentialsOf: ReadonlySet<string> = new Set()): Touch[] {
  const old = new Map(before.map((revision) => [revision.document.id, revision]))
  const present = new Set(after.map(({ document }) => document.id))
  const touches = after.flatMap(({ hash, document }): Touch[] => {
    const known = old.get(document.id)
    const secret = credentialsOf.size === 0 ? undefined : document.nodes.find(({ id }) => credentialsOf.has(id))?.id
    if (known?.hash === hash && secret === undefined) return []
    const node = secret ?? firstDifference(known?.document, document)
    return [{ after: document, ...(known ? { before: known.document } : {}), ...(node === undefined ? {} : { node }) }]
  })
  const gone = before.filter(({ document }) => !present.has(document.id)).map(({ document }): Touch => ({ before: document }))
  return [...touches, ...gone]
}

function firstDifference(before: FlowDocument | undefined, after: FlowDocument): string | undefined {
  const old = new Map(before?.nodes.map((node) => [node.id, node]))
  const differs = after.nodes.filter((node) => !sameJson(old.get(node.id), node))
  // Neither a tab nor a group can be painted: something that lies on them can. Groups the editor measures anew by itself.
  return (differs.find(({ id, type }) => id !== after.id && type !== 'group') ?? differs[0])?.id
}
