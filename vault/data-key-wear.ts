import type { DataKeyWear } from './contract.ts'
import type { DataKeyRow } from './store/vault-store.ts'

/** The end of what RFC 3339 can say. */
const latestMs = Date.UTC(9999, 11, 31)

/** How far a data key is used, and when it is full if it goes on as it went since it was made. */
export function toWear({ scope, version, createdAt }: Pick<DataKeyRow, 'scope' | 'version' | 'createdAt'>, seals: number, limit: number, nowMs: number): DataKeyWear {
  const share = seals / limit
  const fullMs = share > 0 ? createdAt + (nowMs - createdAt) / share : Number.POSITIVE_INFINITY
  return { scope, version, since: new Date(createdAt).toISOString(), seals, share, ...(fullMs <= latestMs ? { fullAt: new Date(Math.max(fullMs, nowMs)).toISOString() } : {}) }
}
