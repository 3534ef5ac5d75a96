import type { ConnectorState, ConnectorStatus } from '../contract.ts'
import type { ConnectorStateRow, ConsumerRow } from '../store/schema.ts'

/** Whether a connector asks nobody by itself. */
export function isOff(row: ConsumerRow): boolean {
  return row.retired_at !== null || row.state !== 'active'
}

/** How a connector is, of its record and of what was written down at its fetches. */
export function toStatus(row: ConsumerRow, state: ConnectorStateRow | undefined, nowMs: number): ConnectorStatus {
  const said = state?.state as ConnectorState | undefined
  const off = isOff(row)
  return {
    state: off ? 'off' : (said ?? 'new'),
    partners: state?.partners ?? 0,
    failures: state?.failures ?? 0,
    ...(state?.attempted_at ? { attemptedAt: state.attempted_at } : {}),
    ...(state?.fetched_at ? { fetchedAt: state.fetched_at, ageSeconds: Math.max(0, Math.round((nowMs - Date.parse(state.fetched_at)) / 1000)) } : {}),
    ...(state?.changed_at ? { changedAt: state.changed_at } : {}),
    ...(state?.next_at && !off ? { nextAt: state.next_at } : {}),
    ...(state?.problem && !off ? { problem: JSON.parse(state.problem) as NonNullable<ConnectorStatus['problem']> } : {}),
  }
}
