import type { LineDesk, LineReport } from '../core/lines/line-desk.ts'
import type { LineFacts } from '../core/lines/lines.ts'
import { priorities, type Priority } from '../core/lines/priority.ts'

/** What lines of both scopes let operators do. */
export interface OperatedLine {
  facts(): LineFacts
  estimateMs(priority: Priority): number
  pause(): void | Promise<void>
  resume(): void | Promise<void>
  /** Refuses all that wait. */
  drain(): void
  moveClass(from: Priority, to: Priority): number
}

export function createLineDesk(lines: () => readonly OperatedLine[]): LineDesk {
  return {
    list: () => lines().map(toReport),
    async act(name, act) {
      const line = lines().find((one) => one.facts().name === name)
      if (!line) return false
      if (act.act === 'move') line.moveClass(act.from, act.to)
      else await line[act.act]()
      return true
    },
  }
}

function toReport(line: OperatedLine): LineReport {
  const { slots, serviceMs, ...facts } = line.facts()
  return {
    ...facts,
    ...(Number.isFinite(slots) ? { slots } : {}),
    ...(serviceMs === undefined ? {} : { serviceMs }),
    expectedMs: Array.from({ length: priorities }, (_, at) => line.estimateMs(at as Priority)),
  }
}
