import type { LineObserver } from '../core/line-observer.ts'
import type { Line, Lines, Place } from '../core/lines.ts'

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
  const note = (place: Place) => {
    if (place.state === 'admitted') observer.served(name, place.priority, place.waitedMs)
    else if (place.state === 'refused') observer.refused(name, place.priority, place.reason ?? 'closed')
  }
  return {
    enter(priority, patienceMs, settled) {
      const place = line.enter(priority, patienceMs, (now) => {
        note(now)
        settled(now)
      })
      note(place)
      return place
    },
    leave: (place) => line.leave(place),
    facts: () => line.facts(),
  }
}
