import { say, type Saying } from '../../ledger/sayings.ts'
import { TimestampProblem } from '../../ledger/timestamp.ts'

/** Why a witness did not take a root, for programs and for people. */
export class WitnessProblem extends Error {
  readonly saying: Saying

  constructor(code: Saying['code'], facts: Saying['facts'], options?: ErrorOptions) {
    super(say({ code, facts }), options)
    this.saying = { code, facts }
  }
}

const longest = 300

/** What is said of whatever taking a root to a witness threw. */
export function toWitnessProblem(thrown: unknown): WitnessProblem {
  if (thrown instanceof WitnessProblem) return thrown
  if (thrown instanceof TimestampProblem) return new WitnessProblem(`witness.stamp_${thrown.kind}`, {}, { cause: thrown })
  const reason = (thrown instanceof Error ? thrown.message : 'unknown').slice(0, longest).replace(/\.$/, '')
  return new WitnessProblem('witness.unreachable', { reason }, { cause: thrown })
}
