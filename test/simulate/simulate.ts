import type { LinePolicy } from '../../runtime/core/lines/lines.ts'
import type { Priority } from '../../runtime/core/lines/priority.ts'
import type { Ticket } from '../../runtime/schedule/line/ticket.ts'
import { WaitingLine } from '../../runtime/schedule/line/waiting-line.ts'
import { randomOf } from '../kit/random-of.ts'
import { Events } from './events.ts'

export interface Simulation {
  readonly gateways: number
  /** gateway: each has its part of the slots for itself. cluster: all share one line. */
  readonly scope: 'gateway' | 'cluster'
  /** Of all gateways together. */
  readonly policy: LinePolicy
  readonly perSecond: number
  readonly seconds: number
  readonly classes: readonly { readonly priority: Priority; readonly percent: number }[]
  /** Mean of an exponential distribution, or always the same. */
  readonly service: { readonly ms: number; readonly fixed: boolean }
  readonly maxWaitMs: number
  /** From the end of one to the beginning of the next in another gateway; only in the cluster. */
  readonly grantMs?: number
  readonly seed: number
}

export interface SimulatedClass {
  readonly priority: number
  readonly sent: number
  readonly served: number
  readonly refused: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
  /** p99 of the wait by tenth of the time. */
  readonly series: readonly (number | undefined)[]
}

export interface Simulated {
  readonly requests: number
  /** Busy slot time ÷ slots × time. */
  readonly capacityUsed: number
  readonly classes: readonly SimulatedClass[]
}

/** Parts of the time that a series has. */
const parts = 40

/** Runs the product's own waiting lines on a virtual clock. The same input gives the same output, to the bit. */
export function simulate(input: Simulation): Simulated {
  const random = randomOf(input.seed)
  const events = new Events()
  const endMs = input.seconds * 1000
  const lines = input.scope === 'cluster' ? [new WaitingLine(input.policy)] : Array.from({ length: input.gateways }, () => new WaitingLine(partOf(input.policy, input.gateways)))
  const ticks = lines.map(() => Infinity)
  const waits = new Map<number, { atMs: number; waitMs: number }[]>(input.classes.map(({ priority }) => [priority, []]))
  const counts = new Map(input.classes.map(({ priority }) => [priority as number, { sent: 0, refused: 0 }]))
  let busyMs = 0
  let requests = 0

  function watch(at: number): void {
    const line = lines[at] as WaitingLine
    const dueMs = line.nextTickMs(events.nowMs)
    if (dueMs >= (ticks[at] as number) || dueMs === Infinity) return
    ticks[at] = dueMs
    events.at(dueMs, () => {
      if (ticks[at] !== dueMs) return
      ticks[at] = Infinity
      line.tick(events.nowMs)
      watch(at)
    })
  }

  function start(at: number, ticket: Ticket): void {
    const line = lines[at] as WaitingLine
    const waitedMs = events.nowMs - ticket.enteredMs
    const handOverMs = waitedMs > 0 && input.scope === 'cluster' ? (input.grantMs ?? 0) : 0
    waits.get(ticket.priority)?.push({ atMs: ticket.enteredMs, waitMs: waitedMs + handOverMs })
    const tookMs = handOverMs + (input.service.fixed ? input.service.ms : -Math.log(1 - random()) * input.service.ms)
    busyMs += Math.max(0, Math.min(endMs, events.nowMs + tookMs) - Math.min(endMs, events.nowMs + handOverMs))
    events.at(events.nowMs + tookMs, () => {
      line.leave(ticket, events.nowMs)
      watch(at)
    })
  }

  function arrive(): void {
    requests += 1
    let left = random() * 100
    const { priority } = input.classes.find(({ percent }) => (left -= percent) < 0) ?? input.classes.at(-1)!
    const at = Math.floor(random() * lines.length)
    const count = counts.get(priority)!
    count.sent += 1
    const ticket = (lines[at] as WaitingLine).enter(priority, events.nowMs, events.nowMs + input.maxWaitMs, (settled) => {
      if (settled.state === 'admitted') start(at, settled)
      else count.refused += 1
    })
    if (ticket.state === 'admitted') start(at, ticket)
    else if (ticket.state === 'refused') count.refused += 1
    else watch(at)
    const nextMs = events.nowMs - (Math.log(1 - random()) * 1000) / input.perSecond
    if (nextMs < endMs) events.at(nextMs, arrive)
  }

  events.at(0, arrive)
  events.run()
  return {
    requests,
    capacityUsed: busyMs / (input.policy.slots * endMs),
    classes: input.classes.map(({ priority }) => {
      const list = waits.get(priority)!
      const sorted = Float64Array.from(list, ({ waitMs }) => waitMs).toSorted()
      const at = (percent: number, of: ArrayLike<number>) => of[Math.max(0, Math.ceil((percent / 100) * of.length) - 1)] ?? Number.NaN
      const series = Array.from({ length: parts }, (): number[] => [])
      for (const { atMs, waitMs } of list) series[Math.min(parts - 1, Math.floor((atMs / endMs) * parts))]!.push(waitMs)
      return {
        priority, ...counts.get(priority)!, served: list.length,
        p50Ms: at(50, sorted), p99Ms: at(99, sorted), longestMs: sorted.at(-1) ?? 0,
        series: series.map((values) => (values.length > 0 ? at(99, values.toSorted((a, b) => a - b)) : undefined)),
      }
    }),
  }
}

function partOf(policy: LinePolicy, gateways: number): LinePolicy {
  return { ...policy, slots: Math.max(1, Math.round(policy.slots / gateways)), maxDepth: Math.ceil(policy.maxDepth / gateways) }
}

