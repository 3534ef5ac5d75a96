import type { Key } from '../contract.ts'
import type { VaultRecord } from '../parts.ts'

/** The open facts of a key, as its record holds them. */
export interface KeyFacts extends Omit<Key, 'name' | 'revision'> {
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
  const { kind, algorithm, set, state, current, versions } = factsOf(record)
  return { name: record.name, kind, algorithm, ...(set === undefined ? {} : { set }), state, current, versions, revision: record.version }
}
