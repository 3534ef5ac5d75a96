import type { Clock } from '../core/time/clock.ts'
import { fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import type { Run } from '../core/run.ts'
import type { ScriptHost, ScriptSource } from '../core/sandbox.ts'
import type { Output } from '../core/step.ts'
import { decodeOutcome, type Outcome } from './frames.ts'
import { limitOf, type GuestContext } from './guest.ts'
import type { Lane, LaneTask } from './lane.ts'
import { blameOf, isLarge, type History, type Limits } from './limits.ts'
import type { ScriptContexts } from './script-contexts.ts'
import { entryFault, type ScriptReport } from './script-report.ts'
import { patience, type SideEntries } from './side-entry.ts'
import { createSendStream, type SendStream } from './sends.ts'

const longestTimerMs = 2 ** 31 - 1
/** On Start code may wait for so long. */
const onStartMs = 30_000

/** A call of an asynchronous function, open until its promise has settled and its timers have ended. */
interface OpenCall {
  readonly id: number
  /** Absent for On Start code, as is the message. */
  readonly run: Run | undefined
  readonly message: Message | undefined
  readonly lane: Lane
  readonly timers: Map<number, () => void>
  send(outcome: Outcome): void
  settled(outcome: Outcome): void
  fail(error: unknown): void
  end(): void
}

type Ways = Pick<OpenCall, 'send' | 'settled' | 'fail' | 'end'>

/** Calls of asynchronous functions, which go on after they were entered. */
export interface OpenCalls {
  enter(text: string, message: Message, run: Run): Promise<Output> | AsyncIterable<NonNullable<Output>>
  /** Events of calls, as the guest tells them. */
  tell(id: number, kind: string, text: string): void
  /** The context on a lane, once On Start code has run in it. */
  contextOn(lane: Lane): Promise<GuestContext>
  runOf(id: number): Run | undefined
  close(): void
}

export interface OpenCallsParts {
  readonly clock: Clock
  readonly limits: Limits
  readonly history: History
  readonly sideEntries: SideEntries
  readonly heapMb: number
  readonly timeoutMs: number
  /** `initialize` is absent when there is nothing in it. */
  readonly script: Pick<ScriptSource, 'initialize' | 'wallMs'>
  readonly host: ScriptHost
  readonly report: ScriptReport
  readonly contexts: ScriptContexts
  /** Whether it sends after its promise has settled. */
  readonly sendsLater: boolean
  nextId(): number
  laneFor(large: boolean): Lane
}

export function createOpenCalls({ clock, limits, history, sideEntries, heapMb, timeoutMs, script, host, report, contexts, sendsLater, nextId, laneFor }: OpenCallsParts): OpenCalls {
  const open = new Map<number, OpenCall>()
  /** Those of them that have entered. */
  const begunCalls = new Set<number>()

  function contextOn(lane: Lane): Promise<GuestContext> {
    return contexts.in(lane.guest, script.initialize === undefined ? undefined : (made) => runOnStart(lane, made))
  }

  function enter(text: string, message: Message, run: Run): Promise<Output> | AsyncIterable<NonNullable<Output>> {
    if (sendsLater) {
      const stream: SendStream = createSendStream(() => abandon(call))
      const call = openCall(text, message, run, {
        send: (outcome) => push(stream, report.tellHost(outcome, run)),
        settled: (outcome) => push(stream, report.tellHost(outcome, run)),
        fail: (error) => stream.fail(error),
        end: () => stream.end(),
      })
      return stream
    }
    return new Promise((resolve, reject) => {
      openCall(text, message, run, {
        send: (outcome) => void report.tellHost(outcome, run),
        settled: (outcome) => resolve(report.tellHost(outcome, run)),
        fail: reject,
        end: () => resolve(undefined),
      })
    })
  }

  const push = (stream: SendStream, sends: Output): void => {
    if (sends) stream.push(sends)
  }

  function openCall(text: string, message: Message, run: Run, ways: Ways): OpenCall {
    const large = isLarge(text)
    const refused = limits.refusal(history)
    const lane = laneFor(large)
    const id = nextId()
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
    const entry = sideEntries(timeoutMs)
    const task: LaneTask = {
      wallMs: entry.wallMs,
      refusal: () => (open.has(id) ? limits.refusal(history) : fault('client.closed')),
      async enter(guest) {
        const context = await contexts.in(guest)
        began = clock.elapsed()
        begunCalls.add(id)
        return (await entry.run(guest, (timeout) => context.enter.apply(undefined, ['a', text, id], timeout))) as string
      },
      done(result) {
        if (entry.overdrawn()) return finish(call, report.limitHit('timeout', timeoutMs, run, blameOf(large, false)))
        limits.took(history, clock.elapsed() - began)
        if (result !== '') attempt(call, () => call.settled(decodeOutcome(result, message)))
      },
      failed(limit, error) {
        finish(call, limit ? report.limitHit(limit, timeoutMs, run, blameOf(large, entry.starved())) : entryFault(error))
      },
      again() {
        restart(call, text, message, run, ways)
      },
    }
    // On Start code may wait for timers, which need the lane: it has ended before a message queues up
    if (script.initialize !== undefined) contextOn(lane).then(() => lane.add(task), (error) => finish(call, entryFault(error)))
    else lane.add(task)
    return call
  }

  /** Its isolate died before it began: it begins in another one. */
  function restart(call: OpenCall, text: string, message: Message, run: Run, ways: Ways): void {
    if (!open.delete(call.id)) return
    call.timers.clear()
    openCall(text, message, run, ways)
  }

  /** The isolate died with calls in it that had begun: they cannot go on. */
  function died(): void {
    for (const call of open.values()) {
      if (!call.lane.guest.dead || !begunCalls.has(call.id)) continue
      finish(call, fault('script.memory', { limitMb: heapMb, shared: true }))
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
    const context = contexts.entry(call.lane.guest)
    if (context && !call.lane.guest.dead) context.guest.beside(() => context.enter.apply(undefined, ['x', call.id], { timeout: timeoutMs * patience })).catch(() => {})
  }

  /** What goes wrong in doing so ends the call. */
  function attempt(call: OpenCall, act: () => void): void {
    try {
      act()
    } catch (error) {
      finish(call, error)
    }
  }

  function tell(id: number, kind: string, text: string): void {
    const call = open.get(id)
    if (!call) return
    switch (kind) {
      case 'r':
        attempt(call, () => call.send(decodeOutcome(text, call.message)))
        break
      case 'd':
        attempt(call, () => call.settled(decodeOutcome(text, call.message)))
        break
      case 'x':
        attempt(call, () => {
          call.send(decodeOutcome(text, call.message))
          finish(call, fault('script.error', { message: 'The script failed.' }))
        })
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
    const entry = sideEntries(timeoutMs)
    call.lane.add({
      wallMs: entry.wallMs,
      async enter(guest) {
        const context = contexts.entry(guest)
        if (!context || !open.has(call.id)) return ''
        return (await entry.run(guest, (timeout) => context.enter.apply(undefined, ['f', timer], timeout))) as string
      },
      done() {
        if (entry.overdrawn()) finish(call, report.limitHit('timeout', timeoutMs, call.run, 'script'))
      },
      failed(limit, error) {
        finish(call, limit ? report.limitHit(limit, timeoutMs, call.run, blameOf(false, entry.starved())) : entryFault(error))
      },
      again() {
        finish(call, fault('script.memory', { limitMb: heapMb }))
      },
    })
  }

  async function runOnStart(lane: Lane, made: GuestContext): Promise<void> {
    const id = nextId()
    await new Promise<void>((resolve, reject) => {
      const emit = (outcome: Outcome): void => {
        for (const [port, message] of report.tellAndKeep(outcome, undefined)) host.emit(port, message)
      }
      const stopWall = clock.setTimer(() => finish(call, fault('script.timeout', { limitMs: onStartMs, wall: true })), onStartMs)
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
      const entry = sideEntries(timeoutMs)
      const entered = lane.guest.beside(() => entry.run(lane.guest, (timeout) => made.enter.apply(undefined, ['i', id], timeout)))
      entered.catch((error: unknown) => {
        const limit = limitOf(lane.guest, error)
        finish(call, limit ? report.limitHit(limit, timeoutMs, undefined, blameOf(false, entry.starved())) : entryFault(error))
      })
    })
  }

  return {
    enter,
    tell,
    contextOn,
    runOf: (id) => open.get(id)?.run,
    close() {
      for (const call of open.values()) finish(call, fault('gateway.draining'))
    },
  }
}
