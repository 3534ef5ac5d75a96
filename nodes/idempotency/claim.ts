import { randomUUID } from 'node:crypto'
import type { State } from '../../runtime/core/state/state.ts'
import type { StoredAnswer } from '../shared/caches/stored-answer.ts'
import { parseRecord, type GuardRecord } from './record.ts'

/** What is to be done once. */
export interface Guarded {
  /** Key in the store. */
  readonly key: string
  /** Hash of what is asked for; empty: not compared. */
  readonly print: string
  /** How long the run may hold the key: longer than it can live. */
  readonly leaseMs: number
  readonly ttlMs: number
}

export type Claim =
  /** Nobody has done it: the key is written down and held. */
  | { readonly kind: 'first'; readonly held: Held }
  /** It was done; `answer` absent: it was not kept. */
  | { readonly kind: 'done'; readonly answer: StoredAnswer | undefined; readonly silent: boolean }
  /** Somebody does it now. */
  | { readonly kind: 'busy' }
  /** The same key was used for something else. */
  | { readonly kind: 'mismatch' }

/** A key that this run holds. Both ways to let go tell false when another run has taken the key over meanwhile. */
export interface Held {
  /** Grows with every run that gets the key: a backend that keeps the largest it has seen can refuse a late one. */
  readonly fence: number
  done(answer: StoredAnswer | undefined, silent: boolean): Promise<boolean>
  free(): Promise<boolean>
}

/** How often a race for a key is begun anew before the loser calls it busy. */
const mostRaces = 8

/**
 * Takes the key, or says why not. The record is written before this resolves with `first`, so before any side effect.
 * A holder whose lease has ended, or that failed, is followed by the next one; of several that come at once one gets it.
 * @throws Fault `state.unavailable`
 */
export async function claim(state: State, { key, print, leaseMs, ttlMs }: Guarded): Promise<Claim> {
  const { records } = state
  const by = randomUUID()
  const mine = (fence: number): GuardRecord => ({ v: 1, state: 'running', fence, by, untilMs: state.now() + leaseMs, print })
  const keptMs = Math.max(ttlMs, leaseMs)

  for (let race = 0; race < mostRaces; race += 1) {
    const first = JSON.stringify(mine(1))
    const found = await records.setIfAbsent(key, first, keptMs)
    if (found === undefined) return { kind: 'first', held: hold(first, 1) }
    const record = parseRecord(found)
    if (!record) return { kind: 'busy' }
    if (record.state !== 'free' && !isOver(record)) {
      if (print !== '' && record.print !== '' && record.print !== print) return { kind: 'mismatch' }
      if (record.state === 'running') return { kind: 'busy' }
      return { kind: 'done', answer: record.answer, silent: record.silent === true }
    }
    const next = JSON.stringify(mine(record.fence + 1))
    if (await records.replace(key, found, next, keptMs)) return { kind: 'first', held: hold(next, record.fence + 1) }
  }
  return { kind: 'busy' }

  function isOver(record: GuardRecord): boolean {
    return record.state === 'running' && record.untilMs <= state.now()
  }

  function hold(text: string, fence: number): Held {
    const put = async (record: GuardRecord) => {
      const written = JSON.stringify(record)
      // Asked again after an answer of the store that got lost, what lies there is ours already.
      return (await records.replace(key, text, written, ttlMs)) || (await records.get(key)) === written
    }
    return {
      fence,
      done: (answer, silent) => put({ v: 1, state: 'done', fence, print, ...(answer ? { answer } : {}), ...(silent ? { silent } : {}) }),
      free: () => put({ v: 1, state: 'free', fence }),
    }
  }
}
