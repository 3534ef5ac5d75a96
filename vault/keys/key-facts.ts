import type { Key } from '../contract.ts'
import type { VaultRecord } from '../parts.ts'
import { dueAt } from './key-schedule.ts'

/** The open facts of a key, as its record holds them. */
export interface KeyFacts extends Omit<Key, 'name' | 'revision' | 'dueAt'> {
  /** Who changed it last. */
  readonly by: string
}

/** What is authenticated with sealed material, so that it opens under its own name only. */
export function aboutKey(name: string): string {
  return `key:${name}`
}

/** Scope of the data key that material is sealed under. */
export const keyScope = 'keys'

export function factsOf(record: VaultRecord): KeyFacts {
  return record.facts as unknown as KeyFacts
}

/** As the desk shows it. */
export function toKey(record: VaultRecord): Key {
  const facts = factsOf(record)
  const { kind, algorithm, set, rotateEveryDays, keepOldDays, state, current, versions } = facts
  const due = dueAt(facts)
  return { name: record.name, kind, algorithm, ...defined({ set, rotateEveryDays, keepOldDays }), state, current, versions, ...(due === undefined ? {} : { dueAt: new Date(due).toISOString() }), revision: record.version }
}

type Defined<T> = { [name in keyof T]?: Exclude<T[name], undefined> }

function defined<T extends object>(parts: T): Defined<T> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as Defined<T>
}
