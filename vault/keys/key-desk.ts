import type { Clock } from '../../runtime/core/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import { checkRevision } from '../check-revision.ts'
import type { Expected, Key, KeyAlgorithm, KeyKind, NewKey, VaultDesk } from '../contract.ts'
import type { Envelope, RecordStore, VaultRecord } from '../parts.ts'
import { Refused } from '../refused.ts'
import { aboutKey, factsOf, keyScope, type KeyFacts, toKey } from './key-facts.ts'
import { namePattern, nameRule } from '../words/names.ts'
import type { KeyShelf } from './key-shelf.ts'
import { importMaterial } from './import-material.ts'
import { algorithmsFor, isKeyKind, isSecret, keyKinds } from '../words/key-kinds.ts'
import { generateMaterial, type Material, packMaterial, unpackMaterial } from './material.ts'
import { toPublicSet } from './public-set.ts'

export interface KeyDeskOptions {
  readonly records: RecordStore
  readonly envelope: Envelope
  readonly clock: Clock
  readonly shelf: KeyShelf
  readonly log: Log
}

/** What operators do with keys. Refusals are {@link Refused}; no answer holds material. */
export function createKeyDesk({ records, envelope, clock, shelf, log }: KeyDeskOptions): Omit<VaultDesk['keys'], 'uses'> {
  /** The record as it is in the store, not as it was. */
  async function recordOf(name: string): Promise<VaultRecord> {
    const record = await records.get('key', name)
    if (!record) throw new Refused('key.unknown', 404, `There is no key ${name}.`)
    return record
  }

  /** The same for a change that started from a revision. @throws Refused `key.unknown`, `record.stale` */
  async function expectedOf(name: string, expected: Expected): Promise<VaultRecord> {
    const record = await recordOf(name)
    checkRevision(`key ${name}`, expected, record.version)
    return record
  }

  async function write(record: VaultRecord, said: string, expected?: Expected): Promise<Key> {
    const isWritten = await records.put(record)
    shelf.changed()
    if (!isWritten && typeof expected === 'number') checkRevision(`key ${record.name}`, expected, record.version)
    if (!isWritten) throw new Refused('key.conflict', 409, `Somebody else changed the key ${record.name} at the same time. Look at it, and try again.`)
    const facts = factsOf(record)
    log.info({ key: record.name, by: facts.by, current: facts.current }, said)
    return toKey(record)
  }

  async function seal(name: string, material: Material) {
    const bytes = packMaterial(material)
    try {
      return await envelope.seal(keyScope, aboutKey(name), bytes)
    } finally {
      bytes.fill(0)
    }
  }

  return {
    async list() {
      return (await shelf.list()).map(({ record }) => toKey(record)).sort((a, b) => (a.name < b.name ? -1 : 1))
    },

    async create(name, part, by) {
      const { set, material } = part
      checkPart(name, part)
      if (await records.get('key', name)) throw new Refused('key.exists', 409, `There is a key ${name} already. Rotate it, or choose another name.`)
      const { kind, algorithm, bytes } = await takeMaterial(part)
      const sealed = await seal(name, { kind, algorithm, versions: new Map([[1, bytes]]) }).finally(() => bytes.fill(0))
      const facts: KeyFacts = { kind, algorithm, ...(set === undefined || set === '' ? {} : { set }), state: 'active', current: 1, versions: [{ version: 1, createdAt: now(), state: 'active' }], by }
      return write({ kind: 'key', name, version: 1, facts: { ...facts }, sealed }, material === undefined ? 'a key was created' : 'a key was imported')
    },

    async rotate(name, by, expected) {
      const record = await expectedOf(name, expected)
      const facts = factsOf(record)
      if (!record.sealed) throw new Error('the record of the key has no material')
      const version = Math.max(...facts.versions.map((one) => one.version)) + 1
      const bytes = await generateMaterial(facts.kind)
      const opened = await envelope.open(keyScope, aboutKey(name), record.sealed)
      try {
        const material = unpackMaterial(opened)
        if (material.kind !== facts.kind || material.algorithm !== facts.algorithm) throw new Error('the record of the key says another kind than its material')
        const sealed = await seal(name, { ...material, versions: new Map([...material.versions, [version, bytes]]) })
        const next: KeyFacts = { ...facts, current: version, versions: [...facts.versions, { version, createdAt: now(), state: 'active' }], by }
        return await write({ ...record, version: record.version + 1, facts: { ...next }, sealed }, 'a key was rotated', expected)
      } finally {
        opened.fill(0)
        bytes.fill(0)
      }
    },

    async setState(name, state, by, version, expected) {
      if (state !== 'active' && state !== 'disabled') throw new Refused('key.state', 422, 'A key is active or disabled.')
      const record = await expectedOf(name, expected)
      const facts = factsOf(record)
      if (version !== undefined && !facts.versions.some((one) => one.version === version)) throw new Refused('key.version', 404, `The key ${name} has no version ${version}.`)
      const next: KeyFacts = version === undefined ? { ...facts, state, by } : { ...facts, versions: facts.versions.map((one) => (one.version === version ? { ...one, state } : one)), by }
      return write({ ...record, version: record.version + 1, facts: { ...next } }, state === 'active' ? 'a key was enabled' : 'a key was disabled', expected)
    },

    async publicSet(set) {
      const keys = (await shelf.list()).filter(({ facts }) => facts.set === set)
      if (keys.length === 0) throw new Refused('key_set.unknown', 404, `There is no key set ${namePattern.test(set) ? set : 'of that name'}.`)
      return toPublicSet(keys)
    },
  }

  function now(): string {
    return new Date(clock.now()).toISOString()
  }
}

/** Name, kind and set of a new key, before its material is looked at. @throws Refused */
function checkPart(name: string, { kind, set, material }: NewKey): void {
  if (!namePattern.test(name)) throw new Refused('key.name', 422, `The name of a key ${nameRule}.`)
  if (kind === undefined ? material === undefined : !isKeyKind(kind)) throw new Refused('key.kind', 422, `A key is of one of these kinds: ${keyKinds.join(', ')}.`)
  if (set !== undefined && set !== '' && (typeof set !== 'string' || !namePattern.test(set))) throw new Refused('key.set', 422, `The name of a key set ${nameRule}.`)
}

/** The material of a new key, made or imported, and what it is for. @throws Refused */
async function takeMaterial({ kind: wanted, algorithm: named, set, material }: NewKey): Promise<{ readonly kind: KeyKind; readonly algorithm: KeyAlgorithm; readonly bytes: Buffer }> {
  const imported = material === undefined ? undefined : importMaterial(wanted, material)
  const kind = imported?.kind ?? (wanted as KeyKind)
  try {
    const algorithms = algorithmsFor(kind)
    const chosen = named ?? imported?.algorithm ?? (algorithms[0] as KeyAlgorithm)
    const algorithm = algorithms.find((one) => one === chosen)
    if (algorithm === undefined) throw new Refused('key.algorithm', 422, `A key of kind ${kind} does ${algorithms.join(' or ')}.`)
    if (set !== undefined && set !== '' && isSecret(kind)) throw new Refused('key.set', 422, `A key of kind ${kind} has no public half, so no key set can show it. Leave the set out.`)
    return { kind, algorithm, bytes: imported?.bytes ?? (await generateMaterial(kind)) }
  } catch (thrown) {
    imported?.bytes.fill(0)
    throw thrown
  }
}
