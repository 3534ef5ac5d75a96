import { BoundedMap } from '../core/bounded-map.ts'
import type { Decision, DecisionQueue, Decisions } from '../core/access/decision.ts'

export interface DecisionLogOptions {
  readonly clock: { elapsed(): number }
  readonly limits?: Partial<DecisionLimits> | undefined
}

export interface DecisionLimits {
  /** Newest decisions that can be asked for here. */
  readonly kept: number
  /** Decisions that wait for control at most; the oldest make room. */
  readonly waiting: number
  /** How many a second go to control, and how many at once. */
  readonly perSecond: number
  readonly burst: number
  /** The same for one application, or for all callers whom nobody knows: who is refused all the time hides nobody else. */
  readonly perSecondOfOne: number
  readonly burstOfOne: number
  /** Lines of the log for refusals by one node with one code. */
  readonly linesPerSecond: number
  readonly linesBurst: number
}

const standard: DecisionLimits = { kept: 10_000, waiting: 2000, perSecond: 100, burst: 500, perSecondOfOne: 20, burstOfOne: 100, linesPerSecond: 10, linesBurst: 50 }
/** Applications whose share is watched at a time. */
const watchedApplications = 1000
/** Kinds of refusals whose lines are counted at a time. */
const watchedKinds = 1000

export interface DecisionLog extends Decisions {
  readonly queue: DecisionQueue
  /** How many are kept. */
  readonly size: number
  /** How many wait for control. */
  readonly waiting: number
  /** How many the rates, or the length of the line, left out since the start. */
  readonly leftOut: number
  /** All refusals since the start, by code. */
  readonly byCode: ReadonlyMap<string, number>
  say(node: string, code: string): number | undefined
}

/**
 * The decisions of a gateway: a ring of the newest, and those of them that control is told. What the rates leave out can be
 * asked for here as long as it is in the ring.
 */
export function createDecisionLog({ clock, limits }: DecisionLogOptions): DecisionLog {
  const { kept, waiting, perSecond, burst, perSecondOfOne, burstOfOne, linesPerSecond, linesBurst } = { ...standard, ...limits }
  const byId = new Map<string, Decision>()
  /** Ids in the order they came; the first key of a map that loses its first keys all the time takes long to find. */
  const ring: (string | undefined)[] = []
  const all = createBucket(perSecond, burst, clock.elapsed())
  const shares = new BoundedMap<Bucket>(watchedApplications)
  const kinds = new BoundedMap<{ readonly lines: Bucket; unsaid: number }>(watchedKinds)
  const byCode = new Map<string, number>()
  let count = 0
  /** Oldest first from `first` on; what is before it was sent or made room. */
  let line: Decision[] = []
  let first = 0
  let dropped = 0
  let leftOut = 0
  let tell = () => {}

  function shareOf(application: string): Bucket {
    let share = shares.get(application)
    if (share) return share
    shares.set(application, (share = createBucket(perSecondOfOne, burstOfOne, clock.elapsed())))
    return share
  }

  function leave(places: number): void {
    first += places
    if (first < 1000 && first < line.length) return
    line = line.slice(first)
    first = 0
  }

  function leaveOut(): void {
    dropped++
    leftOut++
  }

  function enqueue(decision: Decision): void {
    const now = clock.elapsed()
    const share = shareOf(decision.application ?? '')
    if (!share.has(now) || !all.has(now)) {
      leaveOut()
      return
    }
    share.take()
    all.take()
    line.push(decision)
    if (line.length - first > waiting) {
      leave(1)
      leaveOut()
    }
    tell()
  }

  return {
    record(given) {
      count++
      byCode.set(given.code, (byCode.get(given.code) ?? 0) + 1)
      // A proxy that is believed may give the same id twice; a run may be refused by more than one node.
      const id = byId.has(given.run) ? `${given.run}-${count.toString(36)}` : given.run
      const decision: Decision = { id, ...given }
      const place = count % kept
      const oldest = ring[place]
      if (oldest !== undefined) byId.delete(oldest)
      ring[place] = id
      byId.set(id, decision)
      enqueue(decision)
      return id
    },
    get: (id) => byId.get(id),
    say(node, code) {
      const name = `${node} ${code}`
      const now = clock.elapsed()
      let kind = kinds.get(name)
      if (!kind) kinds.set(name, (kind = { lines: createBucket(linesPerSecond, linesBurst, now), unsaid: 0 }))
      if (!kind.lines.has(now)) {
        kind.unsaid++
        return undefined
      }
      kind.lines.take()
      const { unsaid } = kind
      kind.unsaid = 0
      return unsaid
    },
    byCode,
    get size() {
      return byId.size
    },
    get waiting() {
      return line.length - first
    },
    get leftOut() {
      return leftOut
    },
    queue: {
      peek: (limit) => ({ decisions: line.slice(first, first + limit), dropped }),
      sent(decisions, told) {
        dropped -= told
        // Some may have made room while they were on their way.
        const last = decisions.at(-1)
        const place = last === undefined ? -1 : line.indexOf(last, first)
        if (place !== -1) leave(place - first + 1)
      },
      onWaiting(listener) {
        tell = listener
        if (line.length > first) listener()
      },
    },
  }
}

interface Bucket {
  has(now: number): boolean
  /** Only after `has` said yes. */
  take(): void
}

/** Refills by the time that has passed, up to the burst. */
function createBucket(perSecond: number, burst: number, now: number): Bucket {
  let tokens = burst
  let at = now
  return {
    has(when) {
      tokens = Math.min(burst, tokens + ((when - at) * perSecond) / 1000)
      at = when
      return tokens >= 1
    },
    take() {
      tokens--
    },
  }
}
