import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import { checkRevision } from '../check-revision.ts'
import type { Expected, Key, KeyVersionFacts } from '../contract.ts'
import type { Envelope, RecordStore, Sealed, VaultRecord } from '../parts.ts'
import { Refused } from '../refused.ts'
import { aboutKey, factsOf, keyScope, type KeyFacts, toKey } from './key-facts.ts'
import { replaceCurrent } from './key-schedule.ts'
import type { KeyShelf } from './key-shelf.ts'
import { generateMaterial, type Material, packMaterial, unpackMaterial } from './material.ts'

export interface KeyRecordsOptions {
  readonly records: RecordStore
  readonly envelope: Envelope
  readonly clock: Pick<Clock, 'now'>
  readonly shelf: KeyShelf
  readonly log: Log
}

/** The records of keys as the desk and the schedule change them: each change is of the revision it was read at, or not at all. */
export interface KeyRecords {
  has(name: string): Promise<boolean>
  /** As it is in the store, for a change that started from a revision. @throws Refused `key.unknown`, `record.stale` */
  get(name: string, expected: Expected): Promise<VaultRecord>
  /** Other facts. @throws Refused `record.stale`, `key.conflict` when another vault was first */
  change(record: VaultRecord, facts: KeyFacts, said: string, expected?: Expected): Promise<Key>
  /** The first of a key. */
  add(name: string, facts: KeyFacts, bytes: Uint8Array, said: string): Promise<Key>
  /** Makes a version that takes the place of the current one. @throws Refused as `change` does */
  replace(record: VaultRecord, by: string, made: KeyVersionFacts['made'], said: string, expected?: Expected): Promise<Key>
}

export function createKeyRecords({ records, envelope, clock, shelf, log }: KeyRecordsOptions): KeyRecords {
  async function write(record: VaultRecord, said: string, expected?: Expected): Promise<Key> {
    const isWritten = await records.put(record)
    shelf.changed()
    if (!isWritten && typeof expected === 'number') checkRevision(`key ${record.name}`, expected, record.version)
    if (!isWritten) throw new Refused('key.conflict', 409, `Somebody else changed the key ${record.name} at the same time. Look at it, and try again.`)
    const { by, current } = factsOf(record)
    log.info({ key: record.name, by, current }, said)
    return toKey(record)
  }

  async function seal(name: string, material: Material): Promise<Sealed> {
    const bytes = packMaterial(material)
    try {
      return await envelope.seal(keyScope, aboutKey(name), bytes)
    } finally {
      bytes.fill(0)
    }
  }

  return {
    has: async (name) => (await records.get('key', name)) !== undefined,

    async get(name, expected) {
      const record = await records.get('key', name)
      if (!record) throw new Refused('key.unknown', 404, `There is no key ${name}.`)
      checkRevision(`key ${name}`, expected, record.version)
      return record
    },

    change: (record, facts, said, expected) => write({ ...record, version: record.version + 1, facts: { ...facts } }, said, expected),

    async add(name, facts, bytes, said) {
      const { kind, algorithm } = facts
      return write({ kind: 'key', name, version: 1, facts: { ...facts }, sealed: await seal(name, { kind, algorithm, versions: new Map([[1, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)]]) }) }, said)
    },

    async replace(record, by, made, said, expected) {
      const { name } = record
      const facts = factsOf(record)
      if (!record.sealed) throw new Error('the record of the key has no material')
      const version = Math.max(...facts.versions.map((one) => one.version)) + 1
      const bytes = await generateMaterial(facts.kind)
      const opened = await envelope.open(keyScope, aboutKey(name), record.sealed)
      try {
        const material = unpackMaterial(opened)
        if (material.kind !== facts.kind || material.algorithm !== facts.algorithm) throw new Error('the record of the key says another kind than its material')
        const sealed = await seal(name, { ...material, versions: new Map([...material.versions, [version, bytes]]) })
        const nowMs = clock.now()
        const next: KeyVersionFacts = { version, createdAt: new Date(nowMs).toISOString(), state: 'active', ...(made === undefined ? {} : { made }) }
        return await write({ ...record, version: record.version + 1, facts: { ...facts, current: version, versions: [...replaceCurrent(facts, nowMs), next], by }, sealed }, said, expected)
      } finally {
        opened.fill(0)
        bytes.fill(0)
      }
    },
  }
}
