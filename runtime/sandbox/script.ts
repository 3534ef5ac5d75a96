import { createHash } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import { fault, type Fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import type { Run } from '../core/run.ts'
import type { ScriptHost, ScriptSource } from '../core/sandbox.ts'
import type { Output, Step } from '../core/step.ts'
import { analyse } from './analyse.ts'
import type { BatchCall, Batcher } from './batcher.ts'
import { decodeOutcome, encodeMessage, toScriptFault, type GuestError, type GuestEvent, type Outcome } from './frames.ts'
import { limitOf, type Guest, type GuestContext } from './guest.ts'
import { answer } from './host-calls.ts'
import type { Lane, LaneTask } from './lane.ts'
import type { Limits } from './limits.ts'
import type { OwnerPool } from './pool.ts'
import { createSendStream, toSends, type SendStream } from './sends.ts'

export interface ScriptParts {
  readonly clock: Clock
  readonly pool: OwnerPool
  readonly limits: Limits
  readonly timeoutMs: number
  readonly heapMb: number
  readonly inputLimitBytes: number
}

/** Inputs above this many characters enter alone, in an isolate where nobody else is. */
export const largeChars = 64 * 1024
const servingMs = 20
/** How often a call that was given no processor time may begin again. */
const starvedTries = 3
const longestTimerMs = 2 ** 31 - 1

/** A call that has begun, or waits to. `run` is absent for On Start code. */
interface Call {
  readonly id: number
  readonly run: Run | undefined
  readonly message: Message | undefined
}

/** A call of an asynchronous function, open until its promise has settled and its timers have ended. */
interface OpenCall extends Call {
  readonly lane: Lane
  readonly timers: Map<number, () => void>
  send(outcome: Outcome): void
  settled(outcome: Outcome): void
  fail(error: unknown): void
  end(): void
}

/** One function node: where its contexts are, which calls are open, and which door the next one takes. */
export function createScript(parts: ScriptParts, script: ScriptSource, host: ScriptHost): { step: Step; close(): Promise<void> } {
  const { clock, pool, limits } = parts
  const analysis = analyse(script.code)
  const key = `${script.owner}\n${script.id}\n${hashOf(script)}`
  const history = limits.of(key)
  const timeoutMs = script.timeoutMs ?? parts.timeoutMs
  const inputLimit = script.inputLimitBytes ?? parts.inputLimitBytes
  const initialize = script.initialize?.trim() ? script.initialize : undefined
  const finalize = script.finalize?.trim() ? script.finalize : undefined
  const evented = analysis.async || initialize !== undefined
  /** It keeps something in its context that a move would lose. */
  const pinned = evented || analysis.closes
  const named = analysis.named || evented

  const contexts = new Map<Guest, Promise<GuestContext>>()
  /** The same, as soon as they can be entered: On Start code may still be running. */
  const entries = new WeakMap<Guest, GuestContext>()
  const calls = new Map<number, Call>()
  const open = new Map<number, OpenCall>()
  /** Those of them that have entered. */
  const begunCalls = new Set<number>()
  let callCount = 0
  let closed = false
  let sidePending = 0
  let home: Lane | undefined
  let serving: { batcher: Batcher; slot: number } | undefined
  let moving: Promise<void> | undefined
  let whenDrained: (() => void) | undefined

  const meta = JSON.stringify({
    id: host.node.id,
    name: host.node.name ?? '',
    path: host.node.flow,
    outputs: script.outputs,
    async: evented,
    narrow: analysis.narrow,
    plain: analysis.plain && !evented && finalize === undefined,
  })

  const hostCalls = {
    contexts: host.contexts,
    env: (name: string) => host.env(name),
    runContext: (call: number) => (calls.get(call) ?? open.get(call))?.run?.context,
  }

  function contextIn(guest: Guest, lane?: Lane): Promise<GuestContext> {
    let context = contexts.get(guest)
    if (!context) {
      for (const other of contexts.keys()) if (other.dead) contexts.delete(other)
      guest.load++
      context = guest
        .makeContext({ code: script.code, initialize, finalize, async: evented, meta, host: (...question) => answer(hostCalls, question), tell })
        .then(async (made) => {
          entries.set(guest, made)
          if (lane && initialize) await runInitialize(lane, made)
          return made
        })
      contexts.set(guest, context)
      context.catch(() => contexts.delete(guest))
    }
    return context
  }

  // ---- the serving thread: calls of one turn enter together

  function enterBatch(at: { batcher: Batcher; slot: number }, text: string, message: Message, run: Run): Promise<Output> {
    return new Promise((resolve, reject) => {
      at.batcher.add(new BatchedCall(batched, at.slot, named ? nextCall(message, run) : 0, text, message, run, resolve, reject))
    })
  }

  /** What becomes of calls that entered together; one for all of them, as each is on the hot path. */
  const batched: BatchedWays = {
    careful: analysis.careful,
    unnoticed: analysis.unnoticed,
    done(call, result) {
      if (named) calls.delete(call.call)
      try {
        call.resolve(sendsOf(result, call.message, call.run))
      } catch (error) {
        call.reject(error)
      }
    },
    hit(call, limit, starved) {
      calls.delete(call.call)
      if (!starved || !analysis.unnoticed) leaveServing()
      if (starved) history.fast = analysis.unnoticed ? history.fast : 0 // it has to show again that it is fast
      // What nobody outside can have noticed may begin again, with the time it was not given.
      if (starved && analysis.unnoticed) begin(call, enterSide)
      else call.reject(limitHit(limit, servingMs, call.run, !starved))
    },
    suspect() {
      history.fast = 0
      leaveServing()
    },
    again(call) {
      calls.delete(call.call)
      leaveServing()
      begin(call, enter)
    },
    aside(call) {
      calls.delete(call.call)
      history.fast = 0
      leaveServing()
      begin(call, enterSide)
    },
  }

  function begin(call: BatchedCall, door: (text: string, message: Message, run: Run, large: boolean) => Promise<Output>): void {
    door(call.text, call.message, call.run, false).then(call.resolve, call.reject)
  }

  function leaveServing(): void {
    if (!serving) return
    const { batcher, slot } = serving
    serving = undefined
    const context = contexts.get(batcher.guest)
    contexts.delete(batcher.guest)
    if (batcher.guest.dead) return
    // calls of this function that wait in the batcher still need the slot
    setImmediate(() => setImmediate(() => drop(batcher, slot, context).catch(() => {})))
  }

  async function drop(batcher: Batcher, slot: number, context: Promise<GuestContext> | undefined): Promise<void> {
    batcher.forget(slot)
    batcher.guest.load--
    ;(await context)?.release()
  }

  /** Moves to the serving thread once nothing of this function is on the way elsewhere, so that results keep their order. */
  function move(): Promise<void> {
    return (moving ??= (async () => {
      try {
        const batcher = await pool.batcher()
        const context = await contextIn(batcher.guest)
        if (sidePending > 0) await new Promise<void>((resolve) => (whenDrained = resolve))
        if (closed || batcher.guest.dead) return
        serving = { batcher, slot: batcher.register(context) }
        const left = home && contexts.get(home.guest)
        if (home && left) {
          contexts.delete(home.guest)
          home.guest.load--
          void left.then((made) => made.release(), () => {})
        }
        home = undefined
      } catch {
        history.fast = 0 // the isolate died meanwhile: earn it again
      } finally {
        moving = undefined
      }
    })())
  }

  // ---- its own thread

  function sideLane(large: boolean): Lane {
    if (large) return pool.largeLane()
    if (limits.alone(history)) return pool.ownLane(key)
    if (!home || home.guest.dead) home = pool.lane()
    return home
  }

  function enterSide(text: string, message: Message, run: Run, large: boolean, tries = 0): Promise<Output> {
    sidePending++
    return new Promise<Output>((resolve, reject) => {
      const id = nextCall(message, run)
      const over = (): void => {
        calls.delete(id)
        if (--sidePending === 0) whenDrained?.()
      }
      let began = 0
      let used: () => number = () => Infinity
      sideLane(large).add({
        refusal: () => limits.refusal(history),
        async enter(guest) {
          const context = await contextIn(guest)
          began = clock.elapsed()
          used = cpuOf(guest)
          return (await context.enter.apply(undefined, ['c', text, id], { timeout: timeoutMs })) as string
        },
        done(result) {
          over()
          limits.took(history, clock.elapsed() - began)
          try {
            resolve(sendsOf(result, message, run))
          } catch (error) {
            reject(error)
          }
        },
        failed(limit, error) {
          over()
          const starved = limit === 'timeout' && used() < timeoutMs / 2
          // As on the serving thread: it begins again with the time it was not given, a few times at most.
          if (starved && analysis.unnoticed && tries < starvedTries) enterSide(text, message, run, large, tries + 1).then(resolve, reject)
          else reject(limit ? limitHit(limit, timeoutMs, run, !large && !starved) : entryFault(error))
        },
        again() {
          over()
          enter(text, message, run).then(resolve, reject)
        },
      })
    })
  }

  function enter(text: string, message: Message, run: Run): Promise<Output> {
    const refused = limits.refusal(history)
    if (refused) return Promise.reject(refused)
    if (text.length > largeChars) return enterSide(text, message, run, true)
    if (pinned || !limits.trusted(history)) return enterSide(text, message, run, false)
    if (serving) return enterBatch(serving, text, message, run) // a dead isolate gives its calls back
    return move().then(() => (serving ? enterBatch(serving, text, message, run) : enterSide(text, message, run, false)))
  }

  // ---- asynchronous functions

  function enterAsync(text: string, message: Message, run: Run): Promise<Output> | AsyncIterable<NonNullable<Output>> {
    if (analysis.sendsLater) {
      const stream: SendStream = createSendStream(() => abandon(call))
      const call = openCall(text, message, run, {
        send: (outcome) => push(stream, tellHost(outcome, run)),
        settled: (outcome) => push(stream, tellHost(outcome, run)),
        fail: (error) => stream.fail(error),
        end: () => stream.end(),
      })
      return stream
    }
    return new Promise((resolve, reject) => {
      openCall(text, message, run, {
        send: (outcome) => void tellHost(outcome, run),
        settled: (outcome) => resolve(tellHost(outcome, run)),
        fail: reject,
        end: () => resolve(undefined),
      })
    })
  }

  const push = (stream: SendStream, sends: Output): void => {
    if (sends) stream.push(sends)
  }

  function openCall(text: string, message: Message, run: Run, ways: Pick<OpenCall, 'send' | 'settled' | 'fail' | 'end'>): OpenCall {
    const large = text.length > largeChars
    const refused = limits.refusal(history)
    const lane = sideLane(large)
    const id = ++callCount
    const wallMs = Math.max(1, Math.min(script.wallMs ?? longestTimerMs, run.deadline - clock.now(), longestTimerMs))
    const stopWall = clock.setTimer(() => finish(call, fault('script.timeout', { limitMs: Math.round(wallMs), wall: true })), wallMs)
    const aborted = (): void => finish(call, run.signal.reason)
    const call: OpenCall = { id, run, message, lane, timers: new Map(), ...ways, fail: (error) => (release(), ways.fail(error)), end: () => (release(), ways.end()) }
    const release = (): void => {
      stopWall()
      run.signal.removeEventListener('abort', aborted)
    }
    open.set(id, call)
    run.signal.addEventListener('abort', aborted)
    if (refused) {
      queueMicrotask(() => finish(call, refused))
      return call
    }
    lane.guest.onDeath.add(died)
    let began = 0
    const task: LaneTask = {
      refusal: () => (open.has(id) ? limits.refusal(history) : fault('client.closed')),
      async enter(guest) {
        const context = await contextIn(guest)
        began = clock.elapsed()
        begunCalls.add(id)
        return (await context.enter.apply(undefined, ['a', text, id], { timeout: timeoutMs })) as string
      },
      done(result) {
        limits.took(history, clock.elapsed() - began)
        if (result !== '') settleBy(call, () => decodeOutcome(result, message))
      },
      failed(limit, error) {
        finish(call, limit ? limitHit(limit, timeoutMs, run, !large) : entryFault(error))
      },
      again() {
        restart(call, text, message, run, ways)
      },
    }
    // On Start code may wait for timers, which need the lane: it has ended before a message queues up
    if (initialize) contextIn(lane.guest, lane).then(() => lane.add(task), (error) => finish(call, entryFault(error)))
    else lane.add(task)
    return call
  }

  /** Its isolate died before it began: it begins in another one. */
  function restart(call: OpenCall, text: string, message: Message, run: Run, ways: Pick<OpenCall, 'send' | 'settled' | 'fail' | 'end'>): void {
    if (!open.delete(call.id)) return
    call.timers.clear()
    openCall(text, message, run, ways)
  }

  /** The isolate died with calls in it that had begun: they cannot go on. */
  function died(): void {
    for (const call of open.values()) {
      if (!call.lane.guest.dead || !begunCalls.has(call.id)) continue
      finish(call, fault('script.memory', { limitMb: parts.heapMb, shared: true }))
    }
  }

  function finish(call: OpenCall, error: unknown): void {
    if (!open.delete(call.id)) return
    begunCalls.delete(call.id)
    stopTimers(call)
    call.fail(error)
  }

  function abandon(call: OpenCall): void {
    if (!open.delete(call.id)) return
    begunCalls.delete(call.id)
    stopTimers(call)
    call.end()
  }

  function stopTimers(call: OpenCall): void {
    if (call.timers.size === 0) return
    for (const cancel of call.timers.values()) cancel()
    call.timers.clear()
    const context = entries.get(call.lane.guest)
    if (context && !call.lane.guest.dead) context.enter.apply(undefined, ['x', call.id], { timeout: timeoutMs }).catch(() => {})
  }

  function settleBy(call: OpenCall, read: () => Outcome): void {
    try {
      call.settled(read())
    } catch (error) {
      finish(call, error)
    }
  }

  /** Events of asynchronous calls, as the guest tells them. */
  function tell(id: number, kind: string, text: string): void {
    const call = open.get(id)
    if (!call) return
    switch (kind) {
      case 'r':
        try {
          call.send(decodeOutcome(text, call.message))
        } catch (error) {
          finish(call, error)
        }
        break
      case 'd':
        settleBy(call, () => decodeOutcome(text, call.message))
        break
      case 'x':
        try {
          call.send(decodeOutcome(text, call.message))
          finish(call, fault('script.error', { message: 'The script failed.' }))
        } catch (error) {
          finish(call, error)
        }
        break
      case 'c':
        open.delete(id)
        begunCalls.delete(id)
        call.end()
        break
      case 't': {
        const [timer = 0, ms = 0] = text.split(',').map(Number)
        call.timers.set(timer, clock.setTimer(() => fire(call, timer), ms))
        break
      }
      case 'q':
        call.timers.get(Number(text))?.()
        call.timers.delete(Number(text))
    }
  }

  function fire(call: OpenCall, timer: number): void {
    call.timers.delete(timer)
    call.lane.add({
      async enter(guest) {
        const context = entries.get(guest)
        if (!context || !open.has(call.id)) return ''
        return (await context.enter.apply(undefined, ['f', timer], { timeout: timeoutMs })) as string
      },
      done() {},
      failed(limit, error) {
        finish(call, limit ? limitHit(limit, timeoutMs, call.run, true) : entryFault(error))
      },
      again() {
        finish(call, fault('script.memory', { limitMb: parts.heapMb }))
      },
    })
  }

  async function runInitialize(lane: Lane, made: GuestContext): Promise<void> {
    const id = ++callCount
    await new Promise<void>((resolve, reject) => {
      const emit = (outcome: Outcome): void => {
        for (const [port, message] of tellAndKeep(outcome, undefined)) host.emit(port, message)
      }
      const stopWall = clock.setTimer(() => finish(call, fault('script.timeout', { limitMs: 30_000, wall: true })), 30_000)
      const call: OpenCall = {
        id,
        run: undefined,
        message: undefined,
        lane,
        timers: new Map(),
        send: emit,
        settled(outcome) {
          stopWall()
          emit(outcome)
          resolve()
        },
        fail(error) {
          stopWall()
          host.log('error', error instanceof Error ? error.message : String(error))
          reject(error)
        },
        end: resolve,
      }
      open.set(id, call)
      made.enter.apply(undefined, ['i', id], { timeout: timeoutMs }).catch((error: unknown) => {
        const limit = limitOf(lane.guest, error)
        finish(call, limit ? limitHit(limit, timeoutMs, undefined, true) : entryFault(error))
      })
    })
  }

  // ---- results

  function nextCall(message: Message, run: Run): number {
    const id = ++callCount
    calls.set(id, { id, run, message })
    return id
  }

  function sendsOf(result: string, message: Message, run: Run): Output {
    const outcome = decodeOutcome(result, message)
    return tellHost(outcome, run)
  }

  function tellHost(outcome: Outcome, run: Run | undefined): Output {
    return outcome.events.length === 0 ? toSends(outcome.sends) : toSends(tellAndKeep(outcome, run))
  }

  /** Passes on what the script said, and leaves what it sends. */
  function tellAndKeep(outcome: Outcome, run: Run | undefined): readonly (readonly [number, Message])[] {
    const sends = outcome.sends.filter(([port]) => port >= 0)
    for (const event of outcome.events) report(event, outcome, sends, run)
    return sends
  }

  function report(event: GuestEvent, outcome: Outcome, sends: readonly unknown[], run: Run | undefined): void {
    switch (event[0]) {
      case 'log':
        host.log(event[1], event[2], run)
        break
      case 'status':
        host.status(event[1], run)
        break
      case 'error': {
        const about = event[2] >= 0 ? outcome.sends[event[2]]?.[1] : undefined
        if (about && run) host.error(toScriptFault(event[1]), about, run)
        else host.log('error', String(event[1].message), run)
        break
      }
      case 'throw': {
        const thrown = toScriptFault(event[1] as GuestError)
        if (sends.length === 0 || !run) throw thrown
        host.error(thrown, outcome.sends[0]?.[1] ?? {}, run) // what it sent before is on its way already
      }
    }
  }

  function limitHit(limit: 'timeout' | 'memory', limitMs: number, run: Run | undefined, counts: boolean): Fault {
    const hit = limit === 'timeout' ? fault('script.timeout', { limitMs }) : fault('script.memory', { limitMb: parts.heapMb })
    if (!counts) return hit
    home = undefined
    if (limits.hit(history, { id: script.id, owner: script.owner, last: hit.code as 'script.timeout' | 'script.memory' })) {
      host.status({ fill: 'red', shape: 'ring', text: `refused for a while: ${hit.title}` })
      host.log('error', `The function hit its limits ${history.hits.length} times and is refused for a while: ${hit.message}`, run)
    } else host.log('warn', hit.message, run)
    return hit
  }

  const firstLane = initialize ? sideLane(false) : undefined
  if (firstLane) contextIn(firstLane.guest, firstLane).catch(() => {}) // reported when it failed; every message meets the same fault

  return {
    step(message, run) {
      const text = encodeMessage(message, analysis.narrow)
      if (text.length > inputLimit || (text.length > inputLimit / 3 && Buffer.byteLength(text) > inputLimit)) {
        throw fault('script.input_too_large', { bytes: Buffer.byteLength(text), limitBytes: inputLimit })
      }
      return evented ? enterAsync(text, message, run) : enter(text, message, run)
    },
    async close() {
      closed = true
      for (const call of open.values()) finish(call, fault('gateway.draining'))
      if (finalize || analysis.closes) await runFinalize()
      if (serving) {
        serving.batcher.forget(serving.slot)
        serving = undefined
      }
      for (const [guest, context] of contexts) {
        guest.load--
        void context.then(
          (made) => made.release(),
          () => {},
        )
      }
      contexts.clear()
      pool.dropOwn(key)
    },
  }

  async function runFinalize(): Promise<void> {
    const context = contexts.values().next().value ?? (finalize ? contextIn(sideLane(false).guest) : undefined)
    if (!context) return
    try {
      const result = (await (await context).enter.apply(undefined, ['s'], { timeout: timeoutMs })) as string
      tellAndKeep(decodeOutcome(result, undefined), undefined)
    } catch (error) {
      host.log('error', `On Stop failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** What a script does with its calls in a batch. */
interface BatchedWays {
  readonly careful: boolean
  readonly unnoticed: boolean
  done(call: BatchedCall, result: string): void
  hit(call: BatchedCall, limit: 'timeout' | 'memory', starved: boolean): void
  suspect(): void
  again(call: BatchedCall): void
  aside(call: BatchedCall): void
}

/** One call on its way through a batch. */
class BatchedCall implements BatchCall {
  readonly slot: number
  readonly call: number
  readonly text: string
  readonly message: Message
  readonly run: Run
  readonly careful: boolean
  readonly unnoticed: boolean
  readonly resolve: (sends: Output) => void
  readonly reject: (error: unknown) => void
  readonly #ways: BatchedWays

  constructor(ways: BatchedWays, slot: number, call: number, text: string, message: Message, run: Run, resolve: (sends: Output) => void, reject: (error: unknown) => void) {
    this.#ways = ways
    this.slot = slot
    this.call = call
    this.text = text
    this.message = message
    this.run = run
    this.careful = ways.careful
    this.unnoticed = ways.unnoticed
    this.resolve = resolve
    this.reject = reject
  }

  done(result: string): void {
    this.#ways.done(this, result)
  }

  hit(limit: 'timeout' | 'memory', starved: boolean): void {
    this.#ways.hit(this, limit, starved)
  }

  suspect(): void {
    this.#ways.suspect()
  }

  again(): void {
    this.#ways.again(this)
  }

  aside(): void {
    this.#ways.aside(this)
  }
}

/** Milliseconds of processor time the isolate's thread has had since. */
function cpuOf(guest: Guest): () => number {
  const before = guest.isolate.cpuTime
  return () => (guest.dead ? Infinity : Number(guest.isolate.cpuTime - before) / 1e6)
}

function hashOf(script: ScriptSource): string {
  return createHash('sha256').update(JSON.stringify([script.code, script.initialize, script.finalize])).digest('base64url')
}

/** Whatever else goes wrong at the door: V8 refused the code, or the sandbox closed. */
function entryFault(error: unknown): Error {
  if (error instanceof SyntaxError) return fault('script.syntax', { message: error.message.replace(/ \[.*$/s, '') }, error)
  return error instanceof Error ? error : new Error(String(error))
}
