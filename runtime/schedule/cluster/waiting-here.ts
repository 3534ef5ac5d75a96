import { type Priority, priorities } from '../../core/lines/priority.ts'
import { ClassLine } from '../line/class-line.ts'
import { ClassPace } from '../line/class-pace.ts'
import type { Turn } from '../line/turns.ts'
import type { ClusterPlace } from './cluster-place.ts'

/** Who waits on this gateway for a slot of a shared line, by class and arrival, and how fast each class gets its turns. */
export class WaitingHere {
  readonly #classes = Array.from({ length: priorities }, () => new ClassLine())
  readonly #pace = new ClassPace()
  #size = 0

  get size(): number {
    return this.#size
  }

  sizeOf(priority: number): number {
    return (this.#classes[priority] as ClassLine).size
  }

  /** Of a class, the one that came first. */
  firstOf(priority: number): ClusterPlace | undefined {
    return (this.#classes[priority] as ClassLine).first as ClusterPlace | undefined
  }

  /** Of each class that waits, the one that came first. */
  get firsts(): ClusterPlace[] {
    return this.#classes.flatMap(({ first }) => (first ? [first as ClusterPlace] : []))
  }

  /** Of the most important class that waits, the one that came first. */
  get best(): ClusterPlace | undefined {
    for (const { first } of this.#classes) if (first) return first as ClusterPlace
    return undefined
  }

  /** The one whose time ends first. */
  get mostUrgent(): ClusterPlace | undefined {
    let best: ClusterPlace | undefined
    for (const { mostUrgent } of this.#classes) if (mostUrgent && (!best || mostUrgent.untilMs < best.untilMs)) best = mostUrgent as ClusterPlace
    return best
  }

  /** Since when the one waits that waits longest. */
  get sinceMs(): number | undefined {
    let since: number | undefined
    for (const { first } of this.#classes) if (first && (since === undefined || first.enteredMs < since)) since = first.enteredMs
    return since
  }

  /** Who of this gateway would take a turn. */
  heirOf(turn: Turn): ClusterPlace | undefined {
    if (turn.kind === 'class') return this.firstOf(turn.priority)
    if (turn.kind === 'top') return this.best
    let oldest: ClusterPlace | undefined
    for (let at = turn.above + 1; at < turn.below; at += 1) {
      const first = this.firstOf(at)
      if (first && (!oldest || first.sequence < oldest.sequence)) oldest = first
    }
    return oldest
  }

  /** Of the least important class below this one, the one that came last. */
  newestBelow(priority: Priority): ClusterPlace | undefined {
    for (let at = priorities - 1; at > priority; at -= 1) {
      const { last } = this.#classes[at] as ClassLine
      if (last) return last as ClusterPlace
    }
    return undefined
  }

  list(priority?: Priority): ClusterPlace[] {
    const places: ClusterPlace[] = []
    for (const [at, { first }] of this.#classes.entries()) {
      if (priority !== undefined && at !== priority) continue
      for (let place = first; place; place = place.next) places.push(place as ClusterPlace)
    }
    return places
  }

  add(place: ClusterPlace, nowMs: number): void {
    const line = this.#classes[place.priority] as ClassLine
    if (line.size === 0) this.#pace.joined(place.priority, nowMs)
    line.add(place)
    this.#size += 1
  }

  /** Nothing happens when it is not there. */
  remove(place: ClusterPlace): boolean {
    const line = this.#classes[place.priority] as ClassLine
    if (place.line !== line) return false
    line.remove(place)
    this.#size -= 1
    if (line.size === 0) this.#pace.emptied(place.priority)
    return true
  }

  /** Somebody begins who waited so long. */
  noteStart(priority: Priority, nowMs: number, waitedMs: number): void {
    this.#pace.started(priority, nowMs, waitedMs)
  }

  /** How long those of a class waited who began of late; undefined while too few to tell. */
  waitedMs(priority: Priority, nowMs: number): number | undefined {
    return this.#pace.waitedMs(priority, nowMs)
  }

  /** How many of a class begin per millisecond of late; undefined while too few to tell. */
  paceOf(priority: number, nowMs: number): number | undefined {
    return this.#pace.perMs(priority, nowMs)
  }
}
