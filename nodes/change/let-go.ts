import { resolve } from '../../runtime/core/http/body.ts'
import { ByteStream } from '../../runtime/core/http/byte-stream.ts'
import type { LabelMap } from '../../runtime/core/labels/label-map.ts'
import { isOnePlace, toLabelPath } from '../../runtime/core/labels/label-path.ts'
import type { Message } from '../../runtime/core/message.ts'
import { deleteProperty, getProperty, parseMessagePath } from '../../runtime/core/values/property.ts'
import type { ChangeRule } from './rules.ts'

/**
 * What a rule takes away is gone for the compiler. Where it lies in text or bytes that nobody has parsed, there is no field to take: then the text
 * goes as a whole. `undefined` for a rule that takes nothing labelled out of anything.
 */
export function compileLetGo(rule: ChangeRule, labels: LabelMap): ((message: Message) => Message) | undefined {
  if (rule.pt !== 'msg' || rule.t === 'change') return undefined
  const path = parseMessagePath(rule.p)
  const place = toLabelPath(path)
  if (!isOnePlace(place) || labels.without(place) === labels) return undefined
  // From the outermost value on.
  const above = path.slice(1).map((_, at) => path.slice(0, at + 1))
  return (message) => {
    const text = above.find((one) => isUnread(getProperty(message, one)))
    return text ? deleteProperty(message, text) : message
  }
}

function isUnread(given: unknown): boolean {
  const value = resolve(given)
  return (typeof value === 'string' && value !== '') || value instanceof Uint8Array || value instanceof ByteStream
}
