import { toFault } from '../../runtime/core/fault.ts'
import type { Run } from '../../runtime/core/run.ts'
import { whenAborted } from '../../runtime/core/when-aborted.ts'

/** Lets so many in at once; others wait, first come, first served. */
export interface Turns {
  /** The result ends the turn. Rejects when the run is aborted before its turn comes. */
  enter(run: Run): Promise<() => void>
}

export function createTurns(atOnce: number): Turns {
  const waiting = new Set<() => void>()
  let free = atOnce

  function leave(): void {
    const [next] = waiting
    if (!next) {
      free += 1
      return
    }
    waiting.delete(next)
    next()
  }

  return {
    enter(run) {
      if (free > 0) {
        free -= 1
        return Promise.resolve(leave)
      }
      return new Promise((resolve, reject) => {
        let stop = () => {}
        const begin = (): void => {
          stop()
          resolve(leave)
        }
        waiting.add(begin)
        stop = whenAborted(run, (reason) => {
          if (waiting.delete(begin)) reject(toFault(reason))
        })
      })
    },
  }
}
