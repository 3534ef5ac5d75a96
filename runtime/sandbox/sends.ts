import type { Message } from '../core/message.ts'
import { SentTo, type Output } from '../core/step.ts'

/** Messages with their ports as what a step gives back. */
export function toSends(sends: readonly (readonly [port: number, message: Message])[]): Output {
  const [first] = sends
  if (!first) return undefined
  if (sends.length === 1) return new SentTo(first[0], first[1])
  const ports: Record<string, Message[]> = {}
  for (const [port, message] of sends) (ports[port] ??= []).push(message)
  return ports
}

/** Sends given one after the other; ends or fails once. */
export interface SendStream extends AsyncIterable<NonNullable<Output>> {
  push(sends: NonNullable<Output>): void
  end(): void
  fail(error: unknown): void
}

/** @param onStop called when the reader goes away before the end */
export function createSendStream(onStop: () => void): SendStream {
  const waiting: NonNullable<Output>[] = []
  let wake: (() => void) | undefined
  let ended = false
  let failure: { error: unknown } | undefined
  const stir = (): void => {
    wake?.()
    wake = undefined
  }
  return {
    push(sends) {
      if (ended) return
      waiting.push(sends)
      stir()
    },
    end() {
      ended = true
      stir()
    },
    fail(error) {
      if (ended) return
      ended = true
      failure = { error }
      stir()
    },
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          while (waiting.length > 0) yield waiting.shift() as NonNullable<Output>
          if (failure) throw failure.error
          if (ended) return
          await new Promise<void>((resolve) => (wake = resolve))
        }
      } finally {
        if (!ended) onStop()
      }
    },
  }
}
