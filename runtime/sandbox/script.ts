import { createHash } from 'node:crypto'
import type { Clock } from '../core/time/clock.ts'
import { fault } from '../core/fault.ts'
import type { Run } from '../core/run.ts'
import type { ScriptHost, ScriptSource } from '../core/sandbox.ts'
import type { Output, Step } from '../core/step.ts'
import { analyse } from './analyse.ts'
import { decodeOutcome, encodeMessage } from './frames.ts'
import type { Guest } from './guest.ts'
import { answer } from './host-calls.ts'
import type { Lane } from './lane.ts'
import { isLarge, type Limits } from './limits.ts'
import { createOpenCalls } from './open-calls.ts'
import type { OwnerPool } from './pool.ts'
import { createScriptContexts } from './script-contexts.ts'
import { createScriptReport, entryFault } from './script-report.ts'
import { createServingDoor, type Entering } from './serving-door.ts'

export interface ScriptParts {
  readonly clock: Clock
  readonly pool: OwnerPool
  readonly limits: Limits
  readonly timeoutMs: number
  readonly heapMb: number
  readonly inputLimitBytes: number
}

const servingMs = 20
/** How often a call that was given no processor time may begin again. */
const starvedTries = 3

/** One function node: which door the next call takes, and what is under way. */
export function createScript(parts: ScriptParts, script: ScriptSource, host: ScriptHost): { step: Step; close(): Promise<void> } {
  const { clock, pool, limits, heapMb } = parts
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

  /** Calls under way that the guest may ask questions about. */
  const calls = new Map<number, Run>()
  let callCount = 0
  let closed = false
  let sidePending = 0
  let home: Lane | undefined
  let whenDrained: (() => void) | undefined

  const report = createScriptReport({ script, host, limits, history, heapMb, blamed: () => (home = undefined) })
  const hostCalls = {
    contexts: host.contexts,
    env: (name: string) => host.env(name),
    runContext: (call: number) => (calls.get(call) ?? openCalls.runOf(call))?.context,
  }
  const contexts = createScriptContexts({
    code: script.code,
    initialize,
    finalize,
    async: evented,
    meta: JSON.stringify({
      id: host.node.id,
      name: host.node.name ?? '',
      path: host.node.flow,
      outputs: script.outputs,
      async: evented,
      narrow: analysis.narrow,
      plain: analysis.plain && !evented && finalize === undefined,
    }),
    host: (...question) => answer(hostCalls, question),
    tell: (call, kind, text) => openCalls.tell(call, kind, text),
  })
  const openCalls = createOpenCalls({
    clock, limits, history, heapMb, timeoutMs, host, report, contexts,
    script: { initialize, wallMs: script.wallMs },
    sendsLater: analysis.sendsLater,
    nextId: () => ++callCount,
    laneFor: sideLane,
  })
  const serving = createServingDoor({
    pool, contexts, history, analysis, report, servingMs,
    name: nextCall,
    forget: (id) => calls.delete(id),
    drained: async () => {
      if (sidePending > 0) await new Promise<void>((resolve) => (whenDrained = resolve))
    },
    opening() {
      if (closed) return false
      if (home) contexts.leave(home.guest)
      home = undefined
      return true
    },
    again: enter,
    aside: (call) => enterSide(call, false),
  })

  function nextCall(run: Run): number {
    const id = ++callCount
    calls.set(id, run)
    return id
  }

  function sideLane(large: boolean): Lane {
    if (large) return pool.largeLane()
    if (limits.alone(history)) return pool.ownLane(key)
    if (!home || home.guest.dead) home = pool.lane()
    return home
  }

  /** On a thread of the isolate's own, one call after the other. */
  function enterSide(call: Entering, large: boolean, tries = 0): Promise<Output> {
    const { text, message, run } = call
    sidePending++
    return new Promise<Output>((resolve, reject) => {
      const id = nextCall(run)
      const over = (): void => {
        calls.delete(id)
        if (--sidePending === 0) whenDrained?.()
      }
      let began = 0
      let used: () => number = () => Infinity
      sideLane(large).add({
        refusal: () => limits.refusal(history),
        async enter(guest) {
          const context = await contexts.in(guest)
          began = clock.elapsed()
          used = cpuOf(guest)
          return (await context.enter.apply(undefined, ['c', text, id], { timeout: timeoutMs })) as string
        },
        done(result) {
          over()
          limits.took(history, clock.elapsed() - began)
          try {
            resolve(report.sendsOf(result, message, run))
          } catch (error) {
            reject(error)
          }
        },
        failed(limit, error) {
          over()
          const starved = limit === 'timeout' && used() < timeoutMs / 2
          // As on the serving thread: it begins again with the time it was not given, a few times at most.
          if (starved && analysis.unnoticed && tries < starvedTries) enterSide(call, large, tries + 1).then(resolve, reject)
          else reject(limit ? report.limitHit(limit, timeoutMs, run, !large && !starved) : entryFault(error))
        },
        again() {
          over()
          enter(call).then(resolve, reject)
        },
      })
    })
  }

  function enter(call: Entering): Promise<Output> {
    const refused = limits.refusal(history)
    if (refused) return Promise.reject(refused)
    if (isLarge(call.text)) return enterSide(call, true)
    if (pinned || !limits.trusted(history)) return enterSide(call, false)
    if (serving.isOpen) return serving.enter(call) // a dead isolate gives its calls back
    return serving.open().then(() => (serving.isOpen ? serving.enter(call) : enterSide(call, false)))
  }

  async function runFinalize(): Promise<void> {
    const context = contexts.any() ?? (finalize ? contexts.in(sideLane(false).guest) : undefined)
    if (!context) return
    try {
      const result = (await (await context).enter.apply(undefined, ['s'], { timeout: timeoutMs })) as string
      report.tellAndKeep(decodeOutcome(result, undefined), undefined)
    } catch (error) {
      host.log('error', `On Stop failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  if (initialize) openCalls.contextOn(sideLane(false)).catch(() => {}) // reported when it failed; every message meets the same fault

  return {
    step(message, run) {
      const text = encodeMessage(message, analysis.narrow)
      if (text.length > inputLimit || (text.length > inputLimit / 3 && Buffer.byteLength(text) > inputLimit)) {
        throw fault('script.input_too_large', { bytes: Buffer.byteLength(text), limitBytes: inputLimit })
      }
      return evented ? openCalls.enter(text, message, run) : enter({ text, message, run })
    },
    async close() {
      closed = true
      openCalls.close()
      if (finalize || analysis.closes) await runFinalize()
      serving.close()
      contexts.close()
      pool.dropOwn(key)
    },
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
