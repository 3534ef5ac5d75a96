import type { EditorNode, FlowDocument } from '../core/flow.ts'
import type { Estate } from './flow.ts'
import { isPinnedTo, pinnedId, pinOf, type Pin } from './pinned-flow.ts'

/** The link nodes of a document, as far as other documents have to do with them. */
export interface LinkEnds {
  readonly ins: readonly { readonly id: string; readonly links: readonly string[] }[]
  readonly outs: readonly string[]
}

const none: readonly string[] = []

/** Indexes the documents of a release. The index of all records is made only when somebody asks. */
export function toEstate(documents: readonly FlowDocument[], linkEndsOf: (document: FlowDocument) => LinkEnds = toLinkEnds): Estate {
  let records: Map<string, EditorNode> | undefined
  const pins = documents.flatMap((document) => {
    const pin = pinOf(document)
    return pin ? [{ pin, document }] : []
  })
  const claimed = new Map<string, string[]>()
  for (const document of documents) {
    for (const { id, links } of linkEndsOf(document).ins) for (const out of links) claimed.set(out, [...(claimed.get(out) ?? []), id])
  }
  return {
    documents,
    subflows: new Map(documents.filter((document) => document.kind === 'subflow').map((document) => [document.id, document])),
    global: documents.find((document) => document.kind === 'global'),
    claimedLinks: (linkOut) => claimed.get(linkOut) ?? none,
    called: (target, pin) => (pin === '' ? target : calledAt(pins, target, pin)),
    records: {
      get(id) {
        records ??= new Map(documents.flatMap((document) => document.nodes.map((node) => [node.id, node] as const)))
        return records.get(id)
      },
    },
  }
}

function calledAt(pins: readonly { readonly pin: Pin; readonly document: FlowDocument }[], target: string, wanted: string): string {
  for (const { pin, document } of pins) {
    const id = pinnedId(target, pin.revision)
    if (isPinnedTo(wanted, pin.revision) && document.nodes.some((node) => node.id === id)) return id
  }
  return target
}

/** Finds the link nodes of a document that are not disabled. */
export function toLinkEnds({ nodes }: FlowDocument): LinkEnds {
  const enabled = nodes.filter((node) => node.d !== true)
  return {
    ins: enabled.flatMap(({ id, type, links }) => (type === 'link in' && Array.isArray(links) ? [{ id, links: links.filter((out): out is string => typeof out === 'string') }] : [])),
    outs: enabled.flatMap(({ id, type }) => (type === 'link out' ? [id] : [])),
  }
}
