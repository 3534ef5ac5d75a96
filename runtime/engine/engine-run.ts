import type { ApartWork } from '../core/branches.ts'
import type { ClientEnvironment, MessageClient } from '../core/access/clients.ts'
import type { Clock } from '../core/time/clock.ts'
import type { Context } from '../core/state/context.ts'
import { fault, type Fault } from '../core/fault.ts'
import type { Log } from '../core/log.ts'
import type { Message } from '../core/message.ts'
import type { LinkedNode } from '../core/pipeline.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'
import type { RunTrace } from '../core/trace.ts'
import type { Run, RunEnd, RunJob, RunOutcome } from '../core/run.ts'
import type { Trail } from '../core/step.ts'
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
  /** `chosen`: by a message, when it runs; what is drawn was checked at deploy. */
  linkIn(idOrName: string, fromFlow: string, chosen?: boolean): LinkedNode | undefined
  ended(run: EngineRun): void
  /** Starts a run that goes on behind a node for one that may have ended. */
  startApart?(from: EngineRun, node: LinkedNode, work: ApartWork): void
}

/** Who waits for the answer. Absent for runs that nobody called. */
export interface Caller {
  /** `headers`: names and values in turn, for those that the answer does not set itself. */
  reply(message: Message, headers?: readonly string[]): void
  fail(fault: Fault, headers?: readonly string[]): void
  readonly held?: string | undefined
  /** How long it waited before the run. */
  readonly waitedMs?: number
  noteWait?(ms: number): void
}

/** A link call that was made and where its return goes on. */
interface Call {
  readonly node: LinkedNode
  readonly message: Message
  readonly trail: Trail | undefined
  returned: boolean
  cancel: () => void
}

/** Takes a fault to whoever takes the faults of a node; `trail` is what the message was part of. */
export type Rescue = (run: EngineRun, node: LinkedNode, message: Message, thrown: unknown, trail?: Trail) => void

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
  readonly job: RunJob | undefined
  readonly host: RunHost
  readonly home: RunHome
  readonly taken: LinkedNode[] = []
  environment: ClientEnvironment | undefined = undefined
  caller: MessageClient | undefined = undefined
  /** How long it waited for turns at its nodes; undefined when it came to none. */
  waitedMs: number | undefined = undefined
  heldLines: string[] | undefined = undefined
  /** Set before the run begins, when it is to be written down. */
  trace: RunTrace | undefined = undefined
  steps = 0
  /** What the step that runs now is part of; for steps that open branches. */
  trail: Trail | undefined = undefined
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
  #beforeAnswer: ((outcome: RunOutcome) => void | Promise<void>)[] | undefined = undefined
  #instead: ((outcome: RunOutcome) => Message | undefined)[] | undefined = undefined
  #afterAnswer: ((outcome: RunOutcome | undefined) => void)[] | undefined = undefined
  /** Gives the answer that waits for listeners. */
  #giveNow: (() => void) | undefined = undefined
  #outlivesCaller = false
  #onEnd: ((end: RunEnd) => void)[] | undefined = undefined
  /** Few and short-lived: a list costs less than maps. */
  #replyHeaders: { readonly name: string; readonly key: string; value: string }[] | undefined = undefined
  #status: number | undefined = undefined
  #backendReached = false
  /** Set by the walker: takes a fault to the Catch nodes of a node. */
  readonly #rescue: Rescue

  constructor(input: {
    id: string
    on: string
    entry: LinkedNode
    /** Says of which flow and revision the entry is without its being looked at. */
    place?: { readonly flow: string; readonly revision: string }
    request?: RequestFacts
    caller?: Caller
    job?: RunJob | undefined
    limitMs: number
    host: RunHost
    home: RunHome
    rescue: Rescue
  }) {
    this.id = input.id
    this.on = input.on
    this.entry = input.entry
    const { flow, revision } = input.place ?? input.entry
    this.flow = flow
    this.revision = revision
    this.request = input.request
    this.#caller = input.caller
    this.called = input.caller !== undefined
    if (input.caller?.held !== undefined) this.heldLines = [input.caller.held]
    this.job = input.job
    this.host = input.host
    this.home = input.home
    this.limitMs = input.limitMs
    this.startedAt = input.host.clock.now()
    this.deadline = this.startedAt + input.limitMs - (input.caller?.waitedMs ?? 0)
    this.#rescue = input.rescue
  }

  /** Why it was cut short. */
  get reason(): Fault | undefined {
    return this.#reason
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

  onEnd(listener: (end: RunEnd) => void): void {
    if (this.ended) listener(this.#howItEnded())
    else if (this.#onEnd) this.#onEnd.push(listener)
    else this.#onEnd = [listener]
  }

  noteCaller(caller: MessageClient): void {
    this.caller = caller
  }

  noteEnvironment(environment: ClientEnvironment): void {
    if (this.environment !== 'sandbox') this.environment = environment
  }

  noteHeld(line: string): () => void {
    const held = (this.heldLines ??= [])
    held.push(line)
    let given = false
    return () => {
      if (given) return
      given = true
      held.splice(held.indexOf(line), 1)
    }
  }

  noteWait(ms: number): void {
    this.waitedMs = (this.waitedMs ?? 0) + ms
    this.#caller?.noteWait?.(ms)
  }

  noteBackend(): void {
    this.#backendReached = true
  }

  addReplyHeader(name: string, value: string, key = ''): void {
    const headers = (this.#replyHeaders ??= [])
    for (const header of headers) {
      if (header.name !== name || header.key !== key) continue
      header.value = value
      return
    }
    headers.push({ name, key, value })
  }

  hasReplyHeader(name: string): boolean {
    return this.#replyHeaders?.some((header) => header.name === name) === true
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
    if (this.#instead) message = this.#choose({ kind: 'reply', message }) ?? message
    this.replied = true
    this.#status = statusOf(message)
    if (this.#beforeAnswer) this.#answerAfter({ kind: 'reply', message }, () => this.#giveReply(message))
    else this.#giveReply(message)
  }

  beforeAnswer(listener: (outcome: RunOutcome) => void | Promise<void>): void {
    if (!this.replied && !this.ended) (this.#beforeAnswer ??= []).push(listener)
  }

  afterAnswer(listener: (outcome: RunOutcome | undefined) => void): void {
    if (this.replied || this.ended) return listener(undefined)
    ;(this.#afterAnswer ??= []).push(listener)
    this.#beforeAnswer ??= [] // so that a run without listeners has one field to look at
  }

  answerInstead(choose: (outcome: RunOutcome) => Message | undefined): void {
    if (!this.replied && !this.ended) (this.#instead ??= []).push(choose)
  }

  outliveCaller(): void {
    this.#outlivesCaller = true
  }

  /** Answers the caller with a fault, if nobody answered before. */
  fail(thrown: Fault): void {
    this.uncaught ??= thrown
    if (this.replied || this.ended) return
    const other = this.#instead && this.#choose({ kind: 'fault', fault: thrown })
    if (other) {
      this.reply(other)
      return
    }
    this.replied = true
    if (this.#caller) this.#status = thrown.status
    if (this.#beforeAnswer) this.#answerAfter({ kind: 'fault', fault: thrown }, () => this.#caller?.fail(thrown, this.#replyHeaderList()))
    else this.#caller?.fail(thrown, this.#replyHeaderList())
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
    if (this.#beforeAnswer && !this.replied) this.#answerAfter({ kind: 'end' }, () => {})
    if (this.#open > 0) return // a listener still writes down what the run came to
    this.#end()
  }

  /** Ends the run now. The caller, if still waiting, gets the reason as its answer unless it is the one who left. */
  abort(reason: Fault, callerIsGone = false): void {
    if (this.ended) return
    if (callerIsGone) {
      this.#caller = undefined
      if (this.#outlivesCaller) return
    }
    this.#reason = reason
    this.fail(reason)
    this.#giveNow?.()
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
  call(node: LinkedNode, message: Message, trail?: Trail): string {
    const calls = (this.#calls ??= new Map<string, Call>())
    const id = `${this.id}/${calls.size + 1}`
    const call: Call = { node, message, trail, returned: false, cancel: () => {} }
    if (node.timeoutMs > 0) {
      call.cancel = this.host.clock.setTimer(() => {
        if (call.returned || this.ended) return
        call.returned = true
        this.open()
        this.#rescue(this, node, message, fault('flow.no_return', { afterMs: node.timeoutMs }), trail)
        this.close()
      }, node.timeoutMs)
    }
    calls.set(id, call)
    return id
  }

  /** The node a return goes back to; `undefined` when the call is not of this run. */
  returnTo(id: string): { readonly node: LinkedNode; readonly message: Message; readonly first: boolean } | undefined {
    const call = this.#calls?.get(id)
    if (!call) return undefined
    const first = !call.returned
    call.returned = true
    call.cancel()
    return { node: call.node, message: call.message, first }
  }

  #giveReply(message: Message): void {
    if (this.#caller) this.#caller.reply(message, this.#replyHeaderList())
    else if (!this.called && this.on !== 'job' && this.on !== 'refresh') this.log.warn({}, 'a reply was sent in a run that no caller waits for')
  }

  #choose(outcome: RunOutcome): Message | undefined {
    const choices = this.#instead ?? []
    this.#instead = undefined
    for (const choose of choices) {
      const other = choose(outcome)
      if (other) return other
    }
    return undefined
  }

  /** Tells the listeners, and gives the answer when all have settled, or at once when nothing has to settle. */
  #answerAfter(outcome: RunOutcome, giveAnswer: () => void): void {
    const after = this.#afterAnswer
    this.#afterAnswer = undefined
    const give = after ? () => (giveAnswer(), after.forEach((listener) => listener(outcome))) : giveAnswer
    const pending: Promise<void>[] = []
    const listeners = this.#beforeAnswer ?? []
    this.#beforeAnswer = undefined
    for (const listener of listeners) {
      try {
        const told = listener(outcome)
        if (told) pending.push(told)
      } catch (error) {
        this.log.error({ cause: String(error) }, 'a listener of the run failed')
      }
    }
    if (pending.length === 0) return give()
    this.open()
    this.#giveNow = () => {
      this.#giveNow = undefined
      give()
    }
    void Promise.allSettled(pending).then(() => {
      this.#giveNow?.()
      this.close()
    })
  }

  #giveUpCalls(): void {
    for (const call of this.#calls?.values() ?? []) {
      if (call.returned) continue
      if (this.replied && call.node.timeoutMs === 0) continue // a global policy has answered
      call.returned = true
      call.cancel()
      this.open()
      this.#rescue(this, call.node, call.message, fault('flow.no_return'), call.trail)
      this.#open-- // not close(): this loop is run by the close that ends the run
    }
  }

  #replyHeaderList(): readonly string[] | undefined {
    if (!this.#replyHeaders) return undefined
    const list: string[] = []
    for (const { name, value } of this.#replyHeaders) {
      const at = list.indexOf(name)
      // Names and values take turns: a value that reads like a name does not count.
      if (at >= 0 && at % 2 === 0) list[at + 1] += `, ${value}`
      else list.push(name, value)
    }
    return list
  }

  #howItEnded(): RunEnd {
    return { status: this.#status, fault: this.uncaught, backendReached: this.#backendReached, ...(this.hasReplyHeader('X-Degraded') ? { degraded: true } : {}) }
  }

  #end(): void {
    this.ended = true
    this.list?.remove(this)
    if (this.#calls) for (const call of this.#calls.values()) call.cancel()
    this.#states = undefined
    this.home.ended(this)
    if (!this.#onEnd) return
    const end = this.#howItEnded()
    for (const listener of this.#onEnd) listener(end)
    this.#onEnd = undefined
  }
}

function statusOf({ statusCode }: Message): number {
  return typeof statusCode === 'number' && statusCode !== 0 ? statusCode : Number.parseInt(String(statusCode), 10) || 200
}

function withFacts(log: Log, own: object): Log {
  return {
    debug: (facts, text) => log.debug({ ...own, ...facts }, text),
    info: (facts, text) => log.info({ ...own, ...facts }, text),
    warn: (facts, text) => log.warn({ ...own, ...facts }, text),
    error: (facts, text) => log.error({ ...own, ...facts }, text),
  }
}
