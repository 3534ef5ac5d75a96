import { fault, toFault, type Fault } from '../core/fault.ts'
import { tellingFaults } from '../core/labels/telling-faults.ts'
import type { Message } from '../core/message.ts'
import type { LinkedNode, Source } from '../core/pipeline.ts'
import { SentTo, type Output, type Result, type Sends, type Trail } from '../core/step.ts'
import type { NodeStatus } from '../core/sandbox.ts'
import type { Run } from '../core/run.ts'
import type { BranchRun } from './branch-run.ts'
import type { EngineRun } from './engine-run.ts'

/** A message on its way into a node. */
interface Branch {
  readonly node: LinkedNode
  readonly message: Message
  readonly hops: number
  /** What it is part of; open as long as the branch is. */
  readonly trail: Trail | undefined
}

/** How often a run looks at the clock while it walks without pause. */
const stepsBetweenLooks = 64

/** How long a run may walk without letting others have a turn. Hardly a run takes so long; a circle does. */
const turnMs = 20

/** Link calls inside each other. Every one carries the whole stack in its message. */
const longestStack = 100

/**
 * Takes a message into a node and on from there, until every branch has ended or waits for something.
 * A straight line of synchronous steps is one loop: no promise, no tick, no recursion. The caller holds
 * the run open meanwhile.
 */
export function walk(run: EngineRun, start: LinkedNode, message: Message, hops = 0): void {
  drive(run, [], start, message, hops, undefined)
}

/** Where an entry that does nothing itself hands every message on to; `undefined` when it has to be gone through. */
export function passesOnTo({ kind, step, only }: LinkedNode): LinkedNode | undefined {
  return kind === 'step' && step === undefined ? only : undefined
}

/** As {@link walk}, for an entry of which it is known where it passes messages on to: with many routes in turn, to look at it is to wait for memory. */
export function walkFrom(run: EngineRun, start: LinkedNode, behind: LinkedNode | undefined, message: Message): void {
  if (behind === undefined || run.trace !== undefined) return walk(run, start, message)
  run.passed(start)
  run.steps++
  drive(run, [], behind, message, 1, undefined)
}

/** Goes on behind a node, as if it had just sent these messages. */
export function walkOn(run: EngineRun, node: LinkedNode, sends: NonNullable<Output>, hops = 0): void {
  const waiting: Branch[] = []
  spread(run, node, sends, hops, undefined, waiting)
  next(run, waiting)
}

/** Goes into a node on a trail, which is open meanwhile. */
export function walkAlong(run: EngineRun, trail: Trail, targets: readonly LinkedNode[], message: Message): void {
  const waiting: Branch[] = []
  trail.open()
  push(targets, message, 0, trail, waiting)
  next(run, waiting)
  trail.close()
}

/** Takes a fault to the Catch nodes of its node; without one, to the node in whose branch it happened, or to the caller. */
export function rescue(run: EngineRun, node: LinkedNode, message: Message, thrown: unknown, trail?: Trail): void {
  const waiting: Branch[] = []
  spreadFault(run, node, message, thrown, 0, trail, waiting)
  next(run, waiting)
}

/** Hands a fault to the Catch nodes without failing the caller: `node.error(text, msg)` in a script. */
export function report(run: EngineRun, node: LinkedNode, message: Message, thrown: unknown, trail?: Trail): void {
  if (node.rescue) return rescue(run, node, message, thrown, trail)
  const caught = located(node, thrown)
  run.uncaught ??= caught
  logFault(run, node, caught)
}

/** Wakes the Status nodes that listen to a node, in this run. */
export function announce(run: EngineRun, node: LinkedNode, status: NodeStatus, message: Message): void {
  if (!node.statuses) return
  const told: Message = { ...message, status: { ...status, source: node.statuses.source } }
  for (const listener of node.statuses.listeners) walk(run, listener, told)
}

function next(run: EngineRun, waiting: Branch[]): void {
  const first = waiting.pop()
  if (first) drive(run, waiting, first.node, first.message, first.hops, first.trail)
}

/** A trail given with the start is open for it already, and closed here. */
function drive(run: EngineRun, waiting: Branch[], start: LinkedNode, startMessage: Message, startHops: number, startTrail: Trail | undefined): void {
  let node: LinkedNode | undefined = start
  let message = startMessage
  let hops = startHops
  let trail = startTrail
  let began: number | undefined
  while (node !== undefined && !run.ended) {
    const current: LinkedNode = node
    // Without a trail, which is how nearly every step runs, there is nothing more to look at.
    const seen: Run = trail === undefined ? run : (trail.run ?? run)
    if (trail !== undefined && seen !== run && (seen as BranchRun).cancelled) {
      trail.close()
      const other = waiting.pop()
      if (!other) return
      node = other.node
      message = other.message
      hops = other.hops
      trail = other.trail
      continue
    }
    if (run.steps !== 0 && run.steps % stepsBetweenLooks === 0) {
      const now = run.host.clock.now()
      if (now >= run.deadline) {
        run.expire()
        return
      }
      if (now - (began ??= now) >= turnMs) {
        waiting.push({ node: current, message, hops, trail })
        goOnLater(run, waiting)
        return
      }
    }
    node = undefined
    if (run.host.freeze) run.host.freeze(message)
    run.passed(current)
    if (++run.steps > run.host.stepLimit) {
      const runaway = located(current, fault('flow.hops', { limit: run.host.stepLimit }))
      logFault(run, current, runaway)
      run.abort(runaway) // every branch of it would only meet the same limit
      return
    }
    if (++hops > run.host.hopLimit) {
      spreadFault(run, current, message, fault('flow.hops', { limit: run.host.hopLimit }), hops, trail, waiting, true)
    } else if (current.kind !== 'step') {
      run.trace?.pass(current, message)
      const branch = transfer(run, current, message, hops, trail, waiting)
      if (branch) {
        node = branch.node
        message = branch.message
        continue
      }
    } else {
      try {
        if (current.step === undefined && current.only !== undefined && run.trace === undefined) {
          node = current.only
          continue
        }
        if (trail !== undefined || run.trail !== undefined) run.trail = trail
        const result: Result = run.trace !== undefined ? run.trace.step(current, message, seen) : current.step === undefined ? { [current.ports[0] ?? 'out']: message } : current.step(message, seen)
        if (result === undefined) completed(current, message, hops, trail, waiting)
        else if (isPromise(result)) settleLater(run, current, message, hops, trail, result)
        else if (isAsyncIterable(result)) consume(run, current, message, hops, trail, result)
        else {
          // The commonest case first: one message down one wire goes on in this very loop.
          const target = current.only
          const sole = target === undefined ? undefined : soleMessage(result)
          if (sole !== undefined) {
            node = target
            message = sole
            if (result instanceof SentTo && result.trail) trail = enterTrail(result.trail, trail)
            continue
          }
          const only = target === undefined && current.completes.length === 0 ? onlySend(current, result) : undefined
          if (only) {
            node = (current.wires[only.port] as readonly LinkedNode[])[0]
            message = only.message
            if (only.trail) trail = enterTrail(only.trail, trail)
            continue
          }
          completed(current, message, hops, trail, waiting)
          spread(run, current, result, hops, trail, waiting)
        }
      } catch (thrown) {
        spreadFault(run, current, message, thrown, hops, trail, waiting)
      }
    }
    // Last of all, when whatever the branch left behind holds the trail open itself.
    trail?.close()
    trail = undefined
    const branch = waiting.pop()
    if (branch) {
      node = branch.node
      message = branch.message
      hops = branch.hops
      trail = branch.trail
    }
  }
}

/** Goes on within a trail that a step began: the branch leaves the outer one, which the inner one holds open. */
function enterTrail(inner: Trail, outer: Trail | undefined): Trail {
  inner.outer ??= outer
  inner.run ??= outer?.run
  inner.open()
  outer?.close()
  return inner
}

/** Lets timers, sockets and other runs have their turn, then goes on where the walk was. */
function goOnLater(run: EngineRun, waiting: Branch[]): void {
  run.open()
  setImmediate(() => {
    if (!run.ended) next(run, waiting)
    run.close()
  })
}

/** Puts what a node sent on the stack, last first, so that ports, messages and wires are served in drawn order. */
function spread(run: EngineRun, node: LinkedNode, sends: NonNullable<Output>, hops: number, trail: Trail | undefined, waiting: Branch[]): void {
  const before = waiting.length
  if (sends instanceof SentTo) {
    const own = sends.trail
    if (own) {
      // Open while its branches are made, so that one without a wire ends as well.
      own.outer ??= trail
      own.run ??= trail?.run
      own.open()
    }
    push(node.wires[sends.port] ?? [], sends.message, hops, own ?? trail, waiting)
    own?.close()
  } else spreadPorts(node, sends, hops, trail, waiting)
  if (run.host.freeze) for (let at = before; at < waiting.length; at++) run.host.freeze((waiting[at] as Branch).message)
}

function spreadPorts(node: LinkedNode, sends: Sends, hops: number, trail: Trail | undefined, waiting: Branch[]): void {
  for (let port = node.ports.length - 1; port >= 0; port--) {
    const sent = sends[node.ports[port] as string]
    const wires = node.wires[port]
    if (sent === undefined || sent === null || wires === undefined) continue
    if (Array.isArray(sent)) {
      for (let index = sent.length - 1; index >= 0; index--) push(wires, sent[index] as Message, hops, trail, waiting)
    } else push(wires, sent as Message, hops, trail, waiting)
  }
}

/** The one message of a node whose one port is `out`. */
function soleMessage(sends: NonNullable<Output>): Message | undefined {
  if (sends instanceof SentTo) return sends.port === 0 ? sends.message : undefined
  const { out } = sends
  return out === undefined || out === null || Array.isArray(out) ? undefined : (out as Message)
}

/** The one message of any other node, when it goes down a single wire. */
function onlySend(node: LinkedNode, sends: NonNullable<Output>): SentTo | undefined {
  if (sends instanceof SentTo) return node.wires[sends.port]?.length === 1 ? sends : undefined
  if (node.ports.length !== 1 || node.wires[0]?.length !== 1) return undefined
  const sent = node.ports[0] === 'out' ? sends['out'] : sends[node.ports[0] as string]
  return sent === undefined || sent === null || Array.isArray(sent) ? undefined : new SentTo(0, sent as Message)
}

function push(wires: readonly LinkedNode[], message: Message, hops: number, trail: Trail | undefined, waiting: Branch[]): void {
  for (let wire = wires.length - 1; wire >= 0; wire--) {
    trail?.open()
    waiting.push({ node: wires[wire] as LinkedNode, message, hops, trail })
  }
}

function completed(node: LinkedNode, message: Message, hops: number, trail: Trail | undefined, waiting: Branch[]): void {
  if (node.completes.length === 0) return
  const told: Message = { ...message, complete: { source: sourceOf(node) } }
  push(node.completes, told, hops, trail, waiting)
}

function settleLater(run: EngineRun, node: LinkedNode, message: Message, hops: number, trail: Trail | undefined, promise: PromiseLike<Output>): void {
  run.open()
  trail?.open()
  promise.then(
    (sends) => {
      if (goesOn(run, trail)) {
        const waiting: Branch[] = []
        completed(node, message, hops, trail, waiting)
        if (sends !== undefined) {
          const only = onlySend(node, sends)
          if (only && !only.trail) {
            trail?.open()
            drive(run, waiting, (node.wires[only.port] as readonly LinkedNode[])[0] as LinkedNode, only.message, hops, trail)
          } else {
            spread(run, node, sends, hops, trail, waiting)
            next(run, waiting)
          }
        } else next(run, waiting)
      }
      trail?.close()
      run.close()
    },
    (thrown: unknown) => {
      if (goesOn(run, trail)) settleFault(run, node, message, thrown, hops, trail)
      trail?.close()
      run.close()
    },
  )
}

/** Whether anybody wants what comes late: neither the run has ended nor was its branch cancelled. */
function goesOn(run: EngineRun, trail: Trail | undefined): boolean {
  return !run.ended && (trail?.run === undefined || !(trail.run as BranchRun).cancelled)
}

function settleFault(run: EngineRun, node: LinkedNode, message: Message, thrown: unknown, hops: number, trail: Trail | undefined): void {
  const waiting: Branch[] = []
  spreadFault(run, node, message, thrown, hops, trail, waiting)
  next(run, waiting)
}

/** A step that sends several times. It is pulled as fast as it gives; a run that has ended pulls no more. */
function consume(run: EngineRun, node: LinkedNode, message: Message, hops: number, trail: Trail | undefined, sequence: AsyncIterable<NonNullable<Output>>): void {
  run.open()
  trail?.open()
  void (async () => {
    try {
      for await (const sends of sequence) {
        if (!goesOn(run, trail)) return
        const waiting: Branch[] = []
        spread(run, node, sends, hops, trail, waiting)
        next(run, waiting)
      }
      if (!goesOn(run, trail)) return
      const waiting: Branch[] = []
      completed(node, message, hops, trail, waiting)
      next(run, waiting)
    } catch (thrown) {
      if (goesOn(run, trail)) settleFault(run, node, message, thrown, hops, trail)
    } finally {
      trail?.close()
      run.close()
    }
  })()
}

/** The ways across tabs: into a link in, into a called flow, and back. */
function transfer(run: EngineRun, node: LinkedNode, message: Message, hops: number, trail: Trail | undefined, waiting: Branch[]): Branch | undefined {
  switch (node.kind) {
    case 'remote': {
      const target = run.home.linkIn(node.targets[0] as string, node.flow)
      return target && { node: target, message, hops, trail } // a link to a disabled tab leads nowhere, as in Node-RED
    }
    case 'call': {
      const wanted = node.targets[0] ?? message.target
      const target = typeof wanted === 'string' ? run.home.linkIn(wanted, node.flow, node.targets.length === 0) : undefined
      if (!target) {
        spreadFault(run, node, message, fault('flow.target_missing', { target: String(wanted) }), hops, trail, waiting)
        return undefined
      }
      const stack = frames(message)
      if (stack.length >= longestStack) {
        spreadFault(run, node, message, fault('flow.hops', { limit: longestStack }), hops, trail, waiting, true)
        return undefined
      }
      const frame = { id: run.call(node, message, trail), node: node.id }
      return { node: target, message: { ...message, _linkSource: [...stack, frame] }, hops, trail }
    }
    case 'return': {
      const stack = frames(message)
      const frame = stack.at(-1)
      const call = frame && run.returnTo(String(frame.id))
      if (!call) {
        spreadFault(run, node, message, fault('step.config', { message: 'This link out node returns to a link call, but the message did not come through one.' }), hops, trail, waiting)
        return undefined
      }
      const { _linkSource: _, ...rest } = message
      const back: Message = stack.length > 1 ? { ...rest, _linkSource: stack.slice(0, -1) } : rest
      completed(node, message, hops, trail, waiting)
      // As in Node-RED a call is done with its first return; what else comes back is only sent on.
      if (call.first) completed(call.node, call.message, hops, trail, waiting)
      spread(run, call.node, { [call.node.ports[0] ?? 'out']: back }, hops, trail, waiting)
      return undefined
    }
    default:
      return undefined
  }
}

function frames(message: Message): readonly { readonly id?: unknown }[] {
  return Array.isArray(message._linkSource) ? (message._linkSource as { id?: unknown }[]) : []
}

function spreadFault(run: EngineRun, node: LinkedNode, message: Message, thrown: unknown, hops: number, trail: Trail | undefined, waiting: Branch[], final = false): void {
  const caught = located(node, thrown)
  const { rescue: rescuer } = node
  const branch = trail?.run as BranchRun | undefined
  if (branch && (final || !isInside(rescuer, branch))) {
    if (branch.failed(caught, message)) return
    // The branch has given its result already: nobody waits for it any more.
    if (!branch.cancelled) logFault(run, node, caught)
    return
  }
  // A fault on the way round a circle must not be fed back into the circle.
  if (!rescuer || final || hops > run.host.hopLimit) {
    // A circle that fans out meets the limit on every one of its ways: one line says it all.
    if (caught.code !== 'flow.hops' || run.uncaught?.code !== 'flow.hops') logFault(run, node, caught)
    run.fail(caught)
    return
  }
  // A structured node hands on what happened in its branch: the place is that one's.
  const source = caught.at?.node === node.id ? rescuer.source : placeOf(caught, rescuer.source)
  const told: Message = {
    ...(caught.shown ?? message),
    ...(message.error === undefined ? {} : { _error: message.error }),
    error: { message: caught.message, code: caught.code, status: caught.status, facts: caught.facts, source: { ...source, count: timesFailed(message, source.id) } },
  }
  push(rescuer.catchers, told, hops, trail, waiting)
}

function placeOf({ at }: Fault, otherwise: Source): Source {
  return at ? { id: at.node, type: at.type ?? otherwise.type, ...(at.name === undefined ? {} : { name: at.name }) } : otherwise
}

/** Catch nodes that mean a node of a branch, but not the node that opened it, lie in the branch; others around it. */
function isInside(rescuer: LinkedNode['rescue'], { opener }: BranchRun): boolean {
  if (!rescuer) return false
  const outer = opener.rescue?.catchers
  return !outer || outer.length !== rescuer.catchers.length || outer.some((catcher, at) => catcher !== rescuer.catchers[at])
}

/** How often in a row this node has failed on the message, as Node-RED counts it. */
function timesFailed(message: Message, node: string): number {
  const { source } = (message.error ?? {}) as { source?: { id?: unknown; count?: unknown } | undefined }
  return source?.id === node ? (Number(source.count) || 0) + 1 : 1
}

function logFault(run: EngineRun, node: LinkedNode, caught: Fault): void {
  if (caught.told) return
  run.log.error({ node: node.id, type: node.type, code: caught.code, ...(caught.cause instanceof Error && !caught.quiet ? { cause: caught.cause.message } : {}) }, caught.quiet ? caught.title : caught.message)
}

/** What was thrown, as a fault that says where. */
function located(node: LinkedNode, thrown: unknown): Fault {
  const caught = toFault(thrown)
  caught.at ??= { flow: node.flow, node: node.id, type: node.type, ...(node.name === undefined ? {} : { name: node.name }) }
  if (node.labels && tellingFaults.has(caught.code)) caught.quiet = true
  return caught
}

function sourceOf(node: { readonly id: string; readonly type: string; readonly name?: string }) {
  return { id: node.id, type: node.type, ...(node.name === undefined ? {} : { name: node.name }) }
}

function isPromise(result: object): result is Promise<Output> {
  return typeof (result as { then?: unknown }).then === 'function'
}

function isAsyncIterable(result: object): result is AsyncIterable<NonNullable<Output>> {
  return typeof (result as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator] === 'function'
}
