import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Envelope, RecordStore, VaultRecord } from '../parts.ts'
import { aboutKey, factsOf, keyScope, type KeyFacts } from './key-facts.ts'
import { type KeyVersion, toKeyVersion, unpackMaterial } from './material.ts'

/** How old what is known of the records may be: another vault's change shows after this time at the latest. */
const freshMs = 500

/** A key as this vault holds it. */
export interface ShelvedKey {
  readonly record: VaultRecord
  readonly name: string
  readonly facts: KeyFacts
  /** Versions ready for use, opened when they are first asked for. @throws when the material cannot be opened */
  versions(): Promise<ReadonlyMap<number, KeyVersion>>
}

/** The keys of the records, held in memory and looked at again as they change. */
export interface KeyShelf {
  get(name: string): Promise<ShelvedKey | undefined>
  list(): Promise<readonly ShelvedKey[]>
  /** The next look goes to the store. */
  changed(): void
}

export function createKeyShelf({ records, envelope, clock }: { readonly records: RecordStore; readonly envelope: Envelope; readonly clock: Clock }): KeyShelf {
  let shelf: ReadonlyMap<string, ShelvedKey> = new Map()
  let revision: number | undefined
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined

  /** Counts what this vault itself changed: a look that began before is not the last word. */
  let changes = 0

  async function look(): Promise<void> {
    const at = clock.elapsed()
    const before = changes
    // The number first: what changes while the list is read is seen with the next look.
    const now = await records.revision('key')
    const found = now === revision ? undefined : await records.list('key')
    if (changes !== before) return
    lookedAt = at
    if (found) {
      shelf = new Map(found.map((record) => {
        const known = shelf.get(record.name)
        return [record.name, known?.record.version === record.version ? known : shelve(record)]
      }))
      revision = now
    }
  }

  async function fresh(): Promise<void> {
    while (clock.elapsed() - lookedAt >= freshMs) {
      if (!looking) {
        const mine: Promise<void> = look().finally(() => {
          if (looking === mine) looking = undefined
        })
        looking = mine
      }
      await looking
    }
  }

  function shelve(record: VaultRecord): ShelvedKey {
    const { name } = record
    const facts = factsOf(record)
    let opened: Promise<ReadonlyMap<number, KeyVersion>> | undefined
    return {
      record,
      name,
      facts,
      versions() {
        opened ??= open(record).catch((error: unknown) => {
          opened = undefined // the master key may only be away
          throw error
        })
        return opened
      },
    }
  }

  async function open(record: VaultRecord): Promise<ReadonlyMap<number, KeyVersion>> {
    if (!record.sealed) throw new Error('the record of the key has no material')
    const bytes = await envelope.open(keyScope, aboutKey(record.name), record.sealed)
    try {
      const material = unpackMaterial(bytes)
      const { kind, algorithm } = factsOf(record)
      if (material.kind !== kind || material.algorithm !== algorithm) throw new Error('the record of the key says another kind than its material')
      return new Map([...material.versions].map(([version, part]) => [version, toKeyVersion(record.name, version, material, part)]))
    } finally {
      bytes.fill(0)
    }
  }

  return {
    async get(name) {
      await fresh()
      return shelf.get(name)
    },
    async list() {
      await fresh()
      return [...shelf.values()]
    },
    changed() {
      changes += 1
      looking = undefined
      lookedAt = Number.NEGATIVE_INFINITY
    },
  }
}
