import type { EditorNode } from '../../runtime/core/flow.ts'

/**
 * Puts what somebody did not see back between what he sent: each run of unseen nodes behind the node that it lay behind, or
 * behind the nearest one before that which is still there. Sending back what was seen gives the whole as it was.
 */
export function putBack(whole: readonly EditorNode[], sent: readonly EditorNode[], isSeen: (node: EditorNode) => boolean): EditorNode[] {
  const present = new Set(sent.map(({ id }) => id))
  const behind = new Map<string | undefined, EditorNode[]>()
  let anchor: string | undefined
  for (const node of whole) {
    if (isSeen(node)) {
      if (present.has(node.id)) anchor = node.id
      continue
    }
    const run = behind.get(anchor)
    if (run) run.push(node)
    else behind.set(anchor, [node])
  }
  return [...(behind.get(undefined) ?? []), ...sent.flatMap((node) => [node, ...(behind.get(node.id) ?? [])])]
}
