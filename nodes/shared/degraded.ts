import type { Fault } from '../../runtime/core/fault.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Run } from '../../runtime/core/run.ts'

/** What a message says of a part that failed and was replaced or left out. */
export interface Warning {
  readonly code: string
  /** The branch, or the node's name and the item's place. */
  readonly part: string
  readonly title: string
  /** What stands in its place. */
  readonly used: 'default' | 'last good' | 'nothing'
}

/** Says so to the caller as well: `X-Degraded` names the part. A name that no header may hold is percent-encoded. */
export function degrade(run: Run, part: string, { code, title }: Pick<Fault, 'code' | 'title'>, used: Warning['used']): Warning {
  const name = part.replace(/[^!#$&'*+.^_`|~0-9A-Za-z -]/gu, (letter) => encodeURIComponent(letter).replace(/^[^%]$/, (plain) => `%${plain.charCodeAt(0).toString(16).toUpperCase()}`))
  run.addReplyHeader?.('X-Degraded', name, name)
  return { code, part, title, used }
}

/** A message with more warnings behind those it has. */
export function withWarnings(message: Message, warnings: readonly Warning[]): Message {
  if (warnings.length === 0) return message
  return { ...message, warnings: [...(Array.isArray(message.warnings) ? (message.warnings as unknown[]) : []), ...warnings] }
}
