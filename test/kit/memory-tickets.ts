import type { Exchanged, LineTickets, NewTicket, Slot, Turned } from '../../runtime/schedule/cluster/line-tickets.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a naive shared queue does with the tickets of one line. Everything is looked at in full each time. */
export class MemoryQueue {
  readonly #time: VirtualTime
  /** Who waits, in the order they came. */
  #waiting: { readonly id: string; readonly gateway: string; rank: number }[] = []
  /** Who is under way, and until when the lock holds. */
  #active: { readonly id: string; readonly gateway: string; readonly token: string; readonly rank: number; untilMs: number }[] = []
  /** Whose lock was over: told to whoever takes the next turn. */
  readonly #lost: { readonly id: string; readonly gateway: string; readonly rank: number }[] = []
  readonly #reports = new Map<string, { readonly atMs: number; readonly text: string }>()
  slots = Infinity
  paused = false
  /** How often something was asked. */
  readonly asked = new Map<string, number>()

  constructor(time: VirtualTime, lockMs: number, stalledEveryMs: number) {
    this.#time = time
    this.#lockMs = lockMs
    const look = () => {
      this.#loseUnrenewed()
      time.at(time.nowMs + stalledEveryMs, look)
    }
    look()
  }

  readonly #lockMs: number

  /** The tickets as one gateway sees them: each question takes some time there and back. @param isAlive what a dead gateway asks is not heard */
  connect(hopMs: () => number, isAlive: () => boolean): LineTickets {
    let sentMs = 0
    let cameMs = 0
    // One connection: what is sent first arrives first, and is answered first.
    const ask = <T>(name: string, act: () => T): Promise<T> => new Promise((resolve, reject) => {
      if (!isAlive()) return
      sentMs = Math.max(sentMs, this.#time.nowMs + hopMs())
      this.#time.at(sentMs, () => {
        if (!isAlive()) return
        this.asked.set(name, (this.asked.get(name) ?? 0) + 1)
        let answer: T
        let failure: unknown
        try {
          answer = act()
        } catch (error) {
          failure = error
        }
        cameMs = Math.max(cameMs, this.#time.nowMs + hopMs())
        this.#time.at(cameMs, () => (failure === undefined ? resolve(answer) : reject(failure as Error)))
      })
    })
    return {
      watchLocks: async () => {},
      add: (tickets, gateway) => ask('add', () => void this.#waiting.push(...tickets.map(({ id, rank }: NewTicket) => ({ id, rank, gateway })))),
      remove: (id) => ask('remove', () => void (this.#waiting = this.#waiting.filter((one) => one.id !== id))),
      move: (id, rank) => ask('move', () => this.#move(id, rank)),
      take: (token) => ask('take', () => this.#take(token)),
      giveBack: ({ id, token }, takeNext) => ask('giveBack', () => {
        const at = this.#active.findIndex((one) => one.id === id && one.token === token && one.untilMs > this.#time.nowMs)
        if (at < 0) throw new Error('its lock is lost')
        this.#active.splice(at, 1)
        return takeNext ? this.#take(token) : undefined
      }),
      renew: (slots) => ask('renew', () => slots.filter((slot) => !this.#renew(slot)).map(({ id }) => id)),
      exchange: (gateway, said) => ask('exchange', () => this.#exchange(gateway, said)),
      forgetReports: (gateways) => ask('forgetReports', () => gateways.forEach((gateway) => this.#reports.delete(gateway))),
      missing: (ids) => ask('missing', () => new Set(ids.filter((id) => !this.#waiting.some((one) => one.id === id) && !this.#active.some((one) => one.id === id)))),
      publishPolicy: ({ slots }) => ask('publishPolicy', () => void (this.slots = slots)),
      pause: () => ask('pause', () => void (this.paused = true)),
      resume: () => ask('resume', () => void (this.paused = false)),
      close: async () => {},
    }
  }

  /** How many slots are taken. */
  get active(): number {
    return this.#active.length
  }

  /** Gateways whose tickets stand here. */
  get waiting(): readonly string[] {
    return this.#waiting.map(({ gateway }) => gateway)
  }

  #take(token: string): Turned | undefined {
    if (this.paused || this.#active.length >= this.slots) return undefined
    const lost = this.#lost.shift()
    if (lost) {
      this.#active.push({ ...lost, token, untilMs: this.#time.nowMs + this.#lockMs })
      return { ...lost, token, lost: true }
    }
    const next = this.#waiting.toSorted((a, b) => a.rank - b.rank)[0]
    if (!next) return undefined
    this.#waiting = this.#waiting.filter((one) => one !== next)
    this.#active.push({ ...next, token, untilMs: this.#time.nowMs + this.#lockMs })
    return { ...next, token, lost: false }
  }

  #move(id: string, rank: number): void {
    const moved = this.#waiting.find((one) => one.id === id)
    if (!moved) return
    moved.rank = rank
    this.#waiting = [...this.#waiting.filter((one) => one !== moved), moved]
  }

  #renew({ id, token }: Slot): boolean {
    const held = this.#active.find((one) => one.id === id && one.token === token && one.untilMs > this.#time.nowMs)
    if (held) held.untilMs = this.#time.nowMs + this.#lockMs
    return held !== undefined
  }

  #exchange(gateway: string, said: string): Exchanged {
    if (said === '') this.#reports.delete(gateway)
    else this.#reports.set(gateway, { atMs: this.#time.nowMs, text: said })
    return { nowMs: this.#time.nowMs, active: this.#active.length, paused: this.paused, reports: [...this.#reports].map(([from, { atMs, text }]) => ({ gateway: from, saidMs: atMs, text })) }
  }

  /** What nobody renews is free again. */
  #loseUnrenewed(): void {
    this.#lost.push(...this.#active.filter(({ untilMs }) => untilMs <= this.#time.nowMs))
    this.#active = this.#active.filter(({ untilMs }) => untilMs > this.#time.nowMs)
  }
}
