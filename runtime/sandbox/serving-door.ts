import type { Message } from '../core/message.ts'
import type { Run } from '../core/run.ts'
import type { Output } from '../core/step.ts'
import type { Analysis } from './analyse.ts'
import type { BatchCall, Batcher } from './batcher.ts'
import type { GuestContext } from './guest.ts'
import { blameOf, type History, type Limit } from './limits.ts'
import type { OwnerPool } from './pool.ts'
import { release, type ScriptContexts } from './script-contexts.ts'
import type { ScriptReport } from './script-report.ts'
import type { UndoLog } from './undo-log.ts'

/** A call that may go in by either door. */
export interface Entering {
  readonly text: string
  readonly message: Message
  readonly run: Run
}

/** The way of functions that have shown to be fast: on the serving thread, where the calls of one turn enter together. */
export interface ServingDoor {
  /** Whether calls go in here now. */
  readonly isOpen: boolean
  /** A call while it is open. When the isolate dies before the call began, the call is given back to `again`. */
  enter(call: Entering): Promise<Output>
  /** Opens it, once nothing of this function is on the way elsewhere, so that results keep their order. */
  open(): Promise<void>
  close(): void
}

export interface ServingDoorParts {
  readonly pool: OwnerPool
  readonly contexts: ScriptContexts
  readonly history: History
  readonly analysis: Analysis
  readonly report: ScriptReport
  readonly undoLog: UndoLog
  readonly servingMs: number
  /** The number of a call that may change contexts; higher with each. */
  nextId(): number
  /** The same, and the guest may ask for the run that it belongs to. */
  name(run: Run): number
  forget(id: number): void
  /** Resolves when nothing of this function is under way elsewhere. */
  drained(): Promise<void>
  /** Nothing goes on elsewhere from now on. @returns false when the script was closed meanwhile */
  opening(): boolean
  /** A call begins once more, by whichever door is right. */
  again(call: Entering): Promise<Output>
  /** A call begins once more, on a thread of its own. */
  aside(call: Entering): Promise<Output>
}

export function createServingDoor({ pool, contexts, history, analysis, report, undoLog, servingMs, nextId, name, forget, drained, opening, again, aside }: ServingDoorParts): ServingDoor {
  const { named, reach } = analysis
  const changes = reach === 'contexts'
  /** Nobody can notice that a call which was not given its time begins again, once what it changed was taken back. */
  const beginsAgain = reach !== 'globals'
  let serving: { readonly batcher: Batcher; readonly slot: number } | undefined
  let moving: Promise<void> | undefined

  /** What becomes of calls that entered together; one for all of them, as each is on the hot path. */
  const ways: BatchedWays = {
    careful: analysis.careful,
    unnoticed: reach === 'nothing',
    done(call, result) {
      forgetCall(call)
      try {
        call.resolve(report.sendsOf(result, call.message, call.run))
      } catch (error) {
        call.reject(error)
      }
    },
    takeBack(call) {
      if (changes) undoLog.takeBack(call.call)
    },
    hit(call, limit, starved) {
      forgetCall(call)
      if (starved && beginsAgain) return begin(call, aside) // with the time it was not given
      leave()
      if (starved) history.fast = 0 // it has to show again that it is fast
      call.reject(report.limitHit(limit, servingMs, call.run, blameOf(false, starved)))
    },
    suspect() {
      history.fast = 0
      leave()
    },
    again(call) {
      forgetCall(call)
      leave()
      begin(call, again)
    },
    aside(call) {
      forgetCall(call)
      history.fast = 0
      leave()
      begin(call, aside)
    },
  }

  function forgetCall(call: BatchedCall): void {
    if (named) forget(call.call)
    if (changes) undoLog.keep(call.call)
  }

  function begin(call: BatchedCall, door: (call: Entering) => Promise<Output>): void {
    door(call).then(call.resolve, call.reject)
  }

  function leave(): void {
    if (!serving) return
    const { batcher, slot } = serving
    serving = undefined
    const context = contexts.take(batcher.guest)
    if (batcher.guest.dead) return
    // calls of this function that wait in the batcher still need the slot
    setImmediate(() => setImmediate(() => drop(batcher, slot, context)))
  }

  function drop(batcher: Batcher, slot: number, context: Promise<GuestContext> | undefined): void {
    batcher.forget(slot)
    batcher.guest.load -= contexts.share
    if (context) release(context)
  }

  async function move(): Promise<void> {
    try {
      const batcher = await pool.batcher()
      const context = await contexts.in(batcher.guest)
      await drained()
      if (batcher.guest.dead) return
      if (opening()) serving = { batcher, slot: batcher.register(context) }
      else contexts.leave(batcher.guest)
    } catch {
      history.fast = 0 // the isolate died meanwhile: earn it again
    } finally {
      moving = undefined
    }
  }

  return {
    get isOpen() {
      return serving !== undefined
    },
    enter({ text, message, run }) {
      const { batcher, slot } = serving as NonNullable<typeof serving>
      return new Promise((resolve, reject) => {
        batcher.add(new BatchedCall(ways, slot, named ? name(run) : changes ? nextId() : 0, text, message, run, resolve, reject))
      })
    },
    open: () => (moving ??= move()),
    close() {
      serving?.batcher.forget(serving.slot)
      serving = undefined
    },
  }
}

/** What a script does with its calls in a batch. */
interface BatchedWays {
  readonly careful: boolean
  readonly unnoticed: boolean
  done(call: BatchedCall, result: string): void
  takeBack(call: BatchedCall): void
  hit(call: BatchedCall, limit: Limit, starved: boolean): void
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

  takeBack(): void {
    this.#ways.takeBack(this)
  }

  hit(limit: Limit, starved: boolean): void {
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
