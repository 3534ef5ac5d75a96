import type { Clock } from '../core/clock.ts'
import { fault } from '../core/fault.ts'
import type { StateRecords } from '../core/state.ts'
import { checkRecord } from './record-limits.ts'

interface Entry {
  readonly value: string
  readonly endMs: number
}

interface Group {
  /** In the order in which they came, each with its end. */
  readonly members: Map<string, number>
  /** Nobody's time is over before; so a large group is not looked through at every join. */
  soonestMs: number
}

const sweepPauseMs = 250

/** Records of one process. What has expired goes as fast as anything comes. */
export function createMemoryRecords({ clock, limitBytes }: { readonly clock: Pick<Clock, 'now'>; readonly limitBytes: number }): StateRecords {
  const entries = new Map<string, Entry>()
  const groups = new Map<string, Group>()
  let heldBytes = 0
  let sweptAtMs = Number.NEGATIVE_INFINITY
  let entryWalker = entries.entries()
  let groupWalker = groups.entries()

  function drop(key: string): void {
    const entry = entries.get(key)
    if (entry === undefined) return
    heldBytes -= sizeOf(key, entry.value)
    entries.delete(key)
  }

  function read(key: string): string | undefined {
    checkRecord(key)
    const entry = entries.get(key)
    if (entry !== undefined && entry.endMs > clock.now()) return entry.value
    drop(key)
    return undefined
  }

  function write(key: string, value: string, ttlMs: number): void {
    checkRecord(key, value)
    const known = entries.get(key)
    const more = sizeOf(key, value) - (known ? sizeOf(key, known.value) : 0)
    if (heldBytes + more > limitBytes) sweepAll()
    if (heldBytes + more > limitBytes) throw fault('state.unavailable', { reason: `this gateway's records hold ${limitBytes} bytes already` })
    drop(key)
    entries.set(key, { value, endMs: clock.now() + ttlMs })
    heldBytes += sizeOf(key, value)
    if (known === undefined) sweepEntries(2)
  }

  /** Not for every one who comes while it is full: there may be a million entries. */
  function sweepAll(): void {
    const nowMs = clock.now()
    if (nowMs >= sweptAtMs && nowMs - sweptAtMs < sweepPauseMs) return
    sweptAtMs = nowMs
    sweepEntries(entries.size + 1)
  }

  function sweepEntries(count: number): void {
    for (let looked = 0; looked < count; looked++) {
      const next = entryWalker.next()
      if (next.done === true) entryWalker = entries.entries()
      else if (next.value[1].endMs <= clock.now()) drop(next.value[0])
    }
  }

  function membersOf(name: string): Group {
    const group = groups.get(name) ?? { members: new Map<string, number>(), soonestMs: Infinity }
    const nowMs = clock.now()
    if (group.soonestMs > nowMs) return group
    group.soonestMs = Infinity
    for (const [member, endMs] of group.members) {
      if (endMs <= nowMs) group.members.delete(member)
      else group.soonestMs = Math.min(group.soonestMs, endMs)
    }
    return group
  }

  function keep(name: string, group: Group): void {
    if (group.members.size === 0) groups.delete(name)
    else groups.set(name, group)
    for (let looked = 0; looked < 2; looked++) {
      const next = groupWalker.next()
      if (next.done === true) groupWalker = groups.entries()
      else if (membersOf(next.value[0]).members.size === 0) groups.delete(next.value[0])
    }
  }

  return {
    async get(key) {
      return read(key)
    },
    async set(key, value, ttlMs) {
      write(key, value, ttlMs)
    },
    async setIfAbsent(key, value, ttlMs) {
      const there = read(key)
      if (there === undefined) write(key, value, ttlMs)
      return there
    },
    async replace(key, expected, value, ttlMs) {
      if (read(key) !== expected) return false
      write(key, value, ttlMs)
      return true
    },
    async delete(key) {
      checkRecord(key)
      drop(key)
    },
    async join(name, member, { cap, whenFull, ttlMs }) {
      checkRecord(name, '', member)
      const group = membersOf(name)
      const evicted: string[] = []
      const { members } = group
      if (!members.has(member)) {
        if (cap < 1 || (members.size >= cap && whenFull === 'refuse')) return { joined: false, evicted }
        for (const oldest of members.keys()) {
          if (members.size < cap) break
          members.delete(oldest)
          evicted.push(oldest)
        }
      }
      members.set(member, clock.now() + ttlMs)
      group.soonestMs = Math.min(group.soonestMs, clock.now() + ttlMs)
      keep(name, group)
      return { joined: true, evicted }
    },
    async leave(name, member) {
      checkRecord(name, '', member)
      const group = membersOf(name)
      group.members.delete(member)
      keep(name, group)
    },
    async members(name) {
      checkRecord(name)
      return [...membersOf(name).members.keys()]
    },
  }
}

const sizeOf = (key: string, value: string) => (key.length + value.length) * 2
