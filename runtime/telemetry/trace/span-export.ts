import { setTimeout as pause } from 'node:timers/promises'
import type { RunNotes } from './run-notes.ts'
import { createSpanSender } from './span-sender.ts'
import { createSpanText, type LastingSpan, openSpans, toSpanFrame } from './span-text.ts'

export interface SpanExportOptions {
  /** Of the collector, such as `http://collector:4318`; spans go to `/v1/traces` below it (OTLP/HTTP). */
  readonly url: string
  /** Sent with every batch: what the collector wants to know its senders by. */
  readonly headers?: Readonly<Record<string, string>>
  /** `service.name` (OpenTelemetry semantic conventions). */
  readonly service: string
  readonly version?: string
  /** How long spans gather before they are sent, ms. */
  readonly gatherMs?: number
  /** Before a batch is sent for the second time, ms; every further time it is twice as long. */
  readonly pauseMs?: number
}

/** Hands traced runs to a collector: a span for the run, one for each node, one for each callout. No message is in them. */
export interface SpanExport {
  /** A run has ended. Spans in which a stream still passes follow when that is over. */
  ended(notes: RunNotes): void
  /** Sends what waits; streams that still pass are left as they are then. */
  close(): Promise<void>
}

/** What the last batches get at the end, ms. */
const lastWordMs = 1500
/** A batch is sent when it is this large: a larger one would take others their turn for too long when it is made. */
const batchBytes = 256 * 1024
/** What may wait for the collector; what comes then is dropped. */
const mostWaitingBytes = 8 * 1024 * 1024
/** How often a batch is sent to a collector that cannot take it now, and the longest pause between. */
const mostTries = 5
const longestPauseMs = 30_000

/** Opens no connection before the first span. What a collector that is away for long misses is lost: serving comes first. */
export function openSpanExport({ url, headers = {}, service, version, gatherMs = 2000, pauseMs = 1000 }: SpanExportOptions): SpanExport {
  const sender = createSpanSender(`${url.replace(/\/+$/, '')}/v1/traces`, headers)
  const { head, tail } = toSpanFrame(service, version)
  const spans = createSpanText()
  /** Write down what still waits for the ends of streams. */
  const lasting = new Set<() => void>()
  const closing = new AbortController()
  /** Of the batch that gathers: bytes at once, since what lives as text until then is copied from one generation of the memory to the next. */
  let batch: Buffer | undefined
  let size = 0
  let timer: NodeJS.Timeout | undefined
  let waiting: Buffer[] = []
  let waitingBytes = 0
  let sending: Promise<void> | undefined

  function begin(leastBytes: number): Buffer {
    const made = Buffer.allocUnsafeSlow(Math.max(batchBytes, leastBytes))
    size = made.write(head)
    timer = setTimeout(take, gatherMs).unref()
    return made
  }

  function take(): void {
    clearTimeout(timer)
    if (!batch) return
    const body = batch.subarray(0, size + batch.write(tail, size))
    batch = undefined
    if (waitingBytes + body.length > mostWaitingBytes) return
    waiting.push(body)
    waitingBytes += body.length
    sending ??= sendAll().finally(() => (sending = undefined))
  }

  async function sendAll(): Promise<void> {
    // One after the other: a collector that is slow is not to be asked for more at once.
    // oxlint-disable-next-line no-await-in-loop
    for (let body = waiting[0]; body; body = waiting[0]) {
      await deliver(body)
      waiting.shift()
      waitingBytes -= body.length
    }
  }

  async function deliver(body: Buffer): Promise<void> {
    for (let tries = 1; ; tries++) {
      // oxlint-disable-next-line no-await-in-loop
      const afterMs = await sender.send(body)
      if (afterMs === undefined || tries === mostTries || closing.signal.aborted) return
      const ownMs = pauseMs * 2 ** (tries - 1) * (0.8 + 0.4 * Math.random())
      // oxlint-disable-next-line no-await-in-loop
      await pause(Math.min(longestPauseMs, Math.max(afterMs, ownMs)), undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  }

  function add(text: string): void {
    if (text === '') return
    // UTF-8 takes at most three bytes for each unit of UTF-16.
    const mostBytes = 3 * text.length + 1 + tail.length
    if (batch && size + mostBytes > batch.length) take()
    if (batch) size += batch.write(',', size)
    else batch = begin(head.length * 3 + mostBytes)
    size += batch.write(text, size)
  }

  function follow(notes: RunNotes, waiting: readonly LastingSpan[]): void {
    let left = waiting
    const write = (open: readonly LastingSpan[]) => {
      for (const span of left) if (!open.includes(span)) add(spans.ofLasting(notes, span))
      left = left.filter((span) => open.includes(span))
      if (left.length > 0) return
      stop()
      lasting.delete(writeAll)
    }
    const writeAll = () => write([])
    const stop = notes.whenStreamOver(() => write(openSpans(notes)))
    lasting.add(writeAll)
  }

  return {
    ended(notes) {
      if (closing.signal.aborted) return
      const open = openSpans(notes)
      add(spans.ofRun(notes, open))
      if (open.length > 0) follow(notes, open)
    },
    async close() {
      for (const writeAll of lasting) writeAll()
      take()
      closing.abort()
      // One that is away is tried again for longer than anybody wants to wait for an end.
      await Promise.race([sending, pause(lastWordMs, undefined, { ref: false })])
      waiting = []
      sender.close()
    },
  }
}
