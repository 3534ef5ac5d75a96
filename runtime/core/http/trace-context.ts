import { randomBytes } from 'node:crypto'
import type { Run } from '../run.ts'

/** Where a request is within the journey of its caller (W3C Trace Context). */
export interface TraceContext {
  /** 32 digits of hex. */
  readonly traceId: string
  /** 16 digits of hex: the span of whoever called. Absent: the trace begins here. */
  readonly parentId?: string
  /** Two digits of hex; the lowest bit says that the caller records. */
  readonly flags: string
  readonly state?: string
}

const stateOfRun = Object.freeze({})

/**
 * A `traceparent` as it came in; `undefined` when it cannot be read, so that a new trace begins (W3C Trace Context §3.2). Later versions may say
 * more behind the flags.
 */
export function parseTraceparent(value: unknown): Omit<TraceContext, 'state'> | undefined {
  const found = typeof value === 'string' ? /^(?<version>[\da-f]{2})-(?<trace>[\da-f]{32})-(?<parent>[\da-f]{16})-(?<flags>[\da-f]{2})(?<more>-.*)?$/.exec(value)?.groups : undefined
  if (!found || found.version === 'ff' || (found.version === '00' && found.more !== undefined)) return undefined
  if (/^0+$/.test(found.trace as string) || /^0+$/.test(found.parent as string)) return undefined
  return { traceId: found.trace as string, parentId: found.parent as string, flags: found.flags as string }
}

/** The trace that a run is part of: that of its caller, who is believed only as far as names go, or one that begins with it. */
export function traceOf(run: Run): TraceContext {
  return run.state(stateOfRun, () => {
    const { traceparent, tracestate } = run.request?.headers ?? {}
    const came = parseTraceparent(traceparent)
    if (!came) return { traceId: randomBytes(16).toString('hex'), flags: '00' }
    return typeof tracestate === 'string' && tracestate.length <= 512 ? { ...came, state: tracestate } : came
  })
}

/** The `traceparent` of a request that this run sends, as a span of its own. */
export function nextTraceparent({ traceId, flags }: TraceContext): string {
  return `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`
}
