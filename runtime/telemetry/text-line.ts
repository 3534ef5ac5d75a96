import type { RunSummary } from '../core/deployment.ts'

/** A log line for people: time, level, text, then the facts. Takes a line of JSON. */
export function toTextLine(json: string): string {
  let facts: Record<string, unknown>
  try {
    facts = JSON.parse(json) as Record<string, unknown>
  } catch {
    return json
  }
  const { time, level, msg, ...rest } = facts
  const tail = Object.entries(rest).map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${String(msg ?? '')}${tail.join('')}\n`
}

/** A run as people read it: `12:30:01.250 GET /hello 200 1.2 ms`. */
export function toRunText(summary: RunSummary, now: number): string {
  const { on, method, route, status, tookMs, waitedMs, fault, run, flow } = summary
  const what = method === undefined ? `${on} ${flow}` : `${method} ${route ?? ''}`
  return `${new Date(now).toISOString().slice(11, 23)} run   ${what} ${status ?? ''} ${tookMs.toFixed(1)} ms${waitedMs === undefined ? '' : ` queue.wait=${waitedMs.toFixed(1)}`}${fault ? ` ${fault}` : ''} run=${run}\n`
}
