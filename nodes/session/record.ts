/** Why a session is over. */
export type EndReason = 'ended' | 'evicted' | 'abandoned'

/** A session as it lies in the store. Times are the store's, in milliseconds since the epoch. */
export interface SessionRecord {
  readonly v: 1
  /** `ended`: over, its close-callout is due; `closing`: a janitor has claimed it; `closed`: nothing is left to do. */
  readonly state: 'open' | 'ended' | 'closing' | 'closed'
  readonly client?: string
  /** Who may use it, when the client's name alone does not say it. */
  readonly owner?: string
  readonly createdAtMs: number
  readonly seenAtMs: number
  /** Absolute end, whatever happens. */
  readonly endsAtMs: number
  readonly idleMs: number
  readonly cap: number
  readonly data?: unknown
  /** Whose janitor closes it at the target; absent: nothing is to be closed. */
  readonly closer?: string
  readonly reason?: EndReason
  readonly claim?: { readonly by: string; readonly untilMs: number }
  readonly tries?: number
  readonly retryAtMs?: number
}

/** Reads a record; `undefined` for one that a later version has written. */
export function parseSession(text: string): SessionRecord | undefined {
  try {
    const record = JSON.parse(text) as SessionRecord
    return record.v === 1 ? record : undefined
  } catch {
    return undefined
  }
}

/** Whose session it is, as {@link SessionRecord} compares it. */
export function ownerOf(record: Pick<SessionRecord, 'client' | 'owner'>): string | undefined {
  return record.owner ?? record.client
}

/** When the session expires if nobody touches it. */
export function expiryOf(record: SessionRecord): number {
  return Math.min(record.seenAtMs + record.idleMs, record.endsAtMs)
}

/** `msg.session`: what flows see of a session. Never its id. */
export interface SessionView {
  readonly handle: string
  readonly client?: string
  readonly createdAt: string
  readonly lastSeenAt: string
  readonly expiresAt: string
  readonly data?: unknown
}

export function toView(handle: string, record: SessionRecord): SessionView {
  const time = (ms: number) => new Date(ms).toISOString()
  return {
    handle,
    ...(record.client === undefined ? {} : { client: record.client }),
    createdAt: time(record.createdAtMs),
    lastSeenAt: time(record.seenAtMs),
    expiresAt: time(expiryOf(record)),
    ...(record.data === undefined ? {} : { data: record.data }),
  }
}
