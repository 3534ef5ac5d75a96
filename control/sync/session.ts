import type { ServerResponse } from 'node:http'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { PollReply, SyncMessage } from '../../runtime/core/sync-wire.ts'
import type { KnownGateway } from '../gateways/registry.ts'

/** Bytes a gateway may leave unread before its stream is cut; it comes back and catches up. */
const backlogBytes = 64 * 1024 * 1024
const backlogMessages = 200
/** A gateway that polls is away when it has not come back for so long. */
const pollGapMs = 10_000

/** The way to one connected gateway: messages arrive in order, over a stream or over polls. */
export interface Session {
  readonly gateway: KnownGateway
  send(message: SyncMessage): void
  close(): void
}

/** Server-sent events (WHATWG HTML §9.2). */
export function openStream(
  gateway: KnownGateway,
  response: ServerResponse,
  { clock, heartbeatMs, closed }: { clock: Clock; heartbeatMs: number; closed: (session: Session) => void },
): Session {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
  let cancel = () => {}
  const beat = () => {
    cancel = clock.setTimer(() => {
      write(':\n\n')
      beat()
    }, heartbeatMs)
  }
  const write = (text: string) => {
    if (response.writableEnded || response.destroyed) return
    response.write(text)
    if (response.writableLength > backlogBytes) response.destroy()
  }
  const session: Session = {
    gateway,
    send: (message) => write(`data: ${JSON.stringify(message)}\n\n`),
    close: () => response.destroy(),
  }
  response.on('close', () => {
    cancel()
    closed(session)
  })
  beat()
  return session
}

/** Long polls: what was sent is kept until the next poll says that it arrived. */
export function openPolls(gateway: KnownGateway, { clock, waitMs, closed }: { clock: Clock; waitMs: number; closed: (session: Session) => void }) {
  let first = 1
  const kept: SyncMessage[] = []
  let wake: (() => void) | undefined
  let cancelGap = () => {}
  let open = true

  const reply = (): PollReply => ({ after: first + kept.length - 1, messages: [...kept] })
  const awaitNext = () => {
    cancelGap()
    cancelGap = clock.setTimer(() => session.close(), pollGapMs)
  }

  const session = {
    gateway,
    send(message: SyncMessage) {
      kept.push(message)
      if (kept.length > backlogMessages) return session.close()
      wake?.()
    },
    close() {
      if (!open) return
      open = false
      cancelGap()
      wake?.()
      closed(session)
    },
    get open() {
      return open
    },
    /** The messages after the one numbered `after`, as soon as there is one; an empty list after a while. */
    async poll(after: number, gone: (callback: () => void) => void): Promise<PollReply> {
      cancelGap()
      kept.splice(0, Math.max(0, after - first + 1))
      first = Math.max(first, after + 1)
      if (kept.length === 0 && open) {
        await new Promise<void>((resolve) => {
          const cancel = clock.setTimer(resolve, waitMs)
          wake = () => {
            cancel()
            resolve()
          }
          gone(wake)
        })
        wake = undefined
      }
      if (open) awaitNext()
      return reply()
    },
  }
  return session
}

export type PollSession = ReturnType<typeof openPolls>
