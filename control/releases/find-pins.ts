import { organisationOf } from '../../runtime/compile/organisation-of.ts'
import { drawnId, isPinnedTo, pinnedCallsOf, pinnedId, pinOf, toPinnedDocument } from '../../runtime/compile/pinned-flow.ts'
import { subFlowInType } from '../../runtime/compile/sub-flow-types.ts'
import type { FlowDocument, Problem } from '../../runtime/core/flow.ts'
import type { Revision } from '../../runtime/core/release.ts'
import { perObject } from '../../runtime/core/values/per-object.ts'
import type { CredentialMap } from '../credentials/kept-credentials.ts'

/** Revisions kept beside those that are deployed, at most: each is a flow of its own on every gateway. */
const mostPins = 50

export interface PinsParts {
  /** What is live, revisions kept for callers included. */
  readonly live: readonly Revision[]
  /** The newest revision of a flow whose hash begins so, of those that were ever deployed. */
  load(flow: string, beginning: string): Promise<Revision | undefined>
}

/** The sub-flow in nodes of a document. */
const entriesOf = perObject(({ nodes }: FlowDocument) => nodes.flatMap(({ id, type }) => (type === subFlowInType ? [id] : [])))

/** The earlier revisions that sub-flow nodes are pinned to, as documents of their own; those that such revisions are pinned to as well. */
export async function findPins(drawn: readonly Revision[], { live, load }: PinsParts): Promise<{ readonly documents: readonly FlowDocument[]; readonly problems: readonly Problem[] }> {
  const homes = new Map(drawn.flatMap((revision) => entriesOf(revision.document).map((id) => [id, revision] as const)))
  const kept = live.flatMap(({ document }) => (pinOf(document) ? [document] : []))
  const found: FlowDocument[] = []
  const problems: Problem[] = []
  const waiting = drawn.map(({ document }) => document)
  for (let document = waiting.pop(); document; document = waiting.pop()) {
    for (const { node, pin, target } of pinnedCallsOf(document)) {
      if (node.d === true) continue
      const home = homes.get(target)
      if (home && isPinnedTo(pin, home.hash)) continue
      const isMeant = (one: FlowDocument) => {
        const known = pinOf(one)
        return known !== undefined && isPinnedTo(pin, known.revision) && one.nodes.some(({ id }) => id === pinnedId(target, known.revision))
      }
      if (found.some(isMeant)) continue
      const say = (code: string, message: string, remedy: string) => void problems.push({ severity: 'error', code, flow: drawnId(document.id), node: drawnId(node.id), property: 'revision', message, remedy })
      const known = kept.find(isMeant)
      // A flow that is gone is kept for who was pinned to it before, and for nobody else.
      const earlier = known ?? (home && (await revisionOf(home.document.id, pin)))
      if (earlier === undefined) continue // said by whoever compiles the node
      if (home && organisationOf(earlier) !== organisationOf(home.document)) {
        say('subflow_call.pinned_elsewhere', `Revision ${pin} of “${home.document.label}” was another organisation’s.`, 'Pin the node to a later revision, or leave the revision empty.')
        continue
      }
      if (found.length >= mostPins) {
        say('subflow_call.too_many_pins', `More than ${mostPins} earlier revisions of flows are pinned.`, 'Move callers on to later revisions.')
        return { documents: found, problems }
      }
      found.push(earlier)
      waiting.push(earlier)
    }
  }
  return { documents: found, problems }

  async function revisionOf(flow: string, pin: string): Promise<FlowDocument | undefined> {
    const revision = pin.length < 8 || !/^[0-9a-f]+$/.test(pin) ? undefined : await load(flow, pin)
    return revision && toPinnedDocument(revision)
  }
}

/** Nodes of earlier revisions work with the credentials that the node has now; with those it had, once it is gone. */
export function withPinnedCredentials(credentials: CredentialMap, pinned: readonly FlowDocument[], live: CredentialMap, removed: CredentialMap): CredentialMap {
  if (pinned.length === 0) return credentials
  const all = new Map(credentials)
  for (const { id } of pinned.flatMap(({ nodes }) => nodes)) {
    const value = credentials.get(drawnId(id)) ?? live.get(id) ?? removed.get(id) ?? removed.get(drawnId(id))
    if (value !== undefined) all.set(id, value)
  }
  return all
}

/** Problems as somebody reads them who sees only what was drawn: an earlier revision has been warned about before. */
export function asDrawn(problems: readonly Problem[], revisions: readonly Revision[]): readonly Problem[] {
  const pins = new Map(revisions.flatMap(({ document }) => {
    const pin = pinOf(document)
    return pin ? [[document.id, { ...pin, label: document.label }] as const] : []
  }))
  if (pins.size === 0) return problems
  return problems.flatMap((problem) => {
    const pin = problem.flow === undefined ? undefined : pins.get(problem.flow)
    if (!pin) return [problem]
    if (problem.severity !== 'error') return []
    const node = problem.node === undefined ? {} : { node: drawnId(problem.node) }
    return [{ ...problem, flow: pin.flow, ...node, message: `“${pin.label}”, to which others are pinned: ${problem.message}`, remedy: `${problem.remedy} Or move its callers on to a later revision.` }]
  })
}
