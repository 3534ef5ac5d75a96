import type { Clock } from '../core/time/clock.ts'
import { fault } from '../core/fault.ts'
import type { StateRecords } from '../core/state/state.ts'
import { checkRecord } from './record-limits.ts'

interface Entry {
  readonly value: string
  readonly endMs: number
  readonly owner: string
}

interface Group {
  /** In the order in which they came, each with its end. */
  readonly members: Map<string, number>
  /** Nobody's time is over before; so a large group is not looked through at every join. */
  soonestMs: number
  readonly owner: string
}

export interface MemoryRecordsOptions {
  readonly clock: Pick<Clock, 'now'>
  readonly limitBytes: number
  /** Told when an owner gets no more room, though nothing of what is kept has ended. */
  readonly onFull?: ((owner: string) => void) | undefined
}

/**
 * An owner may hold so many times what is left: one alone three quarters of all, two three sevenths each. However much some hold,
 * the next one finds room, and nothing that was promised to be kept has to go for it.
 */
const shareOfRest = 3

const sweepPauseMs = 250

/**
 * Records of one process, a part for each owner. What has expired goes as fast as anything comes; what has not is never evicted:
 * a session, a nonce or a transaction that was forgotten early would be a promise broken in silence.
 */
export function createMemoryRecords({ clock, limitBytes, onFull }: MemoryRecordsOptions): { of(owner: string): StateRecords } {
  const entries = new Map<string, Entry>()
  const groups = new Map<string, Group>()
  const held = new Map<string, number>()
  let heldBytes = 0
  let sweptAtMs = Number.NEGATIVE_INFINITY
  let entryWalker = entries.entries()
  let groupWalker = groups.entries()

  function hold(owner: string, bytes: number): void {
    heldBytes += bytes
    const all = (held.get(owner) ?? 0) + bytes
    if (all === 0) held.delete(owner)
    else held.set(owner, all)
  }

  /** @throws Fault `state.unavailable` when the owner has its part already */
  function needRoom(owner: string, more: number): void {
    if (more <= 0 || hasRoom(owner, more)) return
    sweepAll()
    if (hasRoom(owner, more)) return
    onFull?.(owner)
    throw fault('state.unavailable', { reason: `the records of this flow hold ${held.get(owner) ?? 0} bytes, and this gateway's together ${heldBytes} of ${limitBytes}` })
  }

  function hasRoom(owner: string, more: number): boolean {
    return (held.get(owner) ?? 0) + more <= shareOfRest * (limitBytes - heldBytes - more)
  }

  function drop(key: string): void {
    const entry = entries.get(key)
    if (entry === undefined) return
    hold(entry.owner, -sizeOf(key, entry.value))
    entries.delete(key)
  }

  function read(key: string): string | undefined {
    checkRecord(key)
    const entry = entries.get(key)
    if (entry !== undefined && entry.endMs > clock.now()) return entry.value
    drop(key)
    return undefined
  }

  function write(owner: string, key: string, value: string, ttlMs: number): void {
    checkRecord(key, value)
    const known = entries.get(key)
    needRoom(owner, sizeOf(key, value) - (known?.owner === owner ? sizeOf(key, known.value) : 0))
    drop(key)
    entries.set(key, { value, endMs: clock.now() + ttlMs, owner })
    hold(owner, sizeOf(key, value))
    if (known === undefined) sweepEntries(2)
  }

  /** Not for every one who comes while it is full: there may be a million entries. */
  function sweepAll(): void {
    const nowMs = clock.now()
    if (nowMs >= sweptAtMs && nowMs - sweptAtMs < sweepPauseMs) return
    sweptAtMs = nowMs
    sweepEntries(entries.size + 1)
    for (const [name, group] of groups) if (turn(name, group).members.size === 0) groups.delete(name)
  }

  function sweepEntries(count: number): void {
    for (let looked = 0; looked < count; looked++) {
      const next = entryWalker.next()
      if (next.done === true) entryWalker = entries.entries()
      else if (next.value[1].endMs <= clock.now()) drop(next.value[0])
    }
  }

  function membersOf(name: string, owner: string): Group {
    return turn(name, groups.get(name) ?? { members: new Map<string, number>(), soonestMs: Infinity, owner })
  }

  /** Lets those go whose time is over. */
  function turn(name: string, group: Group): Group {
    const nowMs = clock.now()
    if (group.soonestMs > nowMs) return group
    group.soonestMs = Infinity
    for (const [member, endMs] of group.members) {
      if (endMs <= nowMs) part(name, group, member)
      else group.soonestMs = Math.min(group.soonestMs, endMs)
    }
    return group
  }

  function part(name: string, group: Group, member: string): void {
    if (group.members.delete(member)) hold(group.owner, -sizeOf(name, member))
  }

  function keep(name: string, group: Group): void {
    if (group.members.size === 0) groups.delete(name)
    else groups.set(name, group)
    for (let looked = 0; looked < 2; looked++) {
      const next = groupWalker.next()
      if (next.done === true) groupWalker = groups.entries()
      else if (turn(...next.value).members.size === 0) groups.delete(next.value[0])
    }
  }

  const of = (owner: string): StateRecords => ({
    async get(key) {
      return read(key)
    },
    async set(key, value, ttlMs) {
      write(owner, key, value, ttlMs)
    },
    async setIfAbsent(key, value, ttlMs) {
      const there = read(key)
      if (there === undefined) write(owner, key, value, ttlMs)
      return there
    },
    async replace(key, expected, value, ttlMs) {
      if (read(key) !== expected) return false
      write(owner, key, value, ttlMs)
      return true
    },
    async delete(key) {
      checkRecord(key)
      drop(key)
    },
    async join(name, member, { cap, whenFull, ttlMs }) {
      checkRecord(name, '', member)
      const group = membersOf(name, owner)
      const evicted: string[] = []
      const { members } = group
      if (!members.has(member)) {
        if (cap < 1 || (members.size >= cap && whenFull === 'refuse')) return { joined: false, evicted }
        for (const oldest of members.keys()) {
          if (members.size < cap) break
          part(name, group, oldest)
          evicted.push(oldest)
        }
        needRoom(group.owner, sizeOf(name, member))
        hold(group.owner, sizeOf(name, member))
      }
      members.set(member, clock.now() + ttlMs)
      group.soonestMs = Math.min(group.soonestMs, clock.now() + ttlMs)
      keep(name, group)
      return { joined: true, evicted }
    },
    async leave(name, member) {
      checkRecord(name, '', member)
      const group = membersOf(name, owner)
      part(name, group, member)
      keep(name, group)
    },
    async members(name) {
      checkRecord(name)
      return [...membersOf(name, owner).members.keys()]
    },
  })
  return { of }
}

const sizeOf = (key: string, value: string) => (key.length + value.length) * 2
