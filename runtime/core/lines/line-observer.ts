import type { NoTurn } from './lines.ts'
import type { Priority } from './priority.ts'

/** Is told what became of those who came to a line. Cheap: called once for each. */
export interface LineObserver {
  /** `priority` absent: there was room, and nobody was asked. */
  served(line: string, priority: Priority | undefined, waitedMs: number): void
  refused(line: string, priority: Priority, reason: NoTurn): void
}
