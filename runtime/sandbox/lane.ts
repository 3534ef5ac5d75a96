import type { Clock } from '../core/time/clock.ts'
import { limitOf, type Guest } from './guest.ts'
import type { Limit } from './limits.ts'

/** An entry into an isolate on isolated-vm's own thread. */
export interface LaneTask {
  /** The clock cuts it after this long. */
  readonly wallMs: number
  /** Refuses the entry just before it would begin. */
  refusal?(): Error | undefined
  enter(guest: Guest): Promise<string>
  done(result: string, tookMs: number): void
  /** Which limit was hit, or undefined for any other failure. */
  failed(limit: Limit | undefined, error: unknown): void
  /** It never began: the isolate had died before its turn. */
  again(): void
}

/** A queue before one isolate: one entry at a time, so that a limit has one culprit. */
export interface Lane {
  readonly guest: Guest
  add(task: LaneTask): void
  readonly waiting: number
}

/** An entry that its time limit did not cut is given up this much later. */
const giveUpAfterMs = 10_000

export function createLane(guest: Guest, clock: Clock): Lane {
  let queue: LaneTask[] = []
  let busy = false

  async function work(): Promise<void> {
    busy = true
    while (queue.length > 0) {
      const tasks = queue
      queue = []
      for (const task of tasks) await one(task)
    }
    busy = false
  }

  async function one(task: LaneTask): Promise<void> {
    if (guest.dead) return task.again()
    const refused = task.refusal?.()
    if (refused) return task.failed(undefined, refused)
    const began = clock.elapsed()
    try {
      task.done(await inTime(task.enter(guest), task.wallMs), clock.elapsed() - began)
    } catch (error) {
      task.failed(limitOf(guest, error), error)
    }
    if (guest.dead) {
      for (const told of guest.onDeath) told()
      guest.onDeath.clear()
    }
  }

  /** The last resort: an isolate that does not obey its limits is given up, so that nobody waits behind it. */
  async function inTime(entry: Promise<string>, wallMs: number): Promise<string> {
    let stop: (() => void) | undefined
    const late = new Promise<never>((_, reject) => {
      stop = clock.setTimer(() => {
        guest.dispose()
        reject(new Error('The isolate did not obey its limits.'))
      }, wallMs + giveUpAfterMs)
    })
    try {
      return await Promise.race([entry, late])
    } finally {
      stop?.()
    }
  }

  return {
    guest,
    get waiting() {
      return queue.length + (busy ? 1 : 0)
    },
    add(task) {
      queue.push(task)
      if (!busy) void work()
    },
  }
}
