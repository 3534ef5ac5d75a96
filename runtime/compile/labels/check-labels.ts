import type { Problem } from '../../core/flow.ts'
import type { LabelEntry } from '../../core/labels/label-map.ts'
import { labelPathText } from '../../core/labels/label-path.ts'
import { LabelMap } from '../../core/labels/label-map.ts'
import type { LeakTo } from '../../core/labels/labels.ts'
import type { AssembledFlow } from '../assemble.ts'
import { nameOf } from '../check-document.ts'
import { sha256 } from '../hash.ts'
import { followLabels, type Followed, type LinkIns } from './follow-labels.ts'

/** What labels do in an estate. */
export interface LabelFindings {
  readonly problems: readonly Problem[]
  /** The flows, each with what may come to its nodes where anything may. */
  readonly flows: readonly AssembledFlow[]
}

/** What was found of a flow, and the flows that it was found with. */
interface Known {
  readonly homes: readonly AssembledFlow[]
  readonly followed: Followed
  readonly problems: readonly Problem[]
}

/** Follows labels through all flows in which data gets one, and remembers by content what it has followed. */
export function createLabelCheck(): (flows: readonly AssembledFlow[], linkIns: LinkIns) => LabelFindings {
  // By what does not change when a flow is judged again: its configs.
  const starting = new WeakMap<object, boolean>()
  const known = new WeakMap<object, Known>()

  return function checkLabels(flows, linkIns) {
    if (!flows.some(starts)) return { problems: [], flows }
    const problems: Problem[] = []
    const incoming = new Map<string, LabelMap>()
    const around = new Map<string, LabelMap>()
    for (const home of flows) {
      const homes = homesOf(home, linkIns)
      if (!homes.some(starts)) continue
      const before = known.get(home.configs)
      const found = before && before.homes.length === homes.length && before.homes.every((one, at) => one.configs === homes[at]?.configs) ? before : follow(home, homes, linkIns)
      known.set(home.configs, found)
      problems.push(...found.problems)
      for (const [id, map] of found.followed.incoming) incoming.set(id, (incoming.get(id) ?? LabelMap.none).and(map))
      for (const [id, map] of found.followed.around) around.set(id, (around.get(id) ?? LabelMap.none).and(map))
    }
    return { problems, flows: flows.map((home) => withLabels(home, incoming, around)) }
  }

  function starts({ flow, configs }: AssembledFlow): boolean {
    let found = starting.get(configs)
    if (found === undefined) starting.set(configs, (found = [...flow.nodes.values()].some(({ id, definition }) => definition?.startsLabels?.(configs.get(id) ?? {}) === true)))
    return found
  }
}

function follow(home: AssembledFlow, homes: readonly AssembledFlow[], linkIns: LinkIns): Known {
  const followed = followLabels(home, linkIns)
  return { homes, followed, problems: toProblems(home, homes, followed) }
}

/** A flow, and all that its links and calls may lead to. */
export function homesOf(home: AssembledFlow, linkIns: LinkIns): readonly AssembledFlow[] {
  const homes = new Set([home])
  for (const one of homes) {
    if (!one.leadsOut && ![...one.flow.nodes.values()].some(({ type, properties }) => type === 'link call' && properties.linkType === 'dynamic')) continue
    for (const { links, type, properties } of one.flow.nodes.values()) {
      for (const id of type === 'link call' && properties.linkType === 'dynamic' ? linkIns.keys() : links) {
        const other = linkIns.get(id)
        if (other) homes.add(other)
      }
    }
  }
  return [...homes]
}

/** Its pipeline is another one when what may come to its nodes has changed, though nothing else of it has. */
function withLabels(home: AssembledFlow, incoming: ReadonlyMap<string, LabelMap>, around: ReadonlyMap<string, LabelMap>): AssembledFlow {
  const labels = new Map([...home.flow.nodes.keys()].flatMap((id) => {
    const map = around.get(id)
    return map ? [[id, { incoming: incoming.get(id) ?? LabelMap.none, around: map }] as const] : []
  }))
  if (labels.size === 0) return home
  return { ...home, labels, key: sha256([home.key, ...[...labels].map(([id, known]) => `${id} ${known.incoming.key}\n${known.around.key}`)].join('\n')) }
}

const places: Readonly<Record<LeakTo, string>> = {
  answer: 'the answer to the caller', callout: 'a call to another service', log: 'the log', cache: 'a cache', queue: 'the queue of accepted work', store: 'what is kept beyond the run',
}

function toProblems(home: AssembledFlow, homes: readonly AssembledFlow[], { visited, complete }: Followed): Problem[] {
  const problems: Problem[] = []
  if (!complete) {
    problems.push({
      severity: 'error', code: 'label.too_many_ways', flow: home.flow.document.id,
      message: `Data labels cannot be followed through “${home.flow.document.label}”: its wires, calls and branches make too many ways.`,
      remedy: 'Divide the flow, or protect the data where it comes in, with a tokenize, mask or encrypt node.',
    })
  }
  for (const { node, leaks } of visited) {
    for (const { to, what, property, labels } of leaks) {
      for (const [label, [entry, ...others]] of Map.groupBy(labels.clear.entries, (one) => one.label)) {
        if (!entry) continue
        const more = new Set(others.map(({ from }) => from.path)).size > 0 ? ` and ${others.length} more` : ''
        problems.push({
          severity: 'error', code: 'label.leak', ...node.origin, ...(property === undefined ? {} : { property }),
          message: `${nameOf({ id: node.id, type: node.type, name: node.name })} would let data labelled “${label}” into ${places[to]}, in clear: ${what}${placeIn(entry)}. It came in at ${originOf(entry, homes)}${more}.`,
          remedy: 'Put a tokenize, mask or encrypt node before it (before what computes with the data, too), leave the field out, or release the label with a reason by a release label node.',
        })
      }
    }
  }
  return problems
}

function placeIn({ path }: LabelEntry): string {
  return path.length === 0 ? '' : ` (${labelPathText(path)})`
}

function originOf({ from }: LabelEntry, homes: readonly AssembledFlow[]): string {
  for (const { flow } of homes) {
    for (const node of flow.nodes.values()) if (node.origin.node === from.node) return `${nameOf({ id: from.node, type: node.type, name: node.name })}, ${from.path}`
  }
  return from.path
}
