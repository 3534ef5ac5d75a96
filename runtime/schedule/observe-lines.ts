import type { LineObserver } from '../core/lines/line-observer.ts'
import type { Line, Lines } from '../core/lines/lines.ts'
import { tellObserver } from './tell-observer.ts'

/** The same lines, with an observer told what became of those who came. */
export function observeLines(lines: Lines, observer: LineObserver): Lines {
  return {
    open(spec) {
      const { line, close } = lines.open(spec)
      return { line: observeLine(line, spec.name, observer), close }
    },
  }
}

function observeLine(line: Line, name: string, observer: LineObserver): Line {
  return {
    enter(priority, patienceMs, settled) {
      const place = line.enter(priority, patienceMs, (now) => {
        tellObserver(observer, name, now)
        settled(now)
      })
      tellObserver(observer, name, place)
      return place
    },
    leave: (place) => line.leave(place),
    facts: () => line.facts(),
  }
}
