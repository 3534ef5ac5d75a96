import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { fault, type Fault } from '../core/fault.ts'
import type { Log } from '../core/log.ts'
import type { Message } from '../core/message.ts'
import type { LinkedNode } from '../core/pipeline.ts'
import type { RequestFacts } from '../core/request-facts.ts'
import type { Run } from '../core/run.ts'
import type { DeadlineList, Timed } from './deadlines.ts'

/** What runs share: given once, by whoever composes the engine. */
export interface RunHost {
  readonly clock: Clock
  readonly log: Log
  /** Longest way one message may take, in steps. */
  readonly hopLimit: number
  /** Most steps all branches of one run may take together. */
  readonly stepLimit: number
  /** Deep-freeze every message on every wire: tests do. */
  readonly freeze?: (message: Message) => void
  createContext(): Context
}

/** What a run sees of its deployment: the other tabs, as they were when the run began. */
export interface RunHome {
  readonly release: number
  linkIn(idOrName: string, fromFlow: string): LinkedNode | undefined
  ended(run: EngineRun): void
}

/** Who waits for the answer. Absent for runs that nobody called. */
export interface Caller {
  reply(message: Message): void
  fail(fault: Fault): void
}

/** A link call that was made and where its return goes on. */
interface Call {
  readonly node: LinkedNode
  readonly message: Message
  returned: boolean
  cancel: () => void
}

/** Nodes kept of the way a run took, for the log. */
const pathKept = 40

/**
 * The one implementation of Run. Its life: open branches are counted; when the last has ended, the run
 * ends, and a caller that has no answer by then gets one. An abort ends it at once: what still runs is
 * told by the signal and what it sends later is dropped.
 */
export class EngineRun implements Run, Timed {
  readonly id: string
  readonly flow: string
  readonly revision: string
  readonly entry: LinkedNode
  readonly on: string
  readonly request: RequestFacts | undefined
  readonly startedAt: number
  readonly deadline: number
  readonly limitMs: number
  /** True when somebody called, also when that somebody has left since. */
  readonly called: boolean
  readonly host: RunHost
  readonly home: RunHome
  readonly taken: LinkedNode[] = []
  steps = 0
  replied = false
  ended = false
  /** The fault the run ended with, if no Catch node took it. */
  uncaught: Fault | undefined = undefined
  prev: Timed | undefined = undefined
  next: Timed | undefined = undefined
  list: DeadlineList | undefined = undefined
  #open = 0
  #caller: Caller | undefined
  #reason: Fault | undefined = undefined
  #controller: AbortController | undefined = undefined
  #context: Context | undefined = undefined
  #states: Map<object, unknown> | undefined = undefined
  #calls: Map<string, Call> | undefined = undefined
  #log: Log | undefined = undefined
  #onAbort: Set<(reason: unknown) => void> | undefined = undefined
  /** Set by the walker: takes a fault to the Catch nodes of a node. */
  readonly #rescue: (run: EngineRun, node: LinkedNode, message: Message, thrown: unknown) => void

  constructor(input: {
    id: string
    on: string
    entry: LinkedNode
    request?: RequestFacts
    caller?: Caller
    limitMs: number
    host: RunHost
    home: RunHome
    rescue: (run: EngineRun, node: LinkedNode, message: Message, thrown: unknown) => void
  }) {
    this.id = input.id
    this.on = input.on
    this.entry = input.entry
    this.flow = input.entry.flow
    this.revision = input.entry.revision
    this.request = input.request
    this.#caller = input.caller
    this.called = input.caller !== undefined
    this.host = input.host
    this.home = input.home
    this.limitMs = input.limitMs
    this.startedAt = input.host.clock.now()
    this.deadline = this.startedAt + input.limitMs
    this.#rescue = input.rescue
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#reason) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  onAbort(listener: (reason: unknown) => void): () => void {
    if (this.#reason) {
      listener(this.#reason)
      return () => {}
    }
    const listeners = (this.#onAbort ??= new Set())
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  get context(): Context {
    return (this.#context ??= this.host.createContext())
  }

  get log(): Log {
    return (this.#log ??= withFacts(this.host.log, { run: this.id, flow: this.flow, revision: this.revision }))
  }

  reply(message: Message): void {
    if (this.replied) throw fault('flow.already_replied')
    if (this.ended) return // the client is gone or was answered by the deadline
    this.replied = true
    if (this.#caller) this.#caller.reply(message)
    else this.log.warn({}, 'a reply was sent in a run that no caller waits for')
  }

  /** Answers the caller with a fault, if nobody answered before. */
  fail(thrown: Fault): void {
    this.uncaught ??= thrown
    if (this.replied || this.ended) return
    this.replied = true
    this.#caller?.fail(thrown)
  }

  state<T>(key: object, create: () => T): T {
    const states = (this.#states ??= new Map<object, unknown>())
    if (!states.has(key)) states.set(key, create())
    return states.get(key) as T
  }

  hold(): () => void {
    this.open()
    let held = true
    return () => {
      if (!held) return
      held = false
      this.close()
    }
  }

  /** One branch more. */
  open(): void {
    this.#open++
  }

  /** One branch less; the last one ends the run. */
  close(): void {
    if (--this.#open > 0 || this.ended) return
    // Link calls that nothing can answer any more: their Catch nodes may still give the reply.
    if (this.#calls) this.#giveUpCalls()
    if (this.#open > 0) return
    if (!this.replied && this.#caller) {
      const missing = fault('flow.no_reply', { path: this.path() })
      this.log.error({ node: this.taken.at(-1)?.id, path: this.path() }, 'the flow ended without a reply')
      this.fail(missing)
    }
    this.#end()
  }

  /** Ends the run now. The caller, if still waiting, gets the reason as its answer unless it is the one who left. */
  abort(reason: Fault, callerIsGone = false): void {
    if (this.ended) return
    this.#reason = reason
    if (callerIsGone) this.#caller = undefined
    this.fail(reason)
    this.#end()
    this.#controller?.abort(reason)
    for (const listener of this.#onAbort ?? []) listener(reason)
  }

  expire(): void {
    this.log.warn({ limitMs: this.limitMs, path: this.path() }, this.replied ? 'work after the reply passed the deadline' : 'the deadline passed')
    this.abort(fault('flow.timeout', { limitMs: this.limitMs }))
  }

  /** The way taken, as node names, for the log. */
  path(): string {
    const names = this.taken.map((node) => node.name ?? node.type)
    return names.length < pathKept ? names.join(' → ') : `${names.join(' → ')} → …`
  }

  /** Notes that a node was entered. */
  passed(node: LinkedNode): void {
    if (this.taken.length < pathKept) this.taken.push(node)
  }

  /** Remembers a link call; the id travels in the message until a link out in return mode takes it off. */
  call(node: LinkedNode, message: Message): string {
    const calls = (this.#calls ??= new Map<string, Call>())
    const id = `${this.id}/${calls.size + 1}`
    const call: Call = { node, message, returned: false, cancel: () => {} }
    if (node.timeoutMs > 0) {
      call.cancel = this.host.clock.setTimer(() => {
        if (call.returned || this.ended) return
        call.returned = true
        this.open()
        this.#rescue(this, node, message, fault('flow.no_return', { afterMs: node.timeoutMs }))
        this.close()
      }, node.timeoutMs)
    }
    calls.set(id, call)
    return id
  }

  /** The node a return goes back to; `undefined` when the call is not of this run. */
  returnTo(id: string): LinkedNode | undefined {
    const call = this.#calls?.get(id)
    if (!call) return undefined
    call.returned = true
    call.cancel()
    return call.node
  }

  #giveUpCalls(): void {
    for (const call of this.#calls?.values() ?? []) {
      if (call.returned) continue
      call.returned = true
      call.cancel()
      this.open()
      this.#rescue(this, call.node, call.message, fault('flow.no_return'))
      this.#open-- // not close(): this loop is run by the close that ends the run
    }
  }

  #end(): void {
    this.ended = true
    this.list?.remove(this)
    if (this.#calls) for (const call of this.#calls.values()) call.cancel()
    this.#states = undefined
    this.home.ended(this)
  }
}

function withFacts(log: Log, own: object): Log {
  return {
    debug: (facts, text) => log.debug({ ...own, ...facts }, text),
    info: (facts, text) => log.info({ ...own, ...facts }, text),
    warn: (facts, text) => log.warn({ ...own, ...facts }, text),
    error: (facts, text) => log.error({ ...own, ...facts }, text),
  }
}
