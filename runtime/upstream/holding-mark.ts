import { type Holding, holdingHeader } from '../core/lines/holding.ts'
import type { Run } from '../core/run.ts'

/** Says on a callout which slots its run holds, its own and those its caller told of. */
export function markHolding(headers: string[], run: Run, holding: Holding | undefined): void {
  if (holding === undefined) return
  const passed = run.request?.headers[holdingHeader]
  if (passed === undefined && (run.heldLines === undefined || run.heldLines.length === 0)) return
  const value = holding.toHeader(run.heldLines, passed)
  if (value !== undefined) headers.push('Sluice-Holding', value)
}
