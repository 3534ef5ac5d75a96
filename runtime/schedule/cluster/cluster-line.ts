import type { Clock } from '../../core/clock.ts'
import type { Line, LineFacts, LinePolicy, LineSpec, NoTurn, Place } from '../../core/lines.ts'
import type { Log } from '../../core/log.ts'
import { type Priority, priorities } from '../../core/priority.ts'
import type { Redis } from 'ioredis'
import { ClassLine } from '../line/class-line.ts'
import { ClassPace } from '../line/class-pace.ts'
import { estimateMs } from '../line/estimate.ts'
import { MeanService } from '../line/mean-service.ts'
import { TimedLine } from '../line/timed-line.ts'
import { type Turn, Turns } from '../line/turns.ts'
import { ClusterPlace, enteredAtOf, type HeldSlot, toTicketId } from './cluster-place.ts'
import { KnownWaits, rankOfClass } from './known-waits.ts'
import { SharedTickets, type Slot, type Turned } from './shared-tickets.ts'

/** What a line has of its gateway. */
export interface ClusterLink {
  /** This gateway's name in the cluster; no hyphen. */
  readonly gateway: string
  readonly redis: Redis
  readonly prefix: string
  readonly clock: Clock
  readonly log: Log
  /** Gateways among which slots are shared out while Redis is away. */
  readonly shares: number
  /** How long an answer of Redis is waited for before the gateway goes on by itself. */
  readonly answerMs: number
  /** Whether Redis answers, as far as is known. */
  healthy(): boolean
  /** Something did not come back in time. */
  suspect(): void
  /** Tells a gateway that a turn is its; false when nobody hears. */
  grant(gateway: string, grant: Grant): Promise<boolean>
  count(name: string, labels?: Readonly<Record<string, string>>): void
}

/** What travels when a turn is given: never anything of the request. */
export interface Grant extends Slot {
  readonly line: string
  readonly lost?: true
}

const renewEveryMs = 500
/** Looks for free slots that are under way at once. */
const mostPumps = 4
/** Where others are known to wait, a free slot is looked for this late: whoever gives one back takes the next turn itself. */
const pumpAfterMs = 25
/** While most slots are free, one that nobody needs stays so long with the gateway that had it: the next caller costs no message. */
const idleMs = 10
/** What “most” means: no more than this share is taken. */
const plentyShare = 0.5
/** Tickets that one look for lost ones asks about. */
const auditSize = 500
const auditAfterMs = 1500
/** Deadlines become ranks in steps of so many milliseconds, again from the start every 29 hours. */
const deadlineStepMs = 50
const deadlineSteps = 2 ** 21 - 2

/**
 * A line whose slots all gateways on one Redis share, kept by BullMQ: who waits is a job that says only which gateway asks.
 * Whichever gateway finds a free slot takes the next job and grants the turn to the gateway that asks, which from then on
 * owns the job's lock, renews it and completes the job. Short locks and no second attempt: nothing is begun twice, and what
 * a dead gateway held is free within seconds.
 *
 * A slot that is given back goes straight to whoever is next on the same gateway, unless somebody elsewhere is more important
 * or has waited noticeably longer: then it goes back to Redis. Handing it over between gateways takes messages, during which
 * it would stand empty.
 *
 * While Redis is away each gateway goes on with its share of the slots.
 */
export class ClusterLine implements Line {
  readonly name: string
  readonly #link: ClusterLink
  readonly #tickets: SharedTickets
  readonly #known: KnownWaits
  readonly #turns: Turns
  readonly #local: TimedLine
  #policy: LinePolicy
  #policyNumber = 0
  /** Who waits on this gateway, by class and by ticket. */
  readonly #classes = Array.from({ length: priorities }, () => new ClassLine())
  readonly #waiting = new Map<string, ClusterPlace>()
  /** Who began on this gateway, by the slot. */
  readonly #held = new Map<string, ClusterPlace>()
  /** Slots that nobody of this gateway needs at the moment; the one that is longest so first. */
  readonly #idle: HeldSlot[] = []
  readonly #token: string
  #sequence = 0
  readonly #service = new MeanService()
  readonly #pace = new ClassPace()
  #pumps = 0
  #pumpAgain = false
  #cancelPump: (() => void) | undefined
  #cancelIdle: (() => void) | undefined
  #cancelSweep: (() => void) | undefined
  #closed = false
  #paused = false

  constructor(spec: LineSpec, link: ClusterLink) {
    this.name = spec.name
    this.#link = link
    this.#policy = spec.policy
    this.#turns = new Turns(spec.policy)
    this.#local = new TimedLine({ ...spec, policy: toShare(spec.policy, link.shares) }, link.clock)
    this.#token = `${link.gateway}/${spec.name}`
    this.#tickets = new SharedTickets(spec.name, { redis: link.redis, prefix: link.prefix, noteFailure: (error) => this.#noteFailure(error) })
    this.#known = new KnownWaits(this.#tickets, () => link.clock.elapsed())
    void this.#quietly(() => this.#tickets.publishPolicy(spec.policy))
    void this.#quietly(() => this.#tickets.watchLocks())
    this.#sweepLater()
  }

  enter(priority: Priority, patienceMs: number, settled: (place: Place) => void): Place {
    const now = this.#link.clock.elapsed()
    const place = new ClusterPlace(priority, ++this.#sequence, now, now + patienceMs, settled)
    place.id = toTicketId(this.#link.gateway, this.#link.clock.now(), place.sequence)
    if (this.#closed) return this.#refuse(place, 'closed')
    if (!this.#link.healthy()) return this.#enterLocal(place, true)
    const idle = this.#takeIdle()
    if (idle) return this.#start(place, idle)
    const estimate = this.estimateMs(priority)
    if (estimate > patienceMs) return this.#refuse(place, 'hopeless', estimate)
    if (this.#waiting.size >= this.#policy.maxDepth && !this.#makeRoom(priority)) return this.#refuse(place, 'full')
    this.#wait(place)
    if (patienceMs !== Infinity) place.cancelTimer = this.#link.clock.setTimer(() => this.#turnAway(place, 'expired'), patienceMs)
    void this.#ask(place)
    return place
  }

  leave(given: Place): void {
    const place = given as ClusterPlace
    if (place.local) {
      this.#local.leave(place.local)
      place.state = 'left'
    } else if (place.state === 'waiting') {
      place.state = 'left'
      this.#withdraw(place)
    } else if (place.state === 'admitted') {
      place.state = 'left'
      const slot = place.slot as HeldSlot
      this.#held.delete(slot.id)
      this.#service.note(this.#link.clock.elapsed() - place.startedMs)
      this.#passOn(slot)
    }
  }

  facts(): LineFacts {
    const now = this.#link.clock.elapsed()
    const local = this.#local.facts()
    const active = [...local.active]
    for (const { priority } of this.#held.values()) active[priority] = (active[priority] as number) + 1
    let longest = now
    for (const { first } of this.#classes) if (first) longest = Math.min(longest, first.enteredMs)
    return {
      name: this.name, scope: 'cluster', slots: this.#policy.slots, paused: this.#paused,
      waiting: local.waiting.map((count, at) => count + (this.#classes[at] as ClassLine).size), active,
      longestWaitMs: Math.max(now - longest, local.longestWaitMs), serviceMs: this.#service.meanMs ?? local.serviceMs,
    }
  }

  setPolicy(policy: LinePolicy): void {
    this.#policy = policy
    this.#policyNumber += 1
    this.#turns.setPolicy(policy)
    this.#local.setPolicy(toShare(policy, this.#link.shares))
    void this.#quietly(() => this.#tickets.publishPolicy(policy))
  }

  /** For all gateways. */
  async pause(): Promise<void> {
    this.#paused = true
    this.#local.pause()
    await this.#tickets.pause()
  }

  async resume(): Promise<void> {
    this.#paused = false
    this.#local.resume()
    await this.#tickets.resume()
    this.#pump()
  }

  /** Refuses all that wait on this gateway. */
  drain(): void {
    for (const place of this.#waiting.values()) this.#turnAway(place, 'closed')
    this.#local.drain()
  }

  /** Moves all of one class that wait on this gateway to another. Gives their number. */
  moveClass(from: Priority, to: Priority): number {
    const moved = [...this.#waiting.values()].filter(({ priority }) => priority === from)
    for (const place of moved) {
      this.#stopWaiting(place)
      place.priority = to
      this.#wait(place)
      void this.#quietly(() => this.#tickets.move(place.id, this.#rankOf(place)))
    }
    return moved.length + this.#local.moveClass(from, to)
  }

  /** A turn has come from whichever gateway found the slot. */
  granted({ id, token, lost }: Grant): void {
    const place = this.#waiting.get(id)
    if (lost) {
      const holder = this.#held.get(id)
      if (place) {
        this.#lose(place)
      } else if (holder?.slot) {
        holder.slot.lost = true
        this.#link.log.warn({ line: this.name }, 'A slot was taken back because this gateway did not renew it in time.')
      }
      return
    }
    const slot: HeldSlot = { id, token, policyNumber: this.#policyNumber, lost: false, idleSinceMs: 0 }
    // Whoever asked has left meanwhile, or had another slot.
    if (!place) return this.#passOn(slot)
    this.#begin(place, slot)
  }

  /** Redis is away: who waits goes on in the line of this gateway alone. */
  goLocal(): void {
    for (const place of this.#waiting.values()) this.#moveToLocal(place)
  }

  async close(): Promise<void> {
    this.#end()
    this.drain()
    this.#local.close()
    // What is under way gives its slot back as it ends, or its lock does.
    await Promise.allSettled(this.#slots().map((slot) => this.#giveBack(slot, false)))
    await this.#tickets.close()
  }

  /** Stops everything without a word to anybody. */
  kill(): void {
    this.#end()
    void this.#quietly(() => this.#tickets.close())
  }

  #end(): void {
    this.#closed = true
    this.#cancelSweep?.()
    this.#cancelPump?.()
    this.#cancelIdle?.()
  }

  async #ask(place: ClusterPlace): Promise<void> {
    const added = this.#tickets.add(place.id, this.#rankOf(place), this.#link.gateway)
    try {
      await within(this.#link.clock, this.#link.answerMs, added)
    } catch {
      // It may have arrived: then its turn finds nobody and is given on.
      added.then(() => this.#quietly(() => this.#tickets.remove(place.id)), () => {})
      this.#link.suspect()
      if (this.#waiting.has(place.id)) this.#moveToLocal(place)
      return
    }
    if (!this.#waiting.has(place.id)) return void this.#quietly(() => this.#tickets.remove(place.id))
    if (this.#known.fresh && this.#known.counts.some((count) => count > 0)) this.#pumpLater(pumpAfterMs)
    else this.#pump()
  }

  #wait(place: ClusterPlace): void {
    const line = this.#classes[place.priority] as ClassLine
    if (line.size === 0) this.#pace.joined(place.priority, this.#link.clock.elapsed())
    line.add(place)
    this.#waiting.set(place.id, place)
  }

  #stopWaiting(place: ClusterPlace): void {
    if (!this.#waiting.delete(place.id)) return
    const line = this.#classes[place.priority] as ClassLine
    line.remove(place)
    if (line.size === 0) this.#pace.emptied(place.priority)
  }

  /** Nobody waits there any more, nor is told that time is over. */
  #endWait(place: ClusterPlace): void {
    this.#stopWaiting(place)
    place.cancelTimer?.()
  }

  /** What it waited with is gone. */
  #lose(place: ClusterPlace): void {
    this.#endWait(place)
    place.settled(this.#refuse(place, 'lost'))
  }

  /** Takes somebody out who waits, here and in Redis. */
  #withdraw(place: ClusterPlace): void {
    this.#endWait(place)
    void this.#quietly(() => this.#tickets.remove(place.id))
  }

  #turnAway(place: ClusterPlace, reason: NoTurn): void {
    if (place.state !== 'waiting') return
    this.#withdraw(place)
    place.settled(this.#refuse(place, reason))
  }

  /** The wait is over. */
  #begin(place: ClusterPlace, slot: HeldSlot): void {
    this.#pace.started(place.priority, this.#link.clock.elapsed())
    this.#endWait(place)
    place.settled(this.#start(place, slot))
  }

  #start(place: ClusterPlace, slot: HeldSlot): ClusterPlace {
    place.state = 'admitted'
    place.slot = slot
    place.startedMs = this.#link.clock.elapsed()
    place.waitedMs = place.startedMs - place.enteredMs
    this.#held.set(slot.id, place)
    return place
  }

  /** What this gateway has of the line's slots. */
  #slots(): HeldSlot[] {
    return [...this.#idle, ...[...this.#held.values()].map(({ slot }) => slot as HeldSlot)]
  }

  #moveToLocal(place: ClusterPlace): void {
    this.#endWait(place)
    this.#enterLocal(place, false)
  }

  /** In this gateway's line alone. `asked`: the caller of `enter` learns the state from the result. */
  #enterLocal(place: ClusterPlace, asked: boolean): ClusterPlace {
    this.#link.count('line_local', { line: this.name })
    const take = (local: Place) => {
      place.state = local.state
      place.reason = local.reason
      place.retryAfterMs = local.retryAfterMs
      place.waitedMs = this.#link.clock.elapsed() - place.enteredMs
    }
    const left = Math.max(0, place.untilMs - this.#link.clock.elapsed())
    place.local = this.#local.enter(place.priority, left, (local) => {
      take(local)
      place.settled(place)
    })
    take(place.local)
    if (!asked && place.state !== 'waiting') place.settled(place)
    return place
  }

  #rankOf(place: ClusterPlace): number {
    if (this.#policy.order !== 'deadline') return rankOfClass(place.priority)
    const wallMs = enteredAtOf(place.id) + Math.min(place.untilMs - place.enteredMs, 3_600_000)
    return 1 + (Math.floor(wallMs / deadlineStepMs) % deadlineSteps)
  }

  #makeRoom(priority: Priority): boolean {
    for (let at = priorities - 1; at > priority; at -= 1) {
      const { last } = this.#classes[at] as ClassLine
      if (!last) continue
      this.#turnAway(last as ClusterPlace, 'evicted')
      return true
    }
    return false
  }

  #refuse(place: ClusterPlace, reason: NoTurn, retryAfterMs = this.estimateMs(place.priority)): ClusterPlace {
    place.state = 'refused'
    place.reason = reason
    place.waitedMs = this.#link.clock.elapsed() - place.enteredMs
    place.retryAfterMs = retryAfterMs
    return place
  }

  /** How long somebody of this class who comes now would wait, as far as is known here; 0 when nothing is. */
  estimateMs(priority: Priority): number {
    // Gateways are alike: what one sees of its own callers is true of all.
    return this.#pace.waitMs(priority, (this.#classes[priority] as ClassLine).size, this.#link.clock.elapsed()) ?? estimateMs(this.#policy, this.#service.meanMs, this.#known.counts, priority)
  }

  /** Somebody's slot is free: the next of this gateway has it if nobody elsewhere is owed it, else it goes back to Redis. */
  #passOn(slot: HeldSlot): void {
    if (!this.#closed) void this.#quietly(() => this.#known.renew(this.#policy.order === 'deadline'))
    if (!this.#mayStay(slot)) return void this.#giveBack(slot, this.#policy.order !== 'deadline')
    if (this.#waiting.size === 0) return this.#rest(slot)
    const turn = this.#drawTurn()
    const heir = turn && this.#ownFor(turn)
    const inClass = turn?.kind !== 'top' || this.#policy.order === 'weighted'
    if (heir && !this.#known.isOwedElsewhere({ priority: heir.priority, enteredAt: enteredAtOf(heir.id) }, this.#link.clock.now(), inClass)) {
      this.#turns.started(heir.priority)
      void this.#quietly(() => this.#tickets.remove(heir.id))
      return this.#begin(heir, slot)
    }
    if (turn) this.#bringForward(turn)
    void this.#giveBack(slot, false)
  }

  /** Whether a slot may go to somebody of this gateway without a word to Redis. */
  #mayStay(slot: HeldSlot): boolean {
    const { order, ratePerSecond } = this.#policy
    if (this.#closed || this.#paused || this.#known.paused || slot.lost || slot.policyNumber !== this.#policyNumber) return false
    return order !== 'deadline' && ratePerSecond === undefined && this.#known.fresh && this.#link.healthy()
  }

  /** Nobody of this gateway needs a slot: while there are plenty it waits here for the next who comes, for a moment. */
  #rest(slot: HeldSlot): void {
    if (this.#known.anybody || this.#known.active > this.#policy.slots * plentyShare) return void this.#giveBack(slot, false)
    slot.idleSinceMs = this.#link.clock.elapsed()
    this.#idle.push(slot)
    this.#watchIdle(idleMs)
  }

  #watchIdle(afterMs: number): void {
    this.#cancelIdle ??= this.#link.clock.setTimer(() => {
      this.#cancelIdle = undefined
      const now = this.#link.clock.elapsed()
      while (this.#idle[0] && now - this.#idle[0].idleSinceMs >= idleMs) void this.#giveBack(this.#idle.shift() as HeldSlot, false)
      if (this.#idle[0]) this.#watchIdle(Math.max(1, this.#idle[0].idleSinceMs + idleMs - now))
    }, afterMs)
  }

  /** A slot for somebody who comes, if one is here and nobody waits anywhere. */
  #takeIdle(): HeldSlot | undefined {
    const slot = this.#idle.at(-1)
    if (!slot || this.#waiting.size > 0 || this.#known.anybody || !this.#mayStay(slot)) return undefined
    return this.#idle.pop()
  }

  #drawTurn(): Turn | undefined {
    const waits = (at: number) => (this.#known.counts[at] as number) > 0 || (this.#classes[at] as ClassLine).size > 0
    for (let at = 0; at < priorities; at += 1) if (!waits(at)) this.#turns.joined(at)
    return this.#turns.next(waits)
  }

  /** Who of this gateway would take a turn. */
  #ownFor(turn: Turn): ClusterPlace | undefined {
    if (turn.kind === 'class' || (turn.kind === 'top' && this.#policy.order === 'weighted')) return (this.#classes[turn.priority] as ClassLine).first as ClusterPlace | undefined
    const [from, to] = turn.kind === 'top' ? [turn.priority, priorities] : [turn.above + 1, turn.below]
    let chosen: ClusterPlace | undefined
    for (let at = from; at < to; at += 1) {
      const first = (this.#classes[at] as ClassLine).first as ClusterPlace | undefined
      if (!first) continue
      if (turn.kind === 'top') return first
      if (!chosen || first.sequence < chosen.sequence) chosen = first
    }
    return chosen
  }

  /**
   * Gives a slot back, and takes the next turn in the same step.
   * @param draw whether whose turn comes after that is to be decided: a slot never waits for it
   */
  async #giveBack(slot: Slot, draw: boolean): Promise<void> {
    await this.#quietly(async () => {
      let next: Turned | undefined
      try {
        next = await this.#tickets.giveBack(slot, !this.#closed && !this.#paused)
      } catch {
        return this.#pump() // its lock was lost: the slot is free already
      }
      if (!next) return this.#watchRate()
      await this.#dispatch(next)
      if (!draw) return
      await this.#known.renew(false)
      const turn = this.#drawTurn()
      if (turn) this.#bringForward(turn)
    })
  }

  /** Gives the turn to whoever asked for it. */
  async #dispatch(turned: Turned): Promise<void> {
    const { id, token, gateway, rank, lost } = turned
    const grant: Grant = { line: this.name, id, token, ...(lost ? { lost: true } : {}) }
    this.#known.noteTaken(rank, this.#policy.order === 'strict')
    if (rank > 0 && this.#policy.order === 'weighted') this.#turns.started(rank - 1)
    const heard = gateway === this.#link.gateway ? (this.granted(grant), true) : await this.#link.grant(gateway, grant)
    if (lost || !heard) await this.#giveBack(turned, false)
  }

  /** Looks whether a slot is free, for as long as one is. */
  #pump(): void {
    if (this.#closed || this.#paused) return
    if (this.#pumps >= mostPumps) {
      this.#pumpAgain = true
      return
    }
    this.#pumps += 1
    void this.#quietly(async () => {
      const turned = await this.#tickets.take(this.#token)
      if (turned) await this.#dispatch(turned)
    }).finally(() => {
      this.#pumps -= 1
      if (!this.#pumpAgain) return
      this.#pumpAgain = false
      this.#pump()
    })
    this.#watchRate()
  }

  #pumpLater(afterMs: number): void {
    if (this.#cancelPump || this.#closed) return
    this.#cancelPump = this.#link.clock.setTimer(() => {
      this.#cancelPump = undefined
      this.#pump()
    }, afterMs)
  }

  /** With a rate, nobody's end says when the next may start. */
  #watchRate(): void {
    const { ratePerSecond } = this.#policy
    if (ratePerSecond !== undefined && this.#waiting.size > 0) this.#pumpLater(Math.max(1, 1000 / ratePerSecond))
  }

  /** Brings somebody who would not be next to the front of the queue in Redis. */
  #bringForward(turn: Turn): void {
    if (turn.kind === 'top') return
    if (turn.kind === 'class') this.#turns.started(turn.priority)
    const id = turn.kind === 'class' ? this.#known.headOf(turn.priority) : this.#known.oldestBetween(turn.above, turn.below)
    if (id !== undefined) void this.#quietly(() => this.#tickets.move(id, 0))
  }

  #noteFailure(error: unknown): void {
    if (!this.#closed) this.#link.log.debug({ line: this.name, cause: error instanceof Error ? error.message : String(error) }, 'A line in Redis failed for a moment.')
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#link.clock.setTimer(() => {
      void this.#sweep().finally(() => {
        if (!this.#closed) this.#sweepLater()
      })
    }, renewEveryMs)
  }

  /** Renews what is held, looks for free slots that nobody's end told of, and for tickets that are no more. */
  async #sweep(): Promise<void> {
    if (!this.#link.healthy()) return
    await this.#renewLocks()
    if (this.#waiting.size === 0) return
    await this.#quietly(() => this.#known.renew(this.#policy.order === 'deadline'))
    this.#pump()
    await this.#quietly(() => this.#audit())
  }

  async #renewLocks(): Promise<void> {
    const slots = this.#slots()
    if (slots.length === 0) return
    await this.#quietly(async () => {
      const lost = new Set(await this.#tickets.renew(slots))
      for (const slot of slots) if (lost.has(slot.id)) slot.lost = true
    })
  }

  /** Tickets that Redis knows nothing of will never have a turn. */
  async #audit(): Promise<void> {
    const now = this.#link.clock.elapsed()
    const old: ClusterPlace[] = []
    for (const place of this.#waiting.values()) {
      if (now - place.enteredMs < auditAfterMs || old.length >= auditSize) break
      old.push(place)
    }
    if (old.length === 0) return
    const missing = await this.#tickets.missing(old.map(({ id }) => id))
    for (const place of old) {
      if (!missing.has(place.id) || !this.#waiting.has(place.id)) continue
      this.#lose(place)
    }
  }

  /** What fails here is tried again by the next sweep. */
  async #quietly(act: () => Promise<unknown>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.#noteFailure(error)
    }
  }
}

/** A gateway's part of the slots while it is on its own. */
function toShare(policy: LinePolicy, shares: number): LinePolicy {
  return { ...policy, slots: policy.slots === Infinity ? Infinity : Math.max(1, Math.floor(policy.slots / shares)), ...(policy.ratePerSecond === undefined ? {} : { ratePerSecond: policy.ratePerSecond / shares }) }
}

function within<T>(clock: Clock, limitMs: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // When this process was late itself, the answer may lie there unread: it is read before the timer's second turn.
    const cancel = clock.setTimer(() => setImmediate(() => setImmediate(() => reject(new Error('Redis did not answer in time.')))), limitMs)
    promise.finally(cancel).then(resolve, reject)
  })
}
