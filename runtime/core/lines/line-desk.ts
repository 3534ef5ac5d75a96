import type { LineFacts } from './lines.ts'
import type { Priority } from './priority.ts'

/** A line as operators see it. Plain data: it travels. */
export interface LineReport extends Omit<LineFacts, 'slots' | 'serviceMs'> {
  /** Absent: only its rate counts. */
  readonly slots?: number
  readonly serviceMs?: number
  /** How long a call of each priority that came now would wait; 0 when nothing is known. */
  readonly expectedMs: readonly number[]
}

/** What operators do to a line. `drain` refuses all that wait now; `move` puts all of one priority that wait into another. */
export type LineAct = { readonly act: 'pause' | 'resume' | 'drain' } | { readonly act: 'move'; readonly from: Priority; readonly to: Priority }

/** The lines of a gateway, for operators. */
export interface LineDesk {
  list(): readonly LineReport[]
  /** False when there is no such line. */
  act(line: string, act: LineAct): Promise<boolean>
}
