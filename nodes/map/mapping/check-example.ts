import type { RowProblem } from './check.ts'
import type { Row } from './row.ts'

/** What an example message shows to be impossible. */
export function checkExample(_rows: readonly Row[], _example: string): readonly RowProblem[] {
  return []
}
