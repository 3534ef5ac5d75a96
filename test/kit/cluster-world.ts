import type { LinePolicy, Place } from '../../runtime/core/lines/lines.ts'
import { silentLog } from '../../runtime/core/log.ts'
import type { Priority } from '../../runtime/core/lines/priority.ts'
import { ClusterLine } from '../../runtime/schedule/cluster/cluster-line.ts'
import { lockMs } from '../../runtime/schedule/cluster/line-tickets.ts'
import { MemoryQueue } from './memory-tickets.ts'
import { createVirtualTime, type VirtualTime } from './virtual-time.ts'

/** One gateway's end of a line that all share. */
export interface WorldGateway {
  readonly name: string
  readonly line: ClusterLine
  isAlive: boolean
}

/** Gateways with a line in common, in virtual time: the product's own line, a naive queue, and messages that take as long as one likes. */
export interface ClusterWorld {
  readonly time: VirtualTime
  readonly queue: MemoryQueue
  readonly gateways: readonly WorldGateway[]
  /** Messages between gateways, by kind. */
  readonly told: { slots: number; calls: number; lost: number }
  /** Ends a gateway as a power cut would: nothing of it is heard any more. */
  kill(at: number): void
}

const stalledEveryMs = 1000

/** @param hopMs how long a message takes to Redis, or from there */
export function createClusterWorld(count: number, policy: LinePolicy, hopMs: () => number): ClusterWorld {
  const time = createVirtualTime()
  const queue = new MemoryQueue(time, lockMs, stalledEveryMs)
  const told = { slots: 0, calls: 0, lost: 0 }
  const gateways: WorldGateway[] = []
  for (let at = 0; at < count; at += 1) {
    const name = `gateway${at}`
    const isAlive = () => gateways[at]?.isAlive ?? true
    const line = new ClusterLine({ name: 'line', scope: 'cluster', policy }, {
      // Their clocks on the wall are apart.
      gateway: name, clock: time.clock(at * 70), log: silentLog, shares: count,
      healthy: () => true,
      answered: (answer) => answer.catch(() => undefined),
      openTickets: () => queue.connect(hopMs, isAlive),
      async tell(to, message) {
        told['slot' in message ? 'slots' : 'lost' in message ? 'lost' : 'calls'] += 1
        const heir = gateways.find((one) => one.name === to)
        await time.pass(hopMs())
        if (!isAlive() || !heir?.isAlive) return false
        time.at(time.nowMs + hopMs(), () => heir.isAlive && heir.line.hear(message, name))
        await time.pass(hopMs())
        return true
      },
      count: () => {},
    })
    gateways.push({ name, line, isAlive: true })
  }
  return {
    time, queue, gateways, told,
    kill(at) {
      const gateway = gateways[at] as WorldGateway
      gateway.isAlive = false
      gateway.line.kill()
    },
  }
}

/** Comes to a line; `begun` and `ended` are told in turn, `refused` instead when there is no turn. */
export function comeTo({ line }: WorldGateway, priority: Priority, patienceMs: number, told: { begun(place: Place): void; refused(place: Place): void }): Place {
  const settle = (place: Place) => (place.state === 'admitted' ? told.begun(place) : told.refused(place))
  const place = line.enter(priority, patienceMs, settle)
  if (place.state !== 'waiting') settle(place)
  return place
}
