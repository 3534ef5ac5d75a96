import type { Clock } from '../../runtime/core/time/clock.ts'
import { fault } from '../../runtime/core/fault.ts'
import { secretLimitBytes, secretName } from '../../runtime/core/secrets/secret-reference.ts'
import { checkRevision } from '../check-revision.ts'
import type { Expected, SecretFacts, SecretsReply } from '../contract.ts'
import { Refused } from '../refused.ts'
import type { Envelope, RecordStore, Sealed, SecretKeep, VaultRecord } from '../parts.ts'

export interface SecretKeepParts {
  readonly records: RecordStore
  readonly envelope: Envelope
  readonly clock: Pick<Clock, 'now' | 'elapsed'>
}

/** Name of the data key that secrets are sealed under. */
const scope = 'secrets'
/** How old what is known of the records may be: other vaults on the same database change them. */
const freshMs = 250
/** How often a change is tried again after another vault was first. */
const mostTries = 20
const mostNames = 1000
const longestDescription = 500

/** What stands in the open of a record. */
interface OpenFacts {
  /** Of the value. That of the record counts whatever happens to the record. */
  readonly version: number
  readonly description?: string
  readonly updatedAt: string
  readonly by: string
  /** Its value is gone. The record stays, so that the next value gets a version of its own and no gateway takes it for the old one. */
  readonly removed?: true
}

/**
 * Secrets by name. Values lie sealed and are opened for whoever asks for them by name; nothing of them is kept in memory here.
 */
export function createSecretKeep({ records, envelope, clock }: SecretKeepParts): SecretKeep {
  let known: { readonly revision: number; readonly byName: ReadonlyMap<string, VaultRecord> } | undefined
  let knownAtMs = Number.NEGATIVE_INFINITY
  let looking: Promise<ReadonlyMap<string, VaultRecord>> | undefined

  /** The records as they were not longer than {@link freshMs} ago. All who ask at once wait for one look. */
  async function current(): Promise<ReadonlyMap<string, VaultRecord>> {
    if (known && clock.elapsed() - knownAtMs < freshMs) return known.byName
    if (!looking) {
      const mine: Promise<ReadonlyMap<string, VaultRecord>> = look(() => looking === mine).finally(() => {
        if (looking === mine) looking = undefined
      })
      looking = mine
    }
    return await looking
  }

  async function look(counts: () => boolean): Promise<ReadonlyMap<string, VaultRecord>> {
    const startedAtMs = clock.elapsed()
    // Asked first: a change that comes between the two is seen again the next time.
    const revision = await records.revision('secret')
    const seen = known?.revision === revision ? known : { revision, byName: new Map((await records.list('secret')).map((record) => [record.name, record])) }
    if (counts()) {
      known = seen
      knownAtMs = startedAtMs
    }
    return seen.byName
  }

  /** Whoever asks from now on sees what was written until now. */
  function forget(): void {
    knownAtMs = Number.NEGATIVE_INFINITY
    looking = undefined
  }

  const about = (name: string, version: number) => `secret:${name}:${version}`

  async function read(record: VaultRecord): Promise<{ value: string; version: number }> {
    const { version } = openFacts(record)
    const plain = await envelope.open(scope, about(record.name, version), record.sealed as Sealed)
    const value = plain.toString('utf8')
    plain.fill(0)
    return { value, version }
  }

  /** Writes the next version of a record as `make` says; again when another vault was first. */
  async function write(name: string, expected: Expected, make: (before: VaultRecord | undefined, version: number) => Promise<{ facts: OpenFacts; sealed?: Sealed }>): Promise<VaultRecord> {
    for (let left = mostTries; left > 0; left--) {
      const before = await records.get('secret', name)
      checkRevision(`secret ${name}`, expected, before && isThere(before) ? before.version : undefined)
      const { facts, sealed } = await make(before, before ? openFacts(before).version + 1 : 1)
      const record: VaultRecord = { kind: 'secret', name, version: (before?.version ?? 0) + 1, facts: { ...facts }, ...(sealed ? { sealed } : {}) }
      if (await records.put(record)) {
        forget()
        return record
      }
    }
    throw fault('vault.unavailable')
  }

  async function list(): Promise<SecretFacts[]> {
    forget()
    return [...(await current()).values()].filter(isThere).map(toFacts).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  return {
    list,
    async values(names) {
      const byName = await current()
      const values = new Map<string, { value: string; version: number }>()
      for (const name of new Set(names)) {
        const record = byName.get(name)
        if (!record || !isThere(record)) throw fault('secret.unknown', { name })
        values.set(name, await read(record))
      }
      return values
    },
    async answer(request): Promise<SecretsReply> {
      const { names, versions } = readRequest(request)
      const byName = await current()
      const secrets: [string, { value: string; version: number }][] = []
      const unknown: string[] = []
      for (const name of names) {
        const record = byName.get(name)
        if (!record || !isThere(record)) unknown.push(name)
        else if (!Object.hasOwn(versions, name) || versions[name] !== openFacts(record).version) secrets.push([name, await read(record)])
      }
      return { secrets: Object.fromEntries(secrets), unknown }
    },
    desk: {
      list,
      async put(name, value, description, by, expected) {
        if (!secretName.test(name)) throw invalid('name', 'a name is a small letter or digit, then up to 63 small letters, digits, dots, hyphens and underscores')
        if (typeof value !== 'string' || value === '') throw invalid('value', 'a secret has a value')
        if (!value.isWellFormed()) throw invalid('value', 'the value is no Unicode text')
        if (Buffer.byteLength(value) > secretLimitBytes) throw invalid('value', `a secret has at most ${secretLimitBytes} bytes`)
        if (description !== undefined && (typeof description !== 'string' || description.length > longestDescription)) throw invalid('description', `a description is a text of up to ${longestDescription} characters`)
        const record = await write(name, expected, async (before, version) => {
          const said = description ?? (before && isThere(before) ? openFacts(before).description : undefined)
          const facts = { version, ...(said === undefined || said === '' ? {} : { description: said }), updatedAt: new Date(clock.now()).toISOString(), by }
          return { facts, sealed: await envelope.seal(scope, about(name, version), Buffer.from(value, 'utf8')) }
        })
        return toFacts(record)
      },
      async remove(name, by, expected) {
        await write(name, expected, (before, version) => {
          if (!before || !isThere(before)) throw new Refused('secret.unknown', 404, `There is no secret “${name.slice(0, 64)}”.`)
          return Promise.resolve({ facts: { version, updatedAt: new Date(clock.now()).toISOString(), by, removed: true } })
        })
      },
    },
  }
}

function openFacts({ facts }: VaultRecord): OpenFacts {
  return facts as unknown as OpenFacts
}

function isThere({ facts, sealed }: VaultRecord): boolean {
  return sealed !== undefined && facts.removed !== true
}

function toFacts(record: VaultRecord): SecretFacts {
  const { name } = record
  const { version, description, updatedAt, by } = openFacts(record)
  return { name, ...(description === undefined ? {} : { description }), version, updatedAt, by }
}

function readRequest(request: unknown): { names: readonly string[]; versions: Readonly<Record<string, unknown>> } {
  const { names, known = {} } = (request ?? {}) as Record<string, unknown>
  if (!Array.isArray(names) || names.length > mostNames || !names.every((name) => typeof name === 'string' && secretName.test(name))) {
    throw invalid('names', `it must be a list of up to ${mostNames} names of secrets`)
  }
  if (typeof known !== 'object' || known === null) throw invalid('known', 'it must be an object of versions by name')
  return { names: [...new Set(names as string[])], versions: known as Readonly<Record<string, unknown>> }
}

function invalid(property: string, reason: string) {
  return new Refused('secret.invalid', 422, `“${property}” does not fit: ${reason}.`)
}
