import { Cron } from 'croner'
import type { Clock } from '../core/clock.ts'
import type { StartTimer } from '../core/entry.ts'

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
