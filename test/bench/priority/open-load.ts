import { randomOf } from '../../kit/random-of.ts'
import { BrokenExchange, RawConnection } from '../../kit/raw-http.ts'

/** Who calls, and how often of a hundred. */
export interface CallerClass {
  readonly priority: number
  readonly percent: number
}

export interface Sample {
  readonly priority: number
  /** When it was due, ms from the start of the load. */
  readonly atMs: number
  /** From when it was due to its whole answer: a stall counts against all who waited (no coordinated omission). */
  readonly tookMs: number
  /** 0: no answer. */
  readonly status: number
  readonly retryAfterMs: number | undefined
  readonly retryAfter: string | undefined
}


/** Requests that come when they come, whatever became of those before: Poisson arrivals over as many connections as it takes. */
export async function openLoad({ port, path, perSecond, seconds, classes, seed, limitMs = 20_000 }: {
  readonly port: number
  readonly path: (priority: number) => string
  readonly perSecond: number
  readonly seconds: number
  readonly classes: readonly CallerClass[]
  readonly seed: number
  readonly limitMs?: number
}): Promise<readonly Sample[]> {
  // With a seed, so that every contestant gets the same arrivals.
  const random = randomOf(seed)
  const due: { readonly atMs: number; readonly priority: number }[] = []
  for (let atMs = 0; ; ) {
    atMs += (-Math.log(1 - random()) * 1000) / perSecond
    if (atMs >= seconds * 1000) break
    let left = random() * 100
    due.push({ atMs, priority: (classes.find(({ percent }) => (left -= percent) < 0) ?? classes.at(-1))!.priority })
  }
  const idle: RawConnection[] = []
  const samples: Sample[] = []
  const open = new Set<Promise<void>>()
  const start = performance.now()

  async function one({ atMs, priority }: { atMs: number; priority: number }): Promise<void> {
    const connection = idle.pop() ?? new RawConnection('127.0.0.1', port)
    const add = (status: number, headers: Readonly<Record<string, string>> = {}) => {
      const after = headers['x-retry-after-ms']
      samples.push({ priority, atMs, tookMs: performance.now() - start - atMs, status, retryAfterMs: after === undefined ? undefined : Number(after), retryAfter: headers['retry-after'] })
    }
    try {
      const { status, headers } = await connection.exchange(`GET ${path(priority)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`, limitMs)
      add(status, headers)
      idle.push(connection)
    } catch (error) {
      if (!(error instanceof BrokenExchange)) throw error
      add(0)
      connection.close()
    }
  }

  for (let next = 0; next < due.length; ) {
    const now = performance.now() - start
    for (; next < due.length && due[next]!.atMs <= now; next += 1) {
      const sending: Promise<void> = one(due[next]!).finally(() => open.delete(sending))
      open.add(sending)
    }
    const waitMs = next < due.length ? due[next]!.atMs - (performance.now() - start) : 0
    // A timer may be a millisecond late, which counts against whoever is measured. Looking at the clock all the time instead would take
    // half of the core that backend and Redis need as well.
    await new Promise((resolve) => (waitMs > 0.2 ? setTimeout(resolve, waitMs) : setImmediate(resolve)))
  }
  await Promise.all(open)
  for (const connection of idle) connection.close()
  return samples
}
