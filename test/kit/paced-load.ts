import { BrokenExchange, RawConnection } from './raw-http.ts'

export interface PacedLoad {
  readonly port: number
  readonly path: string
  /** Requests per second; sent on time whether or not earlier ones were answered. */
  readonly perSecond: number
  readonly seconds: number
  readonly headers?: Readonly<Record<string, string>>
  /** Longest wait for one answer. */
  readonly limitMs?: number
}

export interface PacedResult {
  readonly sent: number
  /** Answers by status; a broken exchange counts under its kind. */
  readonly outcomes: Readonly<Record<string, number>>
  /** From the moment a request was due to its whole answer, so that a stall counts against all who waited. */
  readonly latenciesMs: readonly number[]
}

/** Sends requests at a fixed rate over as many connections as it takes. */
export async function pacedLoad(load: PacedLoad): Promise<PacedResult> {
  const { port, path, perSecond, seconds, limitMs = 30_000 } = load
  const more = Object.entries(load.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${more}\r\n`
  const idle: RawConnection[] = []
  const outcomes: Record<string, number> = {}
  const latenciesMs: number[] = []
  const open = new Set<Promise<void>>()
  const total = Math.round(perSecond * seconds)
  const start = performance.now()

  async function one(dueMs: number): Promise<void> {
    const connection = idle.pop() ?? new RawConnection('127.0.0.1', port)
    let outcome: string
    try {
      const reply = await connection.exchange(request, limitMs)
      outcome = String(reply.status)
    } catch (error) {
      outcome = error instanceof BrokenExchange ? error.kind : 'error'
    }
    latenciesMs.push(performance.now() - dueMs)
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    idle.push(connection)
  }

  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * perSecond) + 1)
    for (; sent < due; sent++) {
      const sending: Promise<void> = one(start + (sent / perSecond) * 1000).finally(() => open.delete(sending))
      open.add(sending)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(open)
  for (const connection of idle) connection.close()
  return { sent: total, outcomes, latenciesMs }
}
