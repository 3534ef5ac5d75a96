import type { LinePolicy } from '../../core/lines/lines.ts'
import { Alarm } from './alarm.ts'
import type { ClusterLink } from './cluster-link.ts'
import type { KnownClaims } from './known-claims.ts'
import type { LostMessage, SlotMessage } from './messages.ts'
import type { Quietly } from './quietly.ts'
import type { Report } from './report.ts'
import type { LineTickets, Slot, Turned } from './line-tickets.ts'
import type { HeldSlot } from './slots-here.ts'
import type { StandingTickets } from './standing-tickets.ts'

/** Looks for free slots that are under way at once. */
const mostPumps = 4
/** Tickets that one look for lost ones asks about. */
const auditSize = 500
/** So many looks in a row a ticket has to be missing from Redis, which is asked every half second. */
const missingLooks = 2

/** The line that turns from Redis are for. */
export interface TurnTaker {
  policy(): LinePolicy
  /** Whether anybody waits here. */
  someWait(): boolean
  /** Whether turns may be taken at present. */
  isOpen(): boolean
  /** Slots that this gateway holds. */
  slots(): readonly HeldSlot[]
  /** Who waits here, for the others to know. */
  report(): Report
  /** A ticket of this gateway had its turn. */
  receive(message: SlotMessage): void
  /** A ticket of this gateway is lost. */
  loseTicket(id: string): void
  /** A turn of a rank goes to some gateway. */
  noteTurn(rank: number): void
  /** A ticket that is to go before all others. */
  nextOutOfOrder(): string | undefined
}

export interface RedisTurnsOptions {
  readonly line: string
  readonly link: ClusterLink
  readonly tickets: LineTickets
  readonly standing: StandingTickets
  readonly known: KnownClaims
  readonly taker: TurnTaker
  readonly quietly: Quietly
}

/** What a line has to do with Redis: tickets go there and turns come back, slots are renewed, and all gateways tell who waits. */
export class RedisTurns {
  readonly #line: string
  readonly #link: ClusterLink
  readonly #tickets: LineTickets
  readonly #standing: StandingTickets
  readonly #known: KnownClaims
  readonly #taker: TurnTaker
  readonly #quietly: Quietly
  readonly #token: string
  readonly #rateAlarm: Alarm
  #pumps = 0
  #pumpAgain = false
  #looking = false
  #settling = false
  #reported = false
  #missing = new Map<string, number>()

  constructor({ line, link, tickets, standing, known, taker, quietly }: RedisTurnsOptions) {
    this.#line = line
    this.#link = link
    this.#tickets = tickets
    this.#standing = standing
    this.#known = known
    this.#taker = taker
    this.#quietly = quietly
    this.#token = `${link.gateway}/${line}`
    this.#rateAlarm = new Alarm(link.clock, () => this.pump())
  }

  stop(): void {
    this.#rateAlarm.stop()
  }

  /** Whether nothing is to be had from Redis, as far as is known. */
  get allTaken(): boolean {
    return this.#known.isFresh(this.#link.clock.elapsed()) && this.#known.active >= this.#taker.policy().slots
  }

  /** Tickets go to Redis with all that come in this turn of the event loop, and what is free there is taken. */
  settle(): void {
    if (this.#settling) return
    this.#settling = true
    setImmediate(() => {
      this.#settling = false
      if (this.#taker.isOpen() && this.#link.healthy()) void this.#addTickets()
    })
  }

  async #addTickets(): Promise<void> {
    const added = this.#standing.add()
    if (this.#standing.oneEach) void this.#quietly(() => this.#standing.removeSurplus())
    if (!added) return
    // Commands leave in the order they were given: the tickets stand there before anybody looks for one.
    if (!this.allTaken) {
      setImmediate(() => {
        for (let at = 0; at < Math.min(added.count, mostPumps); at += 1) this.pump()
      })
    }
    await this.#link.answered(added.done)
  }

  /** Whether others think that somebody waits here. */
  get reported(): boolean {
    return this.#reported
  }

  /** Says who waits here, and learns who waits elsewhere. Nothing happens while that is under way. */
  look(): void {
    if (this.#looking || !this.#link.healthy()) return
    this.#looking = true
    const said = this.#taker.report()
    this.#reported = said.waits.length > 0
    const askedMs = this.#link.clock.elapsed()
    void this.#quietly(async () => {
      const answer = await this.#link.answered(this.#tickets.exchange(this.#link.gateway, this.#reported ? JSON.stringify(said) : ''))
      if (!answer) return
      const gone = this.#known.learn(answer, askedMs)
      if (gone.length > 0) void this.#quietly(() => this.#tickets.forgetReports(gone))
      if (!this.#taker.someWait()) return
      this.settle()
      if (!this.allTaken) this.pump()
    }).finally(() => {
      this.#looking = false
    })
  }

  /** Gives a slot back, and takes the next turn in the same step. */
  async giveBack(slot: Slot): Promise<void> {
    await this.#quietly(async () => {
      let next: Turned | undefined
      try {
        next = await this.#tickets.giveBack(slot, this.#taker.isOpen())
      } catch {
        return this.pump() // its lock was lost: the slot is free already
      }
      if (next) await this.#dispatch(next)
      else this.#watchRate()
    })
  }

  /** Looks whether a slot is free, for as long as one is and somebody waits here. */
  pump(): void {
    if (!this.#taker.isOpen()) return
    if (this.#pumps >= mostPumps) {
      this.#pumpAgain = true
      return
    }
    this.#pumps += 1
    void this.#quietly(async () => {
      const turned = await this.#tickets.take(this.#token)
      if (!turned) return
      await this.#dispatch(turned)
      if (this.#taker.someWait()) this.#pumpAgain = true
    }).finally(() => {
      this.#pumps -= 1
      if (!this.#pumpAgain) return
      this.#pumpAgain = false
      this.pump()
    })
    this.#watchRate()
  }

  /** Renews what is held, looks for free slots that nobody's end told of, and for tickets that are no more. */
  async sweep(): Promise<void> {
    if (!this.#link.healthy()) return
    await this.#renewLocks()
    await this.#quietly(() => this.#standing.removeSurplus())
    if (this.#taker.someWait()) this.pump()
    await this.#quietly(() => this.#audit())
  }

  /** Gives the turn to whoever asked for it. */
  async #dispatch(turned: Turned): Promise<void> {
    const { id, token, gateway, rank, lost } = turned
    const own = gateway === this.#link.gateway
    if (lost) {
      const message: LostMessage = { line: this.#line, lost: id }
      if (own) this.#taker.loseTicket(id)
      else await this.#link.tell(gateway, message)
      return await this.giveBack(turned)
    }
    const { order } = this.#taker.policy()
    const message: SlotMessage = { line: this.#line, slot: { id, token }, lockAgeMs: 0, ticket: id, inClass: rank === 0 || order === 'weighted' }
    this.#taker.noteTurn(rank)
    if (own) this.#taker.receive(message)
    else if (!(await this.#link.tell(gateway, message))) return await this.giveBack(turned)
    const early = this.#taker.nextOutOfOrder()
    if (early !== undefined) await this.#tickets.move(early, 0)
  }

  /** With a rate, nobody's end says when the next may start. */
  #watchRate(): void {
    const { ratePerSecond } = this.#taker.policy()
    if (ratePerSecond !== undefined && this.#taker.someWait() && this.#taker.isOpen()) this.#rateAlarm.setFor(this.#link.clock.elapsed() + Math.max(1, 1000 / ratePerSecond))
  }

  async #renewLocks(): Promise<void> {
    const slots = this.#taker.slots()
    if (slots.length === 0) return
    await this.#quietly(async () => {
      const now = this.#link.clock.elapsed()
      const lost = new Set(await this.#tickets.renew(slots))
      for (const slot of slots) {
        if (!lost.has(slot.id)) slot.renewedMs = now
        else if (!slot.lost) this.#noteLost(slot)
      }
    })
  }

  #noteLost(slot: HeldSlot): void {
    slot.lost = true
    this.#link.log.warn({ line: this.#line }, 'A slot was taken back because this gateway did not renew it in time.')
  }

  /** Tickets that Redis knows nothing of will never have a turn. */
  async #audit(): Promise<void> {
    const ids = this.#standing.ids.slice(0, auditSize)
    if (ids.length === 0) return
    const missing = new Map<string, number>()
    for (const id of await this.#tickets.missing(ids)) {
      const looks = (this.#missing.get(id) ?? 0) + 1
      if (looks < missingLooks) missing.set(id, looks)
      else this.#taker.loseTicket(id)
    }
    this.#missing = missing
  }
}
