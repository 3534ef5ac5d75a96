import type { Expected } from './contract.ts'
import { Refused } from './refused.ts'

/**
 * Whether a change may be made that started from `expected`, of a record whose revision is `found`; `undefined`: there is none.
 * @throws Refused `record.stale` 412, `record.exists` 409 when there was to be none yet
 */
export function checkRevision(what: string, expected: Expected, found: number | undefined): void {
  if (expected === undefined || (expected === 'none' && found === undefined) || expected === found) return
  if (expected === 'none') throw new Refused('record.exists', 409, `There is a ${what} already.`)
  throw new Refused('record.stale', 412, found === undefined ? `The ${what} is not there any more.` : `The ${what} was changed by somebody else meanwhile. Read it again and repeat what you wanted.`)
}
