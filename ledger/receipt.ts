import type { AnchorReceipt } from './period-root.ts'
import type { Saying } from './sayings.ts'
import { readTimestamp, TimestampProblem } from './timestamp.ts'

/** What is wrong with a receipt by itself: of a time stamp, that it is granted, of this root, and of the time that the receipt says. */
export function receiptFlaw({ kind, token, hash, anchor: witness, period, at }: AnchorReceipt): Saying | undefined {
  if (kind !== 'timestamp') return undefined
  try {
    const { at: time } = readTimestamp(Buffer.from(token ?? '', 'base64'), hash)
    return time === at ? undefined : { code: 'stamp.time', facts: { witness, period, time } }
  } catch (thrown) {
    return { code: `stamp.${thrown instanceof TimestampProblem ? thrown.kind : 'unreadable'}`, facts: { witness, period } }
  }
}
