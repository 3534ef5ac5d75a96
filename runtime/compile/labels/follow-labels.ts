import { LabelMap, unionOf } from '../../core/labels/label-map.ts'
import type { LabelFacts, LabelsOut, Leak } from '../../core/labels/labels.ts'
import { tellingFaults } from '../../core/labels/telling-faults.ts'
import type { AssembledFlow } from '../assemble.ts'
import type { FlowNode } from '../flow.ts'
import { toListeners, type Listeners } from '../listeners.ts'
import { subFlowInType, subFlowType } from '../sub-flow-types.ts'

export type LinkIns = ReadonlyMap<string, AssembledFlow>

/** What labelled data does in one flow and in what it leads to. */
export interface Followed {
  /** What may come to a node, and what may come to it or leave it, by its expanded id. */
  readonly incoming: ReadonlyMap<string, LabelMap>
  readonly around: ReadonlyMap<string, LabelMap>
  /** Every node that was come to, in the order of the way. */
  readonly visited: readonly Visited[]
  /** False: it was given up, because the ways are more than can be followed. */
  readonly complete: boolean
}

export interface Visited {
  readonly node: FlowNode
  readonly home: AssembledFlow
  readonly input: LabelMap
  readonly sent: LabelMap
  readonly leaks: readonly Leak[]
}

/** A branch that was opened, or a flow that was called: what came back goes to who opened it. */
interface Frame {
  readonly id: number
  readonly kind: 'branch' | 'call'
  readonly depth: number
  readonly opener: State
  readonly around: Frame | undefined
  returned: LabelMap
  inside: LabelMap
}

/** What is known of the messages that come to a node in a frame. */
interface State {
  readonly node: FlowNode
  readonly home: AssembledFlow
  readonly frame: Frame | undefined
  readonly frames: Map<string, Frame>
  input: LabelMap
  /** What leaves it, by all its ports. */
  sent: LabelMap
  waiting: boolean
}

/** As deep as runs go. */
const deepest = 20
/** Looks at nodes, and calls that are told apart, in one flow. */
const mostLooks = 50_000
const mostFrames = 2000

/** Nodes through which messages only pass; they say nothing themselves. */
const passages: ReadonlySet<string> = new Set(['junction', 'link in', 'link out', 'global policy'])

/**
 * Follows labels from every way into a flow along wires, links, calls and branches until nothing new is found (a fixed point: what is
 * known only grows, and is bounded). A flow that is called is looked at for each call, so that two callers do not get each other's.
 */
export function followLabels(home: AssembledFlow, linkIns: LinkIns): Followed {
  const states = new Map<string, State>()
  const waiting: State[] = []
  const listeners = new Map<AssembledFlow, Listeners>()
  let looks = 0
  let frames = 0

  for (const { node } of home.entries) receive(node, home, undefined, LabelMap.none)
  for (const id of home.linkIns) receive(id, home, undefined, LabelMap.none)
  for (let state = waiting.shift(); state && looks < mostLooks; state = waiting.shift()) {
    looks += 1
    state.waiting = false
    look(state)
  }

  const incoming = new Map<string, LabelMap>()
  const around = new Map<string, LabelMap>()
  const note = (into: Map<string, LabelMap>, id: string, map: LabelMap) => {
    if (!map.isEmpty) into.set(id, (into.get(id) ?? LabelMap.none).and(map))
  }
  for (const { node, input, sent } of states.values()) {
    note(incoming, node.id, input)
    note(around, node.id, input.and(sent))
  }
  return {
    incoming,
    around,
    visited: [...states.values()].map((state) => ({ node: state.node, home: state.home, input: state.input, sent: state.sent, leaks: leaksOf(state) })),
    complete: looks < mostLooks,
  }

  function receive(id: string, where: AssembledFlow | undefined, frame: Frame | undefined, map: LabelMap): void {
    const node = where?.flow.nodes.get(id)
    if (!where || !node) return
    const key = `${frame?.id ?? ''} ${id}`
    let state = states.get(key)
    if (!state) states.set(key, (state = { node, home: where, frame, frames: new Map(), input: map, sent: LabelMap.none, waiting: false }))
    else if (map.isWithin(state.input)) return
    else state.input = state.input.and(map)
    wake(state)
  }

  function wake(state: State): void {
    if (state.waiting) return
    state.waiting = true
    waiting.push(state)
  }

  function look(state: State): void {
    const { node, home: where, frame, input } = state
    for (let around = frame; around; around = around.around) {
      if (input.isWithin(around.inside)) break
      around.inside = around.inside.and(input)
      wake(around.opener)
    }
    const { sent, inside } = sendOn(state)
    state.sent = unionOf(sent)
    const heard = unionOf([input, ...sent, inside])
    const { catchersOf, statusesOf, completesOf } = listenersOf(where)
    const catching = catchersOf(node)
    if (catching) {
      const shown = node.definition?.faults?.some((code) => tellingFaults.has(code)) ? heard.and(heard.anywhere.under(['error', 'message'])).and(heard.anywhere.under(['error', 'facts'])) : heard
      for (const id of catching.ids) receive(id, where, frame, shown)
    }
    for (const id of statusesOf(node)?.ids ?? []) receive(id, where, frame, heard)
    for (const id of completesOf(node)) receive(id, where, frame, heard)
  }

  /** Sends on what leaves a node; gives it, and what its branches held. */
  function sendOn(state: State): { readonly sent: readonly LabelMap[]; readonly inside: LabelMap } {
    const { node, home: where, frame, input } = state
    const { definition } = node
    const config = where.configs.get(node.id) ?? {}
    if (node.type === 'link call') {
      const targets = node.properties.linkType === 'dynamic' ? [...linkIns.keys()] : node.links
      const call = open(state, 'call', 'call')
      for (const id of call ? targets : []) receive(id, linkIns.get(id), call, input)
      const back = call?.returned ?? LabelMap.none
      for (const id of node.wires.flat()) receive(id, where, frame, back)
      return { sent: [back], inside: call?.inside ?? LabelMap.none }
    }
    if ((node.type === 'link out' && node.properties.mode === 'return') || definition?.ends) {
      giveBack(frame, definition?.ends ? 'branch' : 'call', input)
      return { sent: [], inside: LabelMap.none }
    }
    const opening = node.type === subFlowInType ? [] : (definition?.opens?.(config) ?? []).map(({ port }) => port)
    const branches = new Map(opening.map((port) => [port, open(state, port, 'branch')]))
    const call = node.type === subFlowType ? open(state, 'call', 'branch') : undefined
    const inside = unionOf([...branches.values(), call].map((one) => one?.inside ?? LabelMap.none))
    const out = labelsOut(node, config, input, {
      node: { flow: node.origin.flow, id: node.origin.node },
      returned: (port) => (port === 'call' ? call : branches.get(port))?.returned ?? LabelMap.none,
      inside,
    })
    const of = (port: string) => (out instanceof LabelMap ? out : (out[port] ?? LabelMap.none))
    const ports = portsOf(node, config)
    node.wires.forEach((targets, at) => {
      const port = ports[at] ?? ''
      const branch = branches.get(port)
      if (branches.has(port) && !branch) return // deeper than runs go
      for (const id of targets) receive(id, where, branch ?? frame, out instanceof LabelMap || ports.length > 0 ? of(port) : input)
    })
    if (node.type !== subFlowType) for (const id of node.links) receive(id, linkIns.get(id), frame, input)
    else if (call) for (const id of node.links) receive(id, linkIns.get(id), call, of('call'))
    return { sent: out instanceof LabelMap ? [out] : Object.values(out), inside }
  }

  /** The frame of a branch or call; calls that are too many to be told apart share one. */
  function open(opener: State, port: string, kind: Frame['kind']): Frame | undefined {
    let frame = opener.frames.get(port)
    if (frame) return frame
    const around = opener.frame
    const depth = (around?.depth ?? 0) + 1
    if (depth > deepest) return undefined
    if (frames >= mostFrames) {
      looks = mostLooks
      return undefined
    }
    frame = { id: (frames += 1), kind, depth, opener, around, returned: LabelMap.none, inside: LabelMap.none }
    opener.frames.set(port, frame)
    return frame
  }

  function giveBack(from: Frame | undefined, kind: Frame['kind'], map: LabelMap): void {
    for (let frame = from; frame; frame = frame.around) {
      if (frame.kind !== kind) continue
      if (!map.isWithin(frame.returned)) {
        frame.returned = frame.returned.and(map)
        wake(frame.opener)
      }
      return
    }
  }

  function listenersOf(where: AssembledFlow): Listeners {
    let found = listeners.get(where)
    if (!found) listeners.set(where, (found = toListeners(where)))
    return found
  }
}

/** What leaves a node by what it says itself; of one that says nothing, anything may have come anywhere. */
function labelsOut({ definition, type }: FlowNode, config: Readonly<Record<string, unknown>>, input: LabelMap, facts: LabelFacts): LabelsOut {
  if (!definition || passages.has(type)) return input
  if (definition.labels) return definition.labels(config, input, facts)
  const { outputs } = definition
  return (typeof outputs === 'function' ? outputs(config) : outputs).length === 0 ? LabelMap.none : unionOf([input, facts.inside]).anywhere
}

/** What of a message leaves the flow by a node; of one that says nothing about it, all of it. */
function leaksOf({ node: { definition, id, type }, home: { configs }, input, frames }: State): readonly Leak[] {
  const returned = (port: string) => frames.get(port)?.returned ?? LabelMap.none
  if (!definition || passages.has(type) || type === 'link call' || (input.isEmpty && [...frames.values()].every((frame) => frame.returned.isEmpty))) return []
  if (definition.leaks) return definition.leaks(configs.get(id) ?? {}, input, { returned })
  return [{ to: definition.category === 'callout' ? 'callout' : definition.category === 'reply' ? 'answer' : 'store', what: 'the message', labels: input }]
}

function portsOf({ definition }: FlowNode, config: object): readonly string[] {
  const outputs = definition?.outputs ?? []
  return typeof outputs === 'function' ? outputs(config) : outputs
}
