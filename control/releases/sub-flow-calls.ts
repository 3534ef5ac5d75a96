import { isPinnedTo, pinnedId, pinOf, pinText } from '../../runtime/compile/pinned-flow.ts'
import { subFlowInType, subFlowType } from '../../runtime/compile/sub-flow-types.ts'
import type { EditorNode, FlowDocument } from '../../runtime/core/flow.ts'
import type { Revision } from '../../runtime/core/release.ts'
import type { CalledFlow } from '../contract.ts'

/** Which flows are called by others in a release, at which revision, and by whom. Calls of nothing are left out. */
export function toCalls(revisions: readonly Revision[]): readonly CalledFlow[] {
  const pins = revisions.flatMap(({ document }) => {
    const pin = pinOf(document)
    return pin ? [{ pin, document }] : []
  })
  const drawn = revisions.filter(({ document }) => pinOf(document) === undefined)
  const homes = new Map(drawn.flatMap((revision) => revision.document.nodes.flatMap((node) => (node.type === subFlowInType ? [[node.id, { revision, node }] as const] : []))))
  const called = new Map<string, CalledFlow & { calls: CalledFlow['calls'][number][] }>()
  for (const { document } of revisions) {
    for (const node of document.nodes) {
      if (node.type !== subFlowType || node.d === true || typeof node.flow !== 'string') continue
      const target = node.flow
      const pin = pinText(node)
      const home = homes.get(target)
      const kept = home && isPinnedTo(pin, home.revision.hash) ? undefined : pins.find((one) => isPinnedTo(pin, one.pin.revision) && has(one.document, pinnedId(target, one.pin.revision)))
      const flow = home?.revision.document.id ?? kept?.pin.flow
      if (flow === undefined) continue
      const known = called.get(target) ?? { flow, label: home?.revision.document.label ?? kept?.document.label ?? flow, name: nameOf(home?.node) ?? target, ...(home ? { revision: home.revision.hash } : {}), calls: [] }
      called.set(target, known)
      known.calls.push({ flow: pinOf(document)?.flow ?? document.id, label: document.label, node: node.id, name: nameOf(node) ?? subFlowType, revision: kept?.pin.revision ?? home?.revision.hash ?? '', pinned: pin !== '' })
    }
  }
  return [...called.values()]
}

function has({ nodes }: FlowDocument, id: string): boolean {
  return nodes.some((node) => node.id === id)
}

function nameOf(node: EditorNode | undefined): string | undefined {
  return typeof node?.name === 'string' && node.name !== '' ? node.name : undefined
}
