/** Pause between looks for what is over, and for what nobody does any more. */
export const sweepEveryMs = 10_000
/** How long jobs wait for a revision that can do them, unless it is said. */
export const standardOrphanMs = 300_000
/** How long dead letters are kept, unless it is said. */
export const standardDeadMs = 7 * 86_400_000
