import type { AnchorReceipt } from './period-root.ts'
import { readTimestamp } from './timestamp.ts'

/** What is wrong with a receipt by itself: of a time stamp, that it is granted, of this root, and of the time that the receipt says. */
export function receiptFlaw({ kind, token, hash, anchor, period, at }: AnchorReceipt): string | undefined {
  if (kind !== 'timestamp') return undefined
  try {
    const stamp = readTimestamp(Buffer.from(token ?? '', 'base64'), hash)
    return stamp.at === at ? undefined : `The time stamp of ${anchor} for period ${period} is of ${stamp.at}, and the receipt says another time.`
  } catch (thrown) {
    return `The time stamp of ${anchor} for period ${period} proves nothing: ${(thrown as Error).message}`
  }
}
