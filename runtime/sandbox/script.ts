import { createHash } from 'node:crypto'
import type { Clock } from '../core/time/clock.ts'
import { fault } from '../core/fault.ts'
import type { Run } from '../core/run.ts'
import type { Context } from '../core/state/context.ts'
import type { ScriptHost, ScriptSource } from '../core/sandbox.ts'
import type { Output, Step } from '../core/step.ts'
import { analyse } from './analyse.ts'
import { decodeOutcome, encodeMessage } from './frames.ts'
import { answer } from './host-calls.ts'
import { isLarge, type Limits } from './limits.ts'
import { createOpenCalls } from './open-calls.ts'
import type { OwnerPool } from './pool.ts'
import { createScriptContexts } from './script-contexts.ts'
import { createScriptReport } from './script-report.ts'
import { createSideDoor } from './side-door.ts'
import { createServingDoor, type Entering } from './serving-door.ts'
import { patience, type SideEntries } from './side-entry.ts'
import { createUndoLog } from './undo-log.ts'

export interface ScriptParts {
  readonly clock: Clock
  readonly pool: OwnerPool
  readonly limits: Limits
  readonly sideEntries: SideEntries
  readonly timeoutMs: number
  readonly heapMb: number
  readonly inputLimitBytes: number
}

const servingMs = 20

/** One function node: which door the next call takes, and what is under way. */
export function createScript(parts: ScriptParts, script: ScriptSource, host: ScriptHost): { step: Step; close(): Promise<void> } {
  const { clock, pool, limits, sideEntries, heapMb } = parts
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
  /** What a call of a batch changed in contexts can be taken back. */
  const takesBack = analysis.reach === 'contexts' && !pinned

  /** Calls on the serving thread that the guest may ask for the run of. */
  const calls = new Map<number, Run>()
  let callCount = 0
  let closed = false

  const report = createScriptReport({ script, host, limits, history, heapMb, blamed: () => side.leave() })
  const undoLog = createUndoLog()
  const hostCalls = {
    contexts: host.contexts,
    env: (name: string) => host.env(name),
    runContext: (call: number) => (calls.get(call) ?? side.runOf(call) ?? openCalls.runOf(call))?.context,
    changes(call: number, context: Context, name: string) {
      if (!side.changes(call) && takesBack && call !== 0) undoLog.note(call, context.remember(name))
    },
  }
  const plain = analysis.plain && !evented && finalize === undefined
  const sharesContext = plain && analysis.closed
  const contexts = createScriptContexts({
    code: script.code,
    initialize,
    finalize,
    async: evented,
    closed: sharesContext,
    meta: JSON.stringify({
      id: host.node.id,
      name: host.node.name ?? '',
      path: host.node.flow,
      outputs: script.outputs,
      async: evented,
      narrow: analysis.narrow,
      plain,
      closed: sharesContext,
    }),
    host: (...question) => answer(hostCalls, question),
    tell: (call, kind, text) => openCalls.tell(call, kind, text),
  })
  const openCalls = createOpenCalls({
    clock, limits, history, sideEntries, heapMb, timeoutMs, host, report, contexts,
    script: { initialize, wallMs: script.wallMs },
    sendsLater: analysis.sendsLater,
    nextId: () => ++callCount,
    laneFor: (large) => side.laneFor(large),
  })
  const side = createSideDoor({ clock, pool, contexts, limits, history, sideEntries, analysis, report, timeoutMs, key, nextId: () => ++callCount, again: enter })
  const serving = createServingDoor({
    pool, contexts, history, analysis, report, undoLog, servingMs,
    nextId: () => ++callCount,
    name(run) {
      calls.set(++callCount, run)
      return callCount
    },
    forget: (id) => calls.delete(id),
    drained: () => side.drained(),
    opening() {
      if (closed) return false
      side.moveOut()
      return true
    },
    again: enter,
    aside: (call) => side.enter(call, false),
  })

  function enter(call: Entering): Promise<Output> {
    const refused = limits.refusal(history)
    if (refused) return Promise.reject(refused)
    if (isLarge(call.text)) return side.enter(call, true)
    if (pinned || !limits.trusted(history)) return side.enter(call, false)
    if (serving.isOpen) return serving.enter(call) // a dead isolate gives its calls back
    return serving.open().then(() => (serving.isOpen ? serving.enter(call) : side.enter(call, false)))
  }

  async function runFinalize(): Promise<void> {
    const context = contexts.any() ?? (finalize ? contexts.in(side.laneFor(false).guest) : undefined)
    if (!context) return
    try {
      const { guest, enter } = await context
      const result = await guest.beside(() => enter.apply(undefined, ['s'], { timeout: timeoutMs * patience }))
      report.tellAndKeep(decodeOutcome(result as string, undefined), undefined)
    } catch (error) {
      host.log('error', `On Stop failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  if (initialize) openCalls.contextOn(side.laneFor(false)).catch(() => {}) // reported when it failed; every message meets the same fault

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

function hashOf(script: ScriptSource): string {
  return createHash('sha256').update(JSON.stringify([script.code, script.initialize, script.finalize])).digest('base64url')
}
