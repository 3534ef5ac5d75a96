import { perObject } from '../core/values/per-object.ts'
import type { AssembledFlow } from './assemble.ts'
import type { FlowNode } from './flow.ts'
import { toListeners, type Listeners } from './listeners.ts'

/** Says of an HTTP entry whether its callers are asked who they are before anything is answered. */
export type IsGuarded = (entry: string, home: AssembledFlow) => boolean

/**
 * How a message came to a node. `caught`: by a Catch node or the `refused` port of a node that protects, where what is
 * answered is a refusal or an error; from a call to another service on it counts as any other way.
 */
type Way = 'plain' | 'caught'

interface Place {
  readonly node: FlowNode
  readonly home: AssembledFlow
  readonly way: Way
  /** The call that the message is inside of. */
  readonly frame: string
}

/**
 * One answer for the warning, the setting and the entry: a route is guarded when every way from it to a reply passes a node that
 * lets in only whom it knows. Ways are wires, links, calls of other flows and of global policies, and what Complete and
 * Status nodes begin.
 */
export function createGuard(linkIns: ReadonlyMap<string, AssembledFlow>): IsGuarded {
  const listenersOf = perObject(toListeners)
  return (entry, home) => {
    const start = home.flow.nodes.get(entry)
    return start !== undefined && isGuarded(start, home, linkIns, listenersOf)
  }
}

function isGuarded(start: FlowNode, startHome: AssembledFlow, linkIns: ReadonlyMap<string, AssembledFlow>, listenersOf: (home: AssembledFlow) => Listeners): boolean {
  const seen = new Set<string>()
  const waiting: Place[] = []
  /** By the frame of a call: where its returns lead, and by which ways it has returned. */
  const callers = new Map<string, Place[]>()
  const returns = new Map<string, Set<Way>>()
  let asked = false

  function go(id: string, home: AssembledFlow | undefined, way: Way, frame: string): void {
    const node = home?.flow.nodes.get(id)
    if (!home || !node) return
    const key = `${id}\n${way}\n${frame}`
    if (seen.has(key)) return
    seen.add(key)
    waiting.push({ node, home, way, frame })
  }

  /** What a node that was called goes on with. */
  function goOn({ node, home, frame }: Place, way: Way): void {
    for (const id of node.wires.flat()) go(id, home, way, frame)
    for (const id of listenersOf(home).completesOf(node)) go(id, home, way, frame)
  }

  go(start.id, startHome, 'plain', '')
  for (let place = waiting.pop(); place; place = waiting.pop()) {
    const { node, home, frame } = place
    const { definition } = node
    if (definition?.protects) {
      asked = true
      continue
    }
    const way = definition?.category === 'callout' ? 'plain' : place.way
    if (definition?.replies && way === 'plain') return false
    const { catchersOf, statusesOf } = listenersOf(home)
    if (node !== start) for (const id of catchersOf(node)?.ids ?? []) go(id, home, 'caught', frame)
    for (const id of statusesOf(node)?.ids ?? []) go(id, home, way, frame)

    if (node.type === 'link call') {
      // Who asks only on the way back has let everybody in.
      if (node.policyCall?.when === 'after') {
        goOn(place, way)
        continue
      }
      // Which flow a dynamic call leads to is known only when it runs.
      if (node.properties.linkType === 'dynamic') return false
      for (const target of node.links) {
        const inner = `${target}\n${way}`
        const waitingCalls = callers.get(inner)
        if (waitingCalls) waitingCalls.push(place)
        else callers.set(inner, [place])
        go(target, linkIns.get(target), way, inner)
        for (const back of returns.get(inner) ?? []) goOn(place, back)
      }
      continue
    }
    if (node.type === 'link out' && node.properties.mode === 'return') {
      const ways = returns.get(frame)
      if (ways?.has(way)) continue
      if (ways) ways.add(way)
      else returns.set(frame, new Set([way]))
      for (const caller of callers.get(frame) ?? []) goOn(caller, way)
      continue
    }
    for (const id of node.links) go(id, linkIns.get(id), way, frame)
    for (const id of listenersOf(home).completesOf(node)) go(id, home, way, frame)
    node.wires.forEach((targets, port) => {
      const beyond = isRefusal(node, port) ? 'caught' : way
      for (const id of targets) go(id, home, beyond, frame)
    })
  }
  return asked
}

function isRefusal({ definition }: FlowNode, port: number): boolean {
  return definition?.category === 'protect' && Array.isArray(definition.outputs) && definition.outputs[port] === 'refused'
}
