import { Cron } from 'croner'
import type { Clock } from '../core/clock.ts'
import type { Entry } from '../core/entry.ts'

/** Starts what makes an entry fire by itself; the result stops it. Entries that wait for others start nothing. */
export type StartTimer = (entry: Entry, fire: () => void) => () => void

/** Timers of one gateway process, in memory. Cron follows its zone through changes of daylight saving time. */
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
        const job = new Cron(entry.cron, { ...(entry.zone === undefined ? {} : { timezone: entry.zone }), unref: true }, fire)
        return () => job.stop()
      }
      default:
        return () => {}
    }
  }
}
