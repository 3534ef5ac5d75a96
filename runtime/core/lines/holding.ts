import type { LineSpec } from './lines.ts'

/** Header by which callouts of runs that hold slots say so. */
export const holdingHeader = 'sluice-holding'

/**
 * Marks on callouts, so that a flow that calls itself while it holds the last slot is told at once instead of waiting for
 * itself. A mark is a keyed hash with a number used once: whoever sees it learns nothing of the line, and who repeats it only has
 * himself refused.
 */
export interface Holding {
  /** What a line is called in marks: lines of one gateway are apart from those of another. */
  idOf(scope: LineSpec['scope'], name: string): string
  /** Value of the header for a callout: marks of what the run holds, and those that its own request came with. */
  toHeader(held: readonly string[] | undefined, passed: string | string[] | undefined): string | undefined
  /** Whether a request comes from a run that holds a slot of this line. */
  isHeld(id: string, passed: string | string[] | undefined): boolean
}
