import type { MessageClient } from '../../../runtime/core/access/clients.ts'
import type { Message } from '../../../runtime/core/message.ts'

/** Who may ask for a job: the application that an auth node let in; empty for callers nobody knows. */
export function jobOwner({ client }: Message): string {
  if (typeof client !== 'object' || client === null) return ''
  const { id, application, environment } = client as Partial<MessageClient>
  const who = application || id
  return typeof who === 'string' && who !== '' ? `app:${environment ?? ''}:${who}` : ''
}
