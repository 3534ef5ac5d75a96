import type { Clock } from '../../runtime/core/time/clock.ts'
import type { KeyAlgorithm, KeyKind, KeyVersionFacts, NewKey, VaultDesk } from '../contract.ts'
import { Refused } from '../refused.ts'
import { factsOf, type KeyFacts, toKey } from './key-facts.ts'
import { namePattern, nameRule } from '../words/names.ts'
import type { KeyRecords } from './key-records.ts'
import type { KeyShelf } from './key-shelf.ts'
import { importMaterial } from './import-material.ts'
import { checkRotates, checkSchedule, decide, reschedule } from './key-schedule.ts'
import { algorithmsFor, isKeyKind, isSecret, keyKinds } from '../words/key-kinds.ts'
import { generateMaterial } from './material.ts'
import { toPublicSet } from './public-set.ts'

export interface KeyDeskOptions {
  readonly records: KeyRecords
  readonly clock: Pick<Clock, 'now'>
  readonly shelf: KeyShelf
}

/** What operators do with keys. Refusals are {@link Refused}; no answer holds material. */
export function createKeyDesk({ records, clock, shelf }: KeyDeskOptions): Omit<VaultDesk['keys'], 'uses'> {
  return {
    async list() {
      return (await shelf.list()).map(({ record }) => toKey(record)).sort((a, b) => (a.name < b.name ? -1 : 1))
    },

    async create(name, part, by) {
      const { set, material } = part
      checkPart(name, part)
      const schedule = checkSchedule(part)
      if (await records.has(name)) throw new Refused('key.exists', 409, `There is a key ${name} already. Rotate it, or choose another name.`)
      const { kind, algorithm, bytes } = await takeMaterial(part)
      try {
        const first: KeyVersionFacts = { version: 1, createdAt: new Date(clock.now()).toISOString(), state: 'active', ...(material === undefined ? {} : { made: 'import' }) }
        const facts: KeyFacts = { kind, algorithm, ...(set === undefined || set === '' ? {} : { set }), ...schedule, state: 'active', current: 1, versions: [first], by }
        checkRotates(schedule, facts)
        return await records.add(name, facts, bytes, material === undefined ? 'a key was created' : 'a key was imported')
      } finally {
        bytes.fill(0)
      }
    },

    rotate: async (name, by, expected) => records.replace(await records.get(name, expected), by, undefined, 'a key was rotated', expected),

    async schedule(name, part, by, expected) {
      const record = await records.get(name, expected)
      return records.change(record, { ...reschedule(factsOf(record), part, clock.now()), by }, 'the schedule of a key was changed', expected)
    },

    async setState(name, state, by, version, expected) {
      if (state !== 'active' && state !== 'disabled') throw new Refused('key.state', 422, 'A key is active or disabled.')
      const record = await records.get(name, expected)
      const facts = factsOf(record)
      if (version !== undefined && !facts.versions.some((one) => one.version === version)) throw new Refused('key.version', 404, `The key ${name} has no version ${version}.`)
      const next: KeyFacts = version === undefined ? { ...facts, state, by } : { ...facts, versions: facts.versions.map((one) => (one.version === version ? decide(one, state) : one)), by }
      return records.change(record, next, state === 'active' ? 'a key was enabled' : 'a key was disabled', expected)
    },

    async publicSet(set) {
      const keys = (await shelf.list()).filter(({ facts }) => facts.set === set)
      if (keys.length === 0) throw new Refused('key_set.unknown', 404, `There is no key set ${namePattern.test(set) ? set : 'of that name'}.`)
      return toPublicSet(keys)
    },
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
