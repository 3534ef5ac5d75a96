import type { Clock } from '../core/time/clock.ts'
import type { StartTimer } from '../core/entry.ts'
import { atTime } from './at-time.ts'
import { createTimeLine } from './times.ts'

/**
 * Timers of one gateway process, in memory. Cron follows its zone through changes of daylight saving time; when the clock is put
 * back, times that came already do not come again, and when it is put forward, one stands for those that were passed over.
 */
export function createTimers(clock: Clock): StartTimer {
  return (entry, fire) => {
    switch (entry.on) {
      case 'start':
        return clock.setTimer(fire, entry.delayMs)
      case 'interval': {
        let cancel = () => {}
        const again = () => {
          cancel = clock.setTimer(() => {
            again()
            fire()
          }, entry.everyMs)
        }
        again()
        return () => cancel()
      }
      case 'cron': {
        const line = createTimeLine({ kind: 'cron', cron: entry.cron, ...(entry.zone === undefined ? {} : { zone: entry.zone }) })
        let cancel = () => {}
        const sleep = (afterMs: number) => {
          const nextMs = line.next(afterMs)
          if (nextMs === undefined) return
          cancel = atTime(clock, nextMs, () => {
            sleep(Math.max(nextMs, clock.now()))
            fire()
          })
        }
        sleep(clock.now())
        return () => cancel()
      }
      default:
        return () => {}
    }
  }
}
