import type { LinkedNode } from './pipeline.ts'

/**
 * What deployments and recorders keep beside an entry, so that a call costs no look-up. All of it in one object, because with
 * thousands of routes each object that a call touches is one more line of memory that is not in the processor's cache. What one
 * left there may be another's of its kind, where it says whose it is: each knows its own again.
 */
export class RunMarks {
  /**
   * Number of the deployment that found the next three: the node, the one behind it when it only passes messages on, and the
   * limit of a run that enters there.
   */
  deployment: number | undefined = undefined
  entry: LinkedNode | undefined = undefined
  behind: LinkedNode | undefined = undefined
  limitMs: number | undefined = undefined
  /** What the lines of the log have in common, for runs of a release and method. */
  lineRelease: number | undefined = undefined
  lineMethod: string | undefined = undefined
  lineHead: string | undefined = undefined
  /** Who counts, of which method the counts are, the array that they lie in, and from which index on. */
  countsOf: object | undefined = undefined
  countsMethod: string | undefined = undefined
  counts: Float64Array | undefined = undefined
  countsAt: number | undefined = undefined
}
