import type { AnchorReceipt } from './period-root.ts'
import { readTimestamp } from './timestamp.ts'

/** What is wrong with a receipt by itself: of a time stamp, that it is granted and of this root. */
export function receiptFlaw({ kind, token, hash, anchor, period }: AnchorReceipt): string | undefined {
  if (kind !== 'timestamp') return undefined
  try {
    readTimestamp(Buffer.from(token ?? '', 'base64'), hash)
    return undefined
  } catch (thrown) {
    return `The time stamp of ${anchor} for period ${period} proves nothing: ${(thrown as Error).message}`
  }
}
