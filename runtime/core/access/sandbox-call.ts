import type { MessageClient } from './clients.ts'
import type { Message } from '../message.ts'
import type { Run } from '../run.ts'

/** Header of every answer to a sandbox caller: nobody takes it for the real thing. */
const environmentHeader = 'X-Environment'

/**
 * Whether a call must not reach production: by the run, which a flow cannot change, or by `msg.client`, for messages that
 * were sent on outside of the run they came with. Each of them is enough.
 */
export function isSandboxCall(run: Run, message: Message): boolean {
  if (run.environment === 'sandbox') return true
  const { client } = message
  return typeof client === 'object' && client !== null && (client as Partial<MessageClient>).environment === 'sandbox'
}

/** Says on the answer, whoever gives it, that it comes from the sandbox. */
export function markSandboxAnswer(run: Run): void {
  run.addReplyHeader?.(environmentHeader, 'sandbox')
}
