import type { ServerResponse } from 'node:http'

/** Ends answers together: see {@link createOutbox}. */
export interface Outbox {
  /** Ends an answer soon, at the latest when the event loop has handled what the system has for it now. */
  end(res: ServerResponse, body: string | Buffer | undefined): void
}

/** Answers held at most: a long turn must not keep many callers waiting for one. */
const mostHeld = 64

/**
 * Lets the answers of one turn of the event loop leave together. On a loaded server a turn handles many requests;
 * writing each answer when it is ready wakes the receiver once for each, and waking costs more than writing. The
 * idea is the corking of Node's own streams, across connections.
 */
export function createOutbox(): Outbox {
  let held: { readonly res: ServerResponse; readonly body: string | Buffer | undefined }[] = []

  function flush(): void {
    const answers = held
    held = []
    for (const { res, body } of answers) {
      try {
        res.end(body)
      } catch {
        res.destroy()
      }
    }
  }

  /** Several at once are the results of one batch: nothing is gained by waiting for more. */
  function flushSeveral(): void {
    if (held.length > 1) flush()
  }

  return {
    end(res, body) {
      const count = held.push({ res, body })
      if (count === 1) {
        process.nextTick(flushSeveral)
        setImmediate(flush)
      }
      else if (count === mostHeld) flush()
    },
  }
}
