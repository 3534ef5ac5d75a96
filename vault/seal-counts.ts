import type { Log } from '../runtime/core/log.ts'
import type { RecordStore } from './parts.ts'

/**
 * With a random nonce of 96 bits, a key of AES-GCM may seal 2³² times (NIST SP 800-38D §8.3). A data key is replaced at half of that: what
 * several vaults seal before all have heard of the next one, and what counting by samples is off, are parts of a thousand.
 */
export const sealLimit = 2 ** 31
/** One of so many encryptions is written down, and stands for all of them. */
const sampledOneOf = 2 ** 16
const mostTries = 20

export interface SealCountsOptions {
  readonly records: RecordStore
  readonly log: Log
  readonly limit?: number | undefined
  readonly oneOf?: number | undefined
}

/**
 * How often data keys have sealed. Counted by samples: which encryption is one is drawn anew after each, so that the count is right whatever
 * vaults are started, stopped or killed in between, and costs the others one subtraction. At the limit it is off by 0.6 % (one standard deviation of
 * 2¹⁵ samples); that 2³² encryptions pass for fewer than 2³¹ has a probability below e⁻⁸⁰⁰⁰.
 */
export interface SealCounts {
  /** One encryption under this key. */
  note(key: { readonly number: number; readonly scope: string }): void
  /** Nothing waits to be written: `settle` has nothing to do. */
  readonly isSettled: boolean
  /** Writes what was noted. Gives the keys that have sealed so often that another one is to take their place. */
  settle(): Promise<readonly { readonly number: number; readonly scope: string }[]>
  /** What is known of keys that have sealed often, by number. */
  list(): Promise<ReadonlyMap<number, number>>
  readonly limit: number
}

export function createSealCounts({ records, log, limit = sealLimit, oneOf = sampledOneOf }: SealCountsOptions): SealCounts {
  let left = drawGap(oneOf)
  let noted = new Map<number, { readonly scope: string; samples: number }>()

  /** Gives the count with them. */
  async function add(number: number, scope: string, samples: number): Promise<number> {
    const name = String(number)
    for (let tries = 0; tries < mostTries; tries++) {
      const before = await records.get('data-key-use', name)
      const seals = Number(before?.facts.seals ?? 0) + samples * oneOf
      if (await records.put({ kind: 'data-key-use', name, version: (before?.version ?? 0) + 1, facts: { scope, seals } })) return seals
    }
    throw new Error('others count the same data key all the time')
  }

  return {
    limit,
    note({ number, scope }) {
      if (--left > 0) return
      left = drawGap(oneOf)
      const known = noted.get(number)
      if (known) known.samples += 1
      else noted.set(number, { scope, samples: 1 })
    },
    get isSettled() {
      return noted.size === 0
    },
    async settle() {
      const mine = noted
      noted = new Map()
      const full: { number: number; scope: string }[] = []
      for (const [number, { scope, samples }] of mine) {
        try {
          if ((await add(number, scope, samples)) >= limit) full.push({ number, scope })
        } catch (thrown) {
          const now = noted.get(number)
          noted.set(number, { scope, samples: samples + (now?.samples ?? 0) })
          log.warn({ dataKey: number, reason: (thrown as Error).name }, 'How often a data key was used could not be written; it is tried again with the next use.')
        }
      }
      return full
    },
    async list() {
      return new Map((await records.list('data-key-use')).map(({ name, facts }) => [Number(name), Number(facts.seals)]))
    },
  }
}

/** Encryptions until the next sample: geometrically distributed, so that each is one with the same probability, whatever was before. */
function drawGap(oneOf: number): number {
  return oneOf <= 1 ? 1 : 1 + Math.floor(Math.log(1 - Math.random()) / Math.log(1 - 1 / oneOf))
}
