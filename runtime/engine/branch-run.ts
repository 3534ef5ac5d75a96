import type { ClientEnvironment, MessageClient } from '../core/access/clients.ts'
import type { BranchOptions } from '../core/branches.ts'
import type { Context } from '../core/state/context.ts'
import type { Fault } from '../core/fault.ts'
import type { Log } from '../core/log.ts'
import type { Message } from '../core/message.ts'
import type { LinkedNode } from '../core/pipeline.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'
import type { Run, RunEnd, RunJob, RunOutcome } from '../core/run.ts'
import { Trail } from '../core/step.ts'
import type { RunTrace } from '../core/trace.ts'
import type { EngineRun } from './engine-run.ts'

/**
 * A run as the steps of one branch see it. It is the run, but for what a branch has of its own: signal, deadline, the state of
 * nodes that collect, and the way back to the node that opened it.
 */
export class BranchRun implements Run {
  readonly root: EngineRun
  /** The node that opened it. */
  readonly opener: LinkedNode
  readonly depth: number
  readonly deadline: number
  /** Open as long as anything of the branch is under way. */
  readonly trail: Trail
  readonly #outer: BranchRun | undefined
  readonly #options: BranchOptions
  #told = false
  #look: ((message: Message) => void) | undefined = undefined
  #over = false
  #reason: Fault | undefined = undefined
  #controller: AbortController | undefined = undefined
  #onAbort: Set<(reason: unknown) => void> | undefined = undefined
  #leaveParent: (() => void) | undefined = undefined
  #states: Map<object, unknown> | undefined = undefined

  constructor(parent: Run, opener: LinkedNode, around: Trail | undefined, options: BranchOptions) {
    const outer = parent instanceof BranchRun ? parent : undefined
    this.root = outer ? outer.root : (parent as EngineRun)
    this.opener = opener
    this.depth = (outer?.depth ?? 0) + 1
    this.deadline = options.deadline === undefined ? parent.deadline : Math.min(options.deadline, parent.deadline)
    this.#outer = outer
    this.#options = options
    this.trail = new Trail(() => this.#ended())
    this.trail.outer = around
    this.trail.run = this
  }

  /** True once it, or a branch that it lies in, was cancelled. */
  get cancelled(): boolean {
    return this.#reason !== undefined || this.#outer?.cancelled === true
  }

  beforeBranchEnds(look: (message: Message) => void): void {
    this.#look = look
  }

  endBranch(message: Message): void {
    if (!this.#told) this.#look?.(message)
    if (!this.#tell()) return
    this.#options.returned(message)
  }

  /** Hands over a fault that no Catch node of the branch took; false when nobody waits for the branch any more. */
  failed(caught: Fault, message: Message): boolean {
    if (!this.#tell()) return false
    this.#options.failed(caught, message)
    return true
  }

  cancel(reason: Fault): void {
    if (this.#reason || this.#over) return
    this.#told = true
    this.#abort(reason)
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      const reason = this.#reasonNow()
      if (reason !== undefined) this.#controller.abort(reason)
      else this.#followParent()
    }
    return this.#controller.signal
  }

  onAbort(listener: (reason: unknown) => void): () => void {
    const reason = this.#reasonNow()
    if (reason !== undefined) {
      listener(reason)
      return () => {}
    }
    this.#followParent()
    const listeners = (this.#onAbort ??= new Set())
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  state<T>(key: object, create: () => T, of: 'branch' | 'run' = 'branch'): T {
    if (of === 'run') return this.root.state(key, create)
    const states = (this.#states ??= new Map<object, unknown>())
    if (!states.has(key)) states.set(key, create())
    return states.get(key) as T
  }

  hold(): () => void {
    const letGo = this.root.hold()
    this.trail.open()
    let held = true
    return () => {
      if (!held) return
      held = false
      this.trail.close()
      letGo()
    }
  }

  get id(): string {
    return this.root.id
  }

  get flow(): string {
    return this.root.flow
  }

  get revision(): string {
    return this.root.revision
  }

  get request(): RequestFacts | undefined {
    return this.root.request
  }

  get environment(): ClientEnvironment | undefined {
    return this.root.environment
  }

  get caller(): MessageClient | undefined {
    return this.root.caller
  }

  get job(): RunJob | undefined {
    return this.root.job
  }

  get trace(): RunTrace | undefined {
    return this.root.trace
  }

  get heldLines(): readonly string[] | undefined {
    return this.root.heldLines
  }

  get log(): Log {
    return this.root.log
  }

  get context(): Context {
    return this.root.context
  }

  get replied(): boolean {
    return this.root.replied
  }

  onEnd(listener: (end: RunEnd) => void): void {
    this.root.onEnd(listener)
  }

  noteCaller(caller: MessageClient): void {
    this.root.noteCaller(caller)
  }

  noteEnvironment(environment: ClientEnvironment): void {
    this.root.noteEnvironment(environment)
  }

  noteBackend(): void {
    this.root.noteBackend()
  }

  noteWait(ms: number): void {
    this.root.noteWait(ms)
  }

  noteHeld(line: string): () => void {
    return this.root.noteHeld(line)
  }

  reply(message: Message): void {
    this.root.reply(message)
  }

  beforeAnswer(listener: (outcome: RunOutcome) => void | Promise<void>): void {
    this.root.beforeAnswer(listener)
  }

  afterAnswer(listener: (outcome: RunOutcome | undefined) => void): void {
    this.root.afterAnswer(listener)
  }

  answerInstead(choose: (outcome: RunOutcome) => Message | undefined): void {
    this.root.answerInstead(choose)
  }

  outliveCaller(): void {
    this.root.outliveCaller()
  }

  addReplyHeader(name: string, value: string, key = ''): void {
    this.root.addReplyHeader(name, value, key)
  }

  hasReplyHeader(name: string): boolean {
    return this.root.hasReplyHeader(name)
  }

  #tell(): boolean {
    if (this.#told || this.cancelled) return false
    this.#told = true
    return true
  }

  #ended(): void {
    if (this.#over) return
    // A timer of a step may open the trail once more: of what happens then nobody is told.
    this.#over = true
    this.#leaveParent?.()
    if (!this.root.ended && this.#tell()) this.#options.ended()
  }

  #reasonNow(): unknown {
    if (this.#reason) return this.#reason
    return this.#outer ? this.#outer.#reasonNow() : this.root.reason
  }

  /** Only a branch that somebody listens in has to hear of what ends the run. */
  #followParent(): void {
    this.#leaveParent ??= (this.#outer ?? this.root).onAbort((reason) => this.#abort(reason as Fault))
  }

  #abort(reason: Fault): void {
    if (this.#reason) return
    this.#reason = reason
    this.#leaveParent?.()
    this.#controller?.abort(reason)
    const listeners = this.#onAbort
    this.#onAbort = undefined
    for (const listener of listeners ?? []) listener(reason)
  }
}

/** The run behind what a step was given. */
export function runOf(run: Run): EngineRun {
  return run instanceof BranchRun ? run.root : (run as EngineRun)
}
