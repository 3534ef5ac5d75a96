import type { RequestFacts } from '../core/http/request-facts.ts'

/**
 * The time of a run whose caller says in `X-Request-Deadline` how many milliseconds it still waits: it can only become shorter. What is no
 * whole number says nothing.
 */
export function shortenedBy({ headers }: Pick<RequestFacts, 'headers'>, limitMs: number): number {
  const text = headers['x-request-deadline']
  if (typeof text !== 'string' || !/^\d{1,15}$/.test(text)) return limitMs
  return Math.max(1, Math.min(limitMs, Number(text)))
}
