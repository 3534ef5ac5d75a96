import { holdsUnkeepable, ledgerNamePattern, recordLimitBytes, type TravellingRecord } from '../../runtime/core/state/ledger.ts'
import { toCanonicalJson } from '../../ledger/canonical-json.ts'

const name = new RegExp(ledgerNamePattern)
const longest = 300

/** A record as a gateway sent it, its value as canonical JSON; or the code of what is wrong with it. */
export function toRecord(value: unknown): { readonly record: TravellingRecord; readonly text: string } | { readonly refused: string } {
  if (typeof value !== 'object' || value === null) return { refused: 'ledger.value' }
  const given = value as Readonly<Record<string, unknown>>
  if (!['ledger', 'id', 'takenAt', 'flow', 'node', 'run'].every((field) => isWord(given[field]))) return { refused: 'ledger.value' }
  if (given.organisation !== undefined && !isWord(given.organisation)) return { refused: 'ledger.value' }
  if (!name.test(given.ledger as string)) return { refused: 'ledger.refused' }
  try {
    const text = toCanonicalJson(given.value)
    if (holdsUnkeepable(text)) return { refused: 'ledger.value' }
    return Buffer.byteLength(text) > recordLimitBytes ? { refused: 'ledger.too_large' } : { record: given as unknown as TravellingRecord, text }
  } catch {
    return { refused: 'ledger.value' }
  }
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= longest && !value.includes('\0') && value.isWellFormed()
}
