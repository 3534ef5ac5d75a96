import type { LineObserver } from '../core/lines/line-observer.ts'
import type { Place } from '../core/lines/lines.ts'

/** Tells what became of somebody who came to a line; nothing while that is open. */
export function tellObserver(observer: LineObserver, line: string, { state, priority, waitedMs, reason = 'closed' }: Place): void {
  if (state === 'admitted') observer.served(line, priority, waitedMs)
  else if (state === 'refused') observer.refused(line, priority, reason)
}
