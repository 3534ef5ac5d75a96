import { checkRevision } from '../../vault/check-revision.ts'
import type { CertificateFacts, DataKeyWear, Domain, Expected, Grant, Key, KeyAlgorithm, Reveal, RevealVerdict, SecretFacts, VaultDesk, VaultStatus } from '../../vault/contract.ts'
import { algorithmsFor } from '../../vault/words/key-kinds.ts'

export interface FakeVaultDesk extends VaultDesk {
  /** What it was told that it must not tell. */
  readonly told: string[]
  readonly record: Reveal[]
  /** Thrown by everything, when set. */
  failure?: Error | undefined
  /** Thrown by what takes a key or a certificate in, when set. */
  refusing?: Error | undefined
  left: number
  /** How far data keys are used. */
  wears: readonly DataKeyWear[]
  /** What is wrong with the record of reveals, when set. */
  verdict?: RevealVerdict | undefined
}

/** A vault's desk in memory that keeps what the contract says: for tests of what stands before it. */
export function createFakeVaultDesk(): FakeVaultDesk {
  const domains = new Map<string, Domain>()
  const grants = new Map<string, Grant>()
  const keys = new Map<string, Key>()
  const certificates = new Map<string, CertificateFacts>()
  const secrets = new Map<string, SecretFacts>()
  const at = '2026-01-01T00:00:00.000Z'
  let made = 0
  let masterKey = 1
  const need = <T>(from: ReadonlyMap<string, T>, name: string, code: string): T => {
    const found = from.get(name)
    if (found === undefined) throw Object.assign(new Error(`There is none of the name ${name}.`), { code, status: 404 })
    return found
  }
  const keep = <T extends { readonly name: string; readonly revision: number }>(into: Map<string, T>, given: Omit<T, 'revision'> & { readonly revision?: number }, expected?: Expected): T => {
    const before = into.get(given.name)?.revision
    checkRevision(given.name, expected, before)
    const one = { ...given, revision: (before ?? 0) + 1 } as T
    into.set(one.name, one)
    return one
  }
  const status = (): VaultStatus => ({ ok: true, masterKey: { provider: 'file', id: `mk-${masterKey}`, since: at }, store: 'sqlite', domains: domains.size, tokens: 1200, toReseal: desk.left, dataKeys: { replaced: desk.wears.length, fullest: desk.wears[0]?.share ?? 0, used: desk.wears } })

  const desk: FakeVaultDesk = {
    told: [], record: [], left: 0, wears: [],
    domains: {
      list: async () => [...domains.values()],
      put: async (name, part, _by, expected) => {
        const { ttlS, guessesPerMinute, ...rest }: typeof part = { ...domains.get(name), ...part }
        return keep(domains, { clearances: [], purposes: [], state: 'active' as const, keyVersion: 1, createdAt: at, ...rest, ...(ttlS == null ? {} : { ttlS }), ...(guessesPerMinute == null ? {} : { guessesPerMinute }), name }, expected)
      },
      rotate: async (name) => keep(domains, { ...need(domains, name, 'domain.unknown'), keyVersion: need(domains, name, 'domain.unknown').keyVersion + 1 }),
      shred: async (name, _by, expected) => keep(domains, { ...need(domains, name, 'domain.unknown'), state: 'shredded' as const }, expected),
      shredSubject: async (name, subject) => {
        need(domains, name, 'domain.unknown')
        desk.told.push(subject)
        return { shredded: 3 }
      },
    },
    grants: {
      list: async () => [...grants.values()],
      add: async (grant, by) => {
        const one = { ...grant, id: `g${++made}`, createdAt: at, by }
        grants.set(one.id, one)
        return one
      },
      remove: async (id) => void grants.delete(id),
    },
    keys: {
      list: async () => [...keys.values()],
      create: async (name, { material, kind = 'ed25519', rotateEveryDays, keepOldDays, ...part }) => {
        if (material !== undefined) desk.told.push(material)
        if (desk.refusing) throw desk.refusing
        const schedule = { ...(rotateEveryDays ? { rotateEveryDays } : {}), ...(keepOldDays ? { keepOldDays } : {}) }
        return keep(keys, { ...schedule, algorithm: algorithmsFor(kind)[0] as KeyAlgorithm, kind, ...part, name, state: 'active', current: 1, versions: [{ version: 1, createdAt: at, state: 'active' }] })
      },
      rotate: async (name, _by, expected) => {
        const { current, versions, ...key } = need(keys, name, 'key.unknown')
        return keep(keys, { ...key, current: current + 1, versions: [...versions, { version: current + 1, createdAt: at, state: 'active' }] }, expected)
      },
      schedule: async (name, part, _by, expected) => {
        const { rotateEveryDays, keepOldDays, dueAt: _, ...key } = need(keys, name, 'key.unknown')
        const said = Object.entries({ rotateEveryDays, keepOldDays, ...part }).filter(([, days]) => days != null)
        return keep(keys, { ...key, ...Object.fromEntries(said), ...(part.rotateEveryDays ? { dueAt: new Date(Date.parse(at) + part.rotateEveryDays * 86_400_000).toISOString() } : {}) }, expected)
      },
      setState: async (name, state, _by, version, expected) => {
        const key = need(keys, name, 'key.unknown')
        return keep(keys, version === undefined ? { ...key, state } : { ...key, versions: key.versions.map((one) => (one.version === version ? { ...one, state } : one)) }, expected)
      },
      uses: async (name) => (need(keys, name, 'key.unknown').state === 'active' ? [] : [{ hour: at, key: name, version: null, do: 'sign' as const, outcome: 'disabled' as const, client: 'till', flow: 'pay', count: 3 }]),
      publicSet: async () => ({ keys: [] }),
    },
    certificates: {
      list: async () => [...certificates.values()],
      put: async (name, pem, _by, expected) => {
        desk.told.push(pem)
        if (desk.refusing) throw desk.refusing
        const daysLeft = Number(/days:(-?\d+)/.exec(pem)?.[1] ?? 90)
        const notAfter = new Date(Date.now() + daysLeft * 86_400_000).toISOString()
        return keep(certificates, { name, subject: `CN=${name}`, issuer: 'CN=Example CA', serial: '01', fingerprint: 'ab'.repeat(32), notBefore: at, notAfter, daysLeft }, expected)
      },
      remove: async (name, _by, expected) => {
        checkRevision(name, expected, certificates.get(name)?.revision)
        certificates.delete(name)
      },
    },
    secrets: {
      list: async () => [...secrets.values()],
      put: async (name, value, description, by, expected) => {
        desk.told.push(value)
        checkRevision(name, expected, secrets.get(name)?.version)
        const one = { name, version: (secrets.get(name)?.version ?? 0) + 1, updatedAt: at, by, ...(description === undefined ? {} : { description }) }
        secrets.set(name, one)
        return one
      },
      remove: async (name, _by, expected) => {
        checkRevision(name, expected, secrets.get(name)?.version)
        secrets.delete(name)
      },
    },
    reveals: {
      list: async ({ after = 0, before, limit = 100, domain, client }) => {
        const fits = desk.record.filter((one) => (domain === undefined || one.domain === domain) && (client === undefined || one.client === client))
        if (before === undefined) return fits.filter(({ number }) => number > after).slice(0, limit)
        return fits.filter(({ number }) => before === 'newest' || number < before).toReversed().slice(0, limit)
      },
      verify: async () => desk.verdict ?? { ok: true, entries: desk.record.length },
    },
    status: async () => status(),
    rotateMasterKey: async () => {
      masterKey++
      desk.left = 40
      return status()
    },
  }
  return guarded(desk, desk)
}

/** Fails when it is told to. */
function guarded<T extends object>(of: T, desk: FakeVaultDesk): T {
  return new Proxy(of, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown
      if (typeof value === 'function') {
        return async (...given: unknown[]) => {
          if (desk.failure) throw desk.failure
          return await (value as (...given: unknown[]) => unknown)(...given)
        }
      }
      return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Error) ? guarded(value, desk) : value
    },
  })
}
