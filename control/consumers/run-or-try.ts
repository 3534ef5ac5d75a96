import { Refused, type Actor } from '../contract.ts'
import type { Desk } from './records.ts'
import type { Access } from './rights.ts'
import type { Unit } from './unit.ts'

/**
 * Does a piece of work on the records; with `dryRun` it is taken back as soon as it is done, so that it comes to what it would
 * come to, or is refused with what it would be refused with.
 */
export async function runOrTry<T>(desk: Pick<Desk, 'run'>, by: Actor, dryRun: boolean, work: (unit: Unit) => Promise<T>, access?: Access): Promise<T> {
  const tried = new Refused('dry_run', 409, 'Only tried.')
  let done: { readonly result: T } | undefined
  try {
    return await desk.run(by, async (unit) => {
      const result = await work(unit)
      if (!dryRun) return result
      done = { result }
      throw tried
    }, access)
  } catch (thrown) {
    if (thrown === tried && done) return done.result
    throw thrown
  }
}
