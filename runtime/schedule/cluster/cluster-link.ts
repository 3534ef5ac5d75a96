import type { Clock } from '../../core/time/clock.ts'
import type { Log } from '../../core/log.ts'
import type { LineMessage } from './messages.ts'
import type { LineTickets } from './line-tickets.ts'

/** What a line has of its gateway. */
export interface ClusterLink {
  /** This gateway's name in the cluster; no hyphen. */
  readonly gateway: string
  readonly clock: Clock
  readonly log: Log
  /** Gateways among which slots are shared out while Redis is away. */
  readonly shares: number
  /** The tickets of a line. */
  openTickets(line: string, noteFailure: (error: unknown) => void): LineTickets
  /** Whether Redis answers, as far as is known. */
  healthy(): boolean
  /** Resolves with the answer of Redis, or with `undefined` when it is away. */
  answered<T>(answer: Promise<T>): Promise<T | undefined>
  /** Tells another gateway; false when nobody hears. */
  tell(gateway: string, message: LineMessage): Promise<boolean>
  count(name: string, labels?: Readonly<Record<string, string>>): void
}
