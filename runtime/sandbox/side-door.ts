import type { Clock } from '../core/time/clock.ts'
import type { Run } from '../core/run.ts'
import type { Output } from '../core/step.ts'
import type { Analysis } from './analyse.ts'
import type { Lane } from './lane.ts'
import { blameOf, type History, type Limits } from './limits.ts'
import type { OwnerPool } from './pool.ts'
import type { ScriptContexts } from './script-contexts.ts'
import { entryFault, type ScriptReport } from './script-report.ts'
import type { Entering } from './serving-door.ts'
import { starvedTries, type SideEntries } from './side-entry.ts'

/** The way on a thread of the isolate's own, one call after the other. */
export interface SideDoor {
  /** @param large nobody else's call is in the isolate when it dies */
  enter(call: Entering, large: boolean): Promise<Output>
  /** Where the next entry of this script goes. */
  laneFor(large: boolean): Lane
  /** Resolves when no call is under way here. */
  drained(): Promise<void>
  /** The run of a call that is under way here. */
  runOf(id: number): Run | undefined
  /** The call is about to change a context. @returns false when it is not under way here */
  changes(id: number): boolean
  /** The next entry goes into another isolate. */
  leave(): void
  /** The same, and this script's context there is released. */
  moveOut(): void
}

export interface SideDoorParts {
  readonly clock: Clock
  readonly pool: OwnerPool
  readonly contexts: ScriptContexts
  readonly limits: Limits
  readonly history: History
  readonly sideEntries: SideEntries
  readonly analysis: Analysis
  readonly report: ScriptReport
  readonly timeoutMs: number
  /** Of the script, for the isolate that it has alone. */
  readonly key: string
  nextId(): number
  /** A call begins once more, by whichever door is right. */
  again(call: Entering): Promise<Output>
}

export function createSideDoor({ clock, pool, contexts, limits, history, sideEntries, analysis, report, timeoutMs, key, nextId, again }: SideDoorParts): SideDoor {
  const underWay = new Map<number, { readonly run: Run; changed: boolean }>()
  let home: Lane | undefined
  let whenDrained: (() => void) | undefined

  function laneFor(large: boolean): Lane {
    if (large) return pool.largeLane()
    if (limits.alone(history)) return pool.ownLane(key)
    if (!home || home.guest.dead) home = pool.lane()
    return home
  }

  function enter(call: Entering, large: boolean, tries = 0): Promise<Output> {
    const { text, message, run } = call
    const id = nextId()
    const state = { run, changed: false }
    underWay.set(id, state)
    const over = (): void => {
      underWay.delete(id)
      if (underWay.size === 0) whenDrained?.()
    }
    const entry = sideEntries(timeoutMs)
    // What a call changed here others may have seen meanwhile: it cannot be taken back.
    const unnoticed = (): boolean => analysis.reach === 'nothing' || (analysis.reach === 'contexts' && !state.changed)
    return new Promise<Output>((resolve, reject) => {
      let began = 0
      laneFor(large).add({
        wallMs: entry.wallMs,
        refusal: () => limits.refusal(history),
        async enter(guest) {
          const context = await contexts.in(guest)
          began = clock.elapsed()
          return (await entry.run(guest, (timeout) => context.enter.apply(undefined, ['c', text, id], timeout))) as string
        },
        done(result) {
          over()
          if (entry.overdrawn()) return reject(report.limitHit('timeout', timeoutMs, run, blameOf(large, false)))
          limits.took(history, clock.elapsed() - began)
          try {
            resolve(report.sendsOf(result, message, run))
          } catch (error) {
            reject(error)
          }
        },
        failed(limit, error) {
          over()
          const starved = limit === 'timeout' && entry.starved()
          if (starved && unnoticed() && tries < starvedTries) enter(call, large, tries + 1).then(resolve, reject)
          else reject(limit ? report.limitHit(limit, timeoutMs, run, blameOf(large, starved)) : entryFault(error))
        },
        again() {
          over()
          again(call).then(resolve, reject)
        },
      })
    })
  }

  return {
    enter,
    laneFor,
    async drained() {
      if (underWay.size > 0) await new Promise<void>((resolve) => (whenDrained = resolve))
    },
    runOf: (id) => underWay.get(id)?.run,
    changes(id) {
      const state = underWay.get(id)
      if (state) state.changed = true
      return state !== undefined
    },
    leave: () => void (home = undefined),
    moveOut() {
      if (home) contexts.leave(home.guest)
      home = undefined
    },
  }
}
