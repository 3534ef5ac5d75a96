import type { Refused } from '../../../control/contract.ts'
import type { TextKey } from '../../texts.ts'
import type { T } from './view.ts'

const known: Readonly<Record<string, TextKey>> = {
  'record.stale': 'staleAct',
  'auth.role': 'notAllowed',
}

/** A refusal in the reader's words: of those that every record knows in his language, of others what was said. */
export function sayRefusal(refused: Refused, t: T): string {
  const key = known[refused.code]
  return key ? t(key) : refused.message
}
