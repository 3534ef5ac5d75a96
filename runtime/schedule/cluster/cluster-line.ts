import type { Line, LineFacts, LinePolicy, LineSpec, NoTurn, Place } from '../../core/lines/lines.ts'
import { type Priority, priorities } from '../../core/lines/priority.ts'
import { estimateMs } from '../line/estimate.ts'
import { MeanService } from '../line/mean-service.ts'
import { type Turn, Turns } from '../line/turns.ts'
import { Alarm } from './alarm.ts'
import { CallsForHelp } from './calls-for-help.ts'
import { claimsOf, isOwedElsewhere } from './choose-heir.ts'
import type { ClusterLink } from './cluster-link.ts'
import { ClusterPlace } from './cluster-place.ts'
import { type Claim, KnownClaims, type Paced } from './known-claims.ts'
import type { LineTickets } from './line-tickets.ts'
import { LocalShare } from './local-share.ts'
import type { CallMessage, LineMessage, SlotMessage } from './messages.ts'
import { createQuietly, type Quietly } from './quietly.ts'
import { classOfRank, rankOfClass, toRank } from './ranks.ts'
import { RedisTurns, type TurnTaker } from './redis-turns.ts'
import { reportOf } from './report.ts'
import { type HeldSlot, isSurelyHeld, SlotsHere } from './slots-here.ts'
import { StandingTickets } from './standing-tickets.ts'
import { WaitingHere } from './waiting-here.ts'
import { within } from './within.ts'

const renewEveryMs = 500
/** What “most slots are free” means: no more than this share is taken. */
const plentyShare = 0.5
/** What a line that ends still says to Redis takes so long at most. */
const farewellMs = 1000

/**
 * A line whose slots all gateways on one Redis share, kept by BullMQ: a slot is a job under way, locked by the gateway that holds it;
 * who waits is a job that says only which gateway asks. Short locks and no second attempt: nothing is begun twice, and what a dead
 * gateway held is free within seconds.
 *
 * A slot that is given back goes straight to whoever is next on the same gateway, unless somebody elsewhere is more important
 * or has waited noticeably longer: then it goes to that gateway with one message. Only a slot that nobody needs goes back to Redis, and
 * from there to the first ticket that comes. Where every turn has to come from Redis (a rate, an order by deadlines), each does.
 *
 * While Redis is away each gateway goes on with its share of the slots.
 */
export class ClusterLine implements Line {
  readonly name: string
  readonly #link: ClusterLink
  readonly #tickets: LineTickets
  readonly #standing: StandingTickets
  readonly #redis: RedisTurns
  readonly #waiting = new WaitingHere()
  readonly #slots = new SlotsHere()
  /** Slots that have become free and have not been passed on yet. */
  readonly #freed: HeldSlot[] = []
  #passing = false
  readonly #known: KnownClaims
  readonly #turns: Turns
  readonly #local: LocalShare
  readonly #service = new MeanService()
  readonly #quietly: Quietly
  #policy: LinePolicy
  #policyNumber = 0
  /** Whether Redis knows the policy: before that no turn is taken there. */
  #published = false
  #sequence = 0
  readonly #lookAlarm: Alarm
  readonly #restAlarm: Alarm
  readonly #calls: CallsForHelp
  readonly #sweepAlarm: Alarm
  #closed = false
  #paused = false

  constructor(spec: LineSpec, link: ClusterLink) {
    const { clock, gateway } = link
    const noteFailure = (error: unknown) => {
      if (!this.#closed) link.log.debug({ line: spec.name, cause: error instanceof Error ? error.message : String(error) }, 'A line in Redis failed for a moment.')
    }
    this.name = spec.name
    this.#link = link
    this.#policy = spec.policy
    this.#turns = new Turns(spec.policy)
    this.#quietly = createQuietly(noteFailure)
    this.#local = new LocalShare(spec, clock, link.shares)
    this.#tickets = link.openTickets(spec.name, noteFailure)
    this.#standing = new StandingTickets(this.#tickets, gateway, () => clock.now())
    this.#standing.setOneEach(this.#everyTurnFromRedis)
    this.#known = new KnownClaims(gateway)
    this.#redis = new RedisTurns({ line: spec.name, link, tickets: this.#tickets, standing: this.#standing, known: this.#known, taker: this.#asTaker(), quietly: this.#quietly })
    this.#lookAlarm = new Alarm(clock, () => this.#look())
    this.#restAlarm = new Alarm(clock, () => this.#endRests())
    this.#calls = new CallsForHelp({ line: spec.name, link, known: this.#known, best: () => (this.#othersMayHelp ? this.#waiting.best : undefined), quietly: this.#quietly })
    this.#sweepAlarm = new Alarm(clock, () => void this.#sweep())
    void this.#publishPolicy()
    void this.#quietly(() => this.#tickets.watchLocks())
    this.#sweepLater()
  }

  enter(priority: Priority, patienceMs: number, settled: (place: Place) => void): Place {
    const now = this.#now()
    const place = new ClusterPlace(priority, ++this.#sequence, now, now + patienceMs, settled)
    if (this.#closed) return this.#refuse(place, 'closed')
    if (!this.#link.healthy()) return this.#goOnAlone(place, false)
    const rested = this.#takeRested(now)
    if (rested) return this.#start(place, rested)
    if (this.#isHopeless(priority, patienceMs)) return this.#refuse(place, 'hopeless')
    if (this.#waiting.size >= this.#policy.maxDepth && !this.#makeRoom(priority)) return this.#refuse(place, 'full')
    this.#wait(place, now)
    if (patienceMs !== Infinity) place.cancelTimer = this.#link.clock.setTimer(() => this.#turnAway(place, 'expired'), patienceMs)
    if (this.#everyTurnFromRedis || !this.#redis.allTaken) this.#redis.settle()
    this.#lookAlarm.setFor(now + this.#known.staleMs)
    if (this.#othersMayHelp) this.#calls.watch(place)
    return place
  }

  leave(given: Place): void {
    const place = given as ClusterPlace
    if (place.local) {
      this.#local.leave(place.local)
      place.state = 'left'
    } else if (place.state === 'waiting') {
      place.state = 'left'
      this.#endWait(place)
    } else if (place.state === 'admitted') {
      place.state = 'left'
      this.#service.note(this.#now() - place.startedMs)
      this.#passOn(this.#slots.free(place))
    }
  }

  facts(): LineFacts {
    const local = this.#local.facts()
    const held = this.#slots.countByClass()
    const { sinceMs } = this.#waiting
    return {
      name: this.name, scope: 'cluster', slots: this.#policy.slots, paused: this.#paused,
      waiting: local.waiting.map((count, at) => count + this.#waiting.sizeOf(at)),
      active: local.active.map((count, at) => count + (held[at] as number)),
      longestWaitMs: Math.max(sinceMs === undefined ? 0 : this.#now() - sinceMs, local.longestWaitMs), serviceMs: this.#service.meanMs ?? local.serviceMs,
    }
  }

  setPolicy(policy: LinePolicy): void {
    const places = this.#waiting.list()
    for (const { rank } of places) this.#standing.went(rank)
    this.#policy = policy
    this.#policyNumber += 1
    this.#turns.setPolicy(policy)
    this.#local.setPolicy(policy)
    this.#standing.setOneEach(this.#everyTurnFromRedis)
    for (const place of places) this.#wantTicket(place)
    void this.#publishPolicy()
  }

  /** For all gateways. Resolves when nobody begins any more. */
  async pause(): Promise<void> {
    this.#paused = true
    this.#local.pause()
    await this.#tickets.pause()
    // By now, no gateway goes by what it knew before.
    await new Promise<void>((resolve) => this.#link.clock.setTimer(resolve, this.#known.freshMs))
  }

  async resume(): Promise<void> {
    this.#paused = false
    this.#local.resume()
    await this.#tickets.resume()
    this.#redis.pump()
  }

  /** Refuses all that wait on this gateway. */
  drain(): void {
    for (const place of this.#waiting.list()) this.#turnAway(place, 'closed')
    this.#local.drain()
  }

  /** Moves all of one class that wait on this gateway to another. Gives their number. */
  moveClass(from: Priority, to: Priority): number {
    const moved = this.#waiting.list(from)
    for (const place of moved) {
      this.#stopWaiting(place)
      place.priority = to
      this.#wait(place, this.#now())
    }
    this.#redis.settle()
    return moved.length + this.#local.moveClass(from, to)
  }

  /** How long somebody of this class who comes now would wait, as far as is known here; 0 when nothing is. */
  estimateMs(priority: Priority): number {
    // Within a class callers of all gateways take turns as they came: together their turns tell more than the few of one gateway.
    const [own, others] = [this.#paced(priority), this.#known.pacedOf(priority)]
    return this.#waitBehindMs(priority, { waiting: own.waiting + others.waiting, perMs: own.perMs + others.perMs })
  }

  /**
   * Whether it is of no use to wait here. By the turns of this gateway: were it by those of all, one that nobody waits on would let nobody
   * wait, and its slots would have to go to others.
   */
  #isHopeless(priority: Priority, patienceMs: number): boolean {
    return this.#waitBehindMs(priority, this.#paced(priority)) > patienceMs
  }

  /** How a class goes on this gateway; no turns while too few to tell. */
  #paced(priority: Priority): Paced {
    return { waiting: this.#waiting.sizeOf(priority), perMs: this.#waiting.paceOf(priority, this.#now()) ?? 0 }
  }

  #waitBehindMs(priority: Priority, { waiting, perMs }: Paced): number {
    return perMs > 0 ? (waiting + 1) / perMs : estimateMs(this.#policy, this.#service.meanMs, this.#countWaiting(), priority)
  }

  /** Another gateway has said something. */
  hear(message: LineMessage, from: string): void {
    if ('slot' in message) this.#receive(message)
    else if ('lost' in message) this.#loseTicket(message.lost)
    else this.#noteCall(from, message)
  }

  /** Redis is away: who waits goes on in the line of this gateway alone. */
  goLocal(): void {
    this.#standing.abandon()
    for (const place of this.#waiting.list()) {
      this.#waiting.remove(place)
      place.cancelTimer?.()
      this.#goOnAlone(place, true)
    }
  }

  async close(): Promise<void> {
    this.#end()
    this.drain()
    this.#local.close()
    // What is under way gives its slot back as it ends, or its lock does.
    if (this.#link.healthy()) {
      const last = [...this.#slots.all.map((slot) => this.#redis.giveBack(slot)), this.#tickets.exchange(this.#link.gateway, ''), this.#standing.removeSurplus()]
      await this.#quietly(() => within(this.#link.clock, farewellMs, Promise.all(last)))
    }
    await this.#tickets.close()
  }

  /** Stops everything without a word to anybody. */
  kill(): void {
    this.#end()
    void this.#quietly(() => this.#tickets.close())
  }

  #end(): void {
    this.#closed = true
    for (const alarm of [this.#sweepAlarm, this.#lookAlarm, this.#restAlarm]) alarm.stop()
    this.#calls.stop()
    this.#redis.stop()
  }

  #now(): number {
    return this.#link.clock.elapsed()
  }

  /** Whether slots go back to Redis after each turn: only there is a rate counted, and are deadlines compared. */
  get #everyTurnFromRedis(): boolean {
    return this.#policy.order === 'deadline' || this.#policy.ratePerSecond !== undefined
  }

  /** How many wait on all gateways, by class. */
  #countWaiting(): number[] {
    const counts = this.#known.countByClass()
    for (let at = 0; at < priorities; at += 1) counts[at] = (counts[at] as number) + this.#waiting.sizeOf(at)
    return counts
  }

  // Who waits.

  #wait(place: ClusterPlace, now: number): void {
    this.#waiting.add(place, now)
    this.#wantTicket(place)
  }

  #wantTicket(place: ClusterPlace): void {
    place.rank = toRank(place, this.#policy, this.#link.clock.now(), this.#now())
    this.#standing.came(place.rank)
  }

  #stopWaiting(place: ClusterPlace): void {
    if (this.#waiting.remove(place)) this.#standing.went(place.rank)
  }

  /** Nobody waits there any more, nor is told that time is over. */
  #endWait(place: ClusterPlace): void {
    this.#stopWaiting(place)
    place.cancelTimer?.()
    if (this.#everyTurnFromRedis) this.#redis.settle()
  }

  #turnAway(place: ClusterPlace, reason: NoTurn): void {
    if (place.state !== 'waiting') return
    this.#endWait(place)
    place.settled(this.#refuse(place, reason))
  }

  #makeRoom(priority: Priority): boolean {
    const place = this.#waiting.newestBelow(priority)
    if (place) this.#turnAway(place, 'evicted')
    return place !== undefined
  }

  #refuse(place: ClusterPlace, reason: NoTurn): ClusterPlace {
    place.state = 'refused'
    place.reason = reason
    place.waitedMs = this.#now() - place.enteredMs
    place.retryAfterMs = this.#waiting.waitedMs(place.priority, this.#now()) ?? this.estimateMs(place.priority)
    return place
  }

  /** The wait is over. */
  #begin(place: ClusterPlace, slot: HeldSlot): void {
    const now = this.#now()
    this.#waiting.noteStart(place.priority, now, now - place.enteredMs)
    this.#endWait(place)
    place.settled(this.#start(place, slot))
  }

  #start(place: ClusterPlace, slot: HeldSlot): ClusterPlace {
    place.state = 'admitted'
    place.startedMs = this.#now()
    place.waitedMs = place.startedMs - place.enteredMs
    this.#slots.use(slot, place)
    return place
  }

  #goOnAlone(place: ClusterPlace, tell: boolean): ClusterPlace {
    this.#link.count('line_local', { line: this.name })
    return this.#local.enter(place, tell)
  }

  // Where a slot goes.

  /** A slot has become free here. Who has it next may give it back at once: that is served by this loop. */
  #passOn(slot: HeldSlot): void {
    this.#freed.push(slot)
    if (this.#passing) return
    this.#passing = true
    try {
      for (let next = this.#freed.pop(); next; next = this.#freed.pop()) this.#passToNext(next)
    } finally {
      this.#passing = false
    }
  }

  /** The next of this gateway has a slot, or of the one where somebody is owed it; else it goes back to Redis. */
  #passToNext(slot: HeldSlot): void {
    const now = this.#now()
    if (!this.#closed && this.#known.isStale(now)) this.#redis.look()
    if (!this.#mayStay(slot, now)) return void this.#redis.giveBack(slot)
    const turn = this.#drawTurn()
    if (!turn) return this.#rest(slot, now)
    const heir = this.#waiting.heirOf(turn)
    const { from, to, byClass } = claimsOf(turn)
    const claim = this.#known.best(from, to, byClass)
    if (claim && isOwedElsewhere(heir, claim, now, byClass)) return void this.#handOver(slot, claim, byClass)
    if (!heir) return void this.#redis.giveBack(slot)
    this.#turns.started(heir.priority)
    this.#begin(heir, slot)
  }

  /** Whether a slot may go on without a word to Redis. */
  #mayStay(slot: HeldSlot, now: number): boolean {
    if (this.#closed || this.#paused || this.#known.paused || this.#everyTurnFromRedis || slot.policyNumber !== this.#policyNumber) return false
    return isSurelyHeld(slot, now) && this.#known.isFresh(now) && this.#known.active <= this.#policy.slots && this.#link.healthy()
  }

  #drawTurn(): Turn | undefined {
    const counts = this.#countWaiting()
    for (let at = 0; at < priorities; at += 1) if (counts[at] === 0) this.#turns.joined(at)
    const turn = this.#turns.next((at) => (counts[at] as number) > 0)
    return turn?.kind === 'top' && this.#policy.order === 'weighted' ? { kind: 'class', priority: turn.priority } : turn
  }

  /** Gives a slot to another gateway, which from then on holds its lock. */
  async #handOver(slot: HeldSlot, claim: Claim, byClass: boolean): Promise<void> {
    const now = this.#now()
    this.#known.noteServed(claim, now)
    this.#turns.started(claim.priority)
    const message: SlotMessage = { line: this.name, slot: { id: slot.id, token: slot.token }, lockAgeMs: Math.ceil(now - slot.renewedMs), priority: claim.priority, inClass: !byClass }
    await this.#quietly(async () => {
      if (await this.#link.tell(claim.gateway, message)) return
      this.#known.forget(claim.gateway)
      this.#passOn(slot)
    })
  }

  /** A slot has come, from another gateway or by a ticket's turn. */
  #receive({ slot: { id, token }, lockAgeMs, ticket, priority, inClass }: SlotMessage): void {
    const slot: HeldSlot = { id, token, policyNumber: this.#policyNumber, renewedMs: this.#now() - lockAgeMs, lost: false, restsSinceMs: 0 }
    const rank = ticket === undefined ? undefined : this.#standing.taken(ticket)
    if (rank !== undefined) this.#redis.settle()
    const heir = this.#closed || this.#paused || this.#known.paused ? undefined : this.#heirOfSent(inClass ? (priority ?? (rank === undefined ? undefined : classOfRank(rank))) : undefined)
    if (heir) this.#begin(heir, slot)
    // Whoever asked has left meanwhile, or had another slot.
    else this.#passOn(slot)
  }

  /** @param priority class that the turn is for, if it is for one */
  #heirOfSent(priority: number | undefined): ClusterPlace | undefined {
    if (this.#policy.order === 'deadline') return this.#waiting.mostUrgent
    return (priority === undefined ? undefined : this.#waiting.firstOf(priority)) ?? this.#waiting.best
  }

  /** Nobody needs a slot: while there are plenty it waits here for the next who comes, for a moment. */
  #rest(slot: HeldSlot, now: number): void {
    if (this.#known.active > this.#policy.slots * plentyShare) return void this.#redis.giveBack(slot)
    this.#slots.rest(slot, now)
    this.#restAlarm.setFor(this.#slots.nextOverdueMs)
  }

  #endRests(): void {
    for (const slot of this.#slots.takeOverdue(this.#now())) void this.#redis.giveBack(slot)
    if (this.#slots.someRest) this.#restAlarm.setFor(this.#slots.nextOverdueMs)
  }

  /** A slot for somebody who comes, if one is here and nobody waits anywhere. */
  #takeRested(now: number): HeldSlot | undefined {
    if (!this.#slots.someRest || this.#waiting.size > 0 || this.#known.anybody) return undefined
    const slot = this.#slots.takeRested() as HeldSlot
    if (this.#mayStay(slot, now)) return slot
    void this.#redis.giveBack(slot)
    return undefined
  }

  // What other gateways know, and tell.

  /** For as long as somebody waits here, all gateways say so and learn who else does. */
  #look(): void {
    this.#redis.look()
    if (this.#waiting.size > 0 || this.#redis.reported) this.#lookAlarm.setFor(this.#now() + this.#known.staleMs)
  }

  /** Whether others would let somebody of this gateway go before those that wait there. */
  get #othersMayHelp(): boolean {
    return this.#policy.order === 'strict' && !this.#everyTurnFromRedis
  }

  #noteCall(from: string, { priority, waitedMs }: CallMessage): void {
    this.#known.noteCall(from, priority, this.#now() - waitedMs)
    if (this.#slots.someRest) this.#passOn(this.#slots.takeRested() as HeldSlot)
  }

  // What turns that come from Redis need of this line.

  #asTaker(): TurnTaker {
    return {
      policy: () => this.#policy,
      someWait: () => this.#waiting.size > 0,
      isOpen: () => this.#published && !this.#closed && !this.#paused,
      slots: () => this.#slots.all,
      report: () => reportOf(this.#waiting, this.#slots.size, this.#now(), (rank) => (this.#everyTurnFromRedis ? this.#standing.firstOf(rank) : undefined)),
      receive: (message) => this.#receive(message),
      loseTicket: (id) => this.#loseTicket(id),
      noteTurn: (rank) => this.#noteTurn(rank),
      nextOutOfOrder: () => this.#nextOutOfOrder(),
    }
  }

  /** The one that its ticket stood for hears so: nothing of it was begun. */
  #loseTicket(id: string): void {
    const rank = this.#standing.taken(id)
    if (rank === undefined) return
    const place = this.#policy.order === 'deadline' ? this.#waiting.mostUrgent : this.#waiting.firstOf(classOfRank(rank))
    if (place) this.#turnAway(place, 'lost')
  }

  #noteTurn(rank: number): void {
    if (rank > 0 && this.#policy.order === 'weighted') this.#turns.started(classOfRank(rank))
  }

  /** Where every turn comes from the queue: the ticket whose turn is next though it is not the first there. */
  #nextOutOfOrder(): string | undefined {
    const now = this.#now()
    if (this.#policy.order === 'deadline' || !this.#everyTurnFromRedis || !this.#known.isFresh(now)) return undefined
    const turn = this.#drawTurn()
    if (!turn || turn.kind === 'top') return undefined
    if (turn.kind === 'class') this.#turns.started(turn.priority)
    const { from, to } = claimsOf(turn)
    const [heir, claim] = [this.#waiting.heirOf(turn), this.#known.best(from, to, false)]
    if (claim && (!heir || claim.sinceMs < heir.enteredMs)) return claim.ticket
    return heir && this.#standing.firstOf(rankOfClass(heir.priority))
  }

  async #publishPolicy(): Promise<void> {
    const number = this.#policyNumber
    this.#published = false
    await this.#quietly(async () => {
      await this.#tickets.publishPolicy(this.#policy)
      this.#published = number === this.#policyNumber
    })
    this.#redis.settle()
    this.#redis.pump()
  }

  async #sweep(): Promise<void> {
    if (!this.#published && this.#link.healthy()) await this.#publishPolicy()
    await this.#redis.sweep()
    this.#sweepLater()
  }

  #sweepLater(): void {
    if (!this.#closed) this.#sweepAlarm.setFor(this.#now() + renewEveryMs)
  }
}
