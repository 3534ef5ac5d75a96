import type { Clock } from '../core/time/clock.ts'
import { createHeldLines, type HeldLines } from './held-lines.ts'
import { TimedLine } from './line/timed-line.ts'

/** The lines of one gateway, by name. */
export type MemoryLines = HeldLines<TimedLine>

/** Lines in the memory of one gateway: what `cluster` means where there is no other gateway to share with. */
export function createMemoryLines(clock: Clock): MemoryLines {
  return createHeldLines((spec) => new TimedLine(spec, clock))
}
