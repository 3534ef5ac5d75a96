import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { BoundedMap } from '../runtime/core/bounded-map.ts'
import { systemClock, type Clock } from '../runtime/core/time/clock.ts'
import { fault } from '../runtime/core/fault.ts'
import type { Log } from '../runtime/core/log.ts'
import type { DataKeyWear, VaultStatus } from './contract.ts'
import { toWear } from './data-key-wear.ts'
import type { Envelope, MasterKey } from './parts.ts'
import { createRandomPool } from './random-pool.ts'
import { createRevisionWatch, type RevisionWatch } from './revision-watch.ts'
import { createSealCounts, type SealCountsOptions } from './seal-counts.ts'
import type { DataKeyRow, DataKeyUse, VaultStore } from './store/vault-store.ts'

const formatByte = 1
const nonceBytes = 12
const tagBytes = 16
const keyBytes = 32
/** Keys held in memory; one that is not is fetched and unwrapped again. */
const heldKeys = 20_000
const rewrapBatch = 100
/** Of which it is told how far they are used. */
const mostWears = 20

/** A data key, unwrapped, in memory. */
export interface DataKey {
  readonly number: number
  readonly scope: string
  readonly version: number
  readonly key: KeyObject
}

/** The envelope as the vault itself uses it: keys fetched first, many at once; then rows sealed and opened without waiting. */
export interface DataKeys extends Envelope {
  readonly watch: RevisionWatch
  /** The keys that new rows of these scopes are sealed under, in this order; makes those that are missing. */
  current(scopes: readonly string[]): Promise<readonly DataKey[]>
  /** Keys by number; those that were shredded, or never were, are left out. */
  load(numbers: Iterable<number>): Promise<ReadonlyMap<number, DataKey>>
  /** The key of a scope's blind index, which stays the same for ever. @throws Fault `domain.shredded` when it is gone */
  index(scope: string): Promise<KeyObject>
  sealWith(key: DataKey, about: string, plain: Uint8Array): Buffer
  /** @throws when it was changed, moved or is of another key */
  openWith(key: DataKey, about: string, sealed: Uint8Array): Buffer
  /** Version of the newest data key of a scope; 0 when there is none. */
  version(scope: string): Promise<number>
  /** New rows of the scope, and of those below it, are sealed under new keys. Old rows stay readable. Gives the version of the scope's own. */
  rotate(scope: string): Promise<number>
  /** Destroys the keys of the scope and of those below it. */
  shred(scope: string): Promise<void>
  /** A new version of the master key; data keys are wrapped anew by `rewrap`. */
  rotateMasterKey(): Promise<void>
  /** Wraps some data keys that older versions of the master key wrap. Gives how many there were to do. */
  rewrap(): Promise<number>
  countToRewrap(): Promise<number>
  /** How near data keys are to their end by use, and how many this vault replaced by itself since it started. */
  wear(): Promise<NonNullable<VaultStatus['dataKeys']>>
  /** How far these are used, in this order; of those that were shredded, nothing. */
  wearOf(rows: readonly (DataKeyRow | undefined)[]): Promise<readonly (DataKeyWear | undefined)[]>
}

export interface EnvelopeOptions {
  readonly store: VaultStore
  readonly masterKey: MasterKey
  readonly log: Log
  readonly clock?: Clock | undefined
  /** How often a data key seals before another takes its place, and which encryptions are counted. */
  readonly seals?: Pick<SealCountsOptions, 'limit' | 'oneOf'> | undefined
}

/**
 * Envelope encryption on the tables of the store. Several vaults may do all of this at the same time.
 * @throws Fault `config.invalid` when the master key is not the one the database was made with
 */
export async function createEnvelope({ store, masterKey, log, clock = systemClock, seals = {} }: EnvelopeOptions): Promise<DataKeys> {
  const counts = createSealCounts({ ...seals, records: store.records, log })
  let replaced = 0
  const random = createRandomPool()
  const watch = createRevisionWatch({ store, clock })
  let held = new BoundedMap<DataKey>(heldKeys)
  let active = new BoundedMap<DataKey>(heldKeys)
  let indexes = new BoundedMap<KeyObject>(heldKeys)
  let seen: number | undefined

  /** Forgets all keys when any was retired or shredded: rare, and nothing is kept that should be gone. */
  async function refresh(): Promise<void> {
    const looked = watch.look()
    const revision = (looked instanceof Promise ? await looked : looked).get('data-key') ?? 0
    if (revision === seen) return
    seen = revision
    forget()
  }

  function forget(): void {
    held = new BoundedMap(heldKeys)
    active = new BoundedMap(heldKeys)
    indexes = new BoundedMap(heldKeys)
  }

  async function unwrap({ number, scope, version, wrapped, masterKey: id }: DataKeyRow): Promise<DataKey | undefined> {
    if (!wrapped) return undefined
    const bytes = await masterKey.unwrap(id, wrapped)
    const key = createSecretKey(bytes)
    bytes.fill(0)
    return { number, scope, version, key }
  }

  /** Wrapped, and by which version: one may come between the two. */
  async function wrap(bytes: Uint8Array): Promise<{ readonly wrapped: Uint8Array; readonly masterKey: string }> {
    for (;;) {
      const id = masterKey.id
      const wrapped = await masterKey.wrap(bytes)
      if (masterKey.id === id) return { wrapped, masterKey: id }
    }
  }

  async function makeRow(scope: string, use: DataKeyUse, version: number): Promise<Omit<DataKeyRow, 'number'>> {
    const bytes = randomBytes(keyBytes)
    try {
      return { scope, use, version, state: 'active', ...(await wrap(bytes)), createdAt: clock.now(), retiredAt: null }
    } finally {
      bytes.fill(0)
    }
  }

  /** The newest rows, made where there is none that may be used. */
  async function newest(scopes: readonly string[], use: DataKeyUse): Promise<readonly DataKeyRow[]> {
    const wanted = scopes.map((scope) => ({ scope, use }))
    const usable = (row: DataKeyRow | undefined) => row !== undefined && (use === 'index' || row.state === 'active')
    let rows = await store.keys.newest(wanted)
    for (let tries = 0; !rows.every(usable); tries++) {
      // Somebody retires keys faster than they are made.
      if (tries > 10) throw new Error('no data key stays active')
      const missing = scopes.flatMap((scope, index) => (usable(rows[index]) ? [] : [{ scope, version: (rows[index]?.version ?? 0) + 1 }]))
      await store.keys.add(await Promise.all(missing.map(({ scope, version }) => makeRow(scope, use, version))))
      rows = await store.keys.newest(wanted)
    }
    return rows as readonly DataKeyRow[]
  }

  /**
   * Gives scopes whose key has sealed often enough another one. Rows under the older key stay where they are: it goes on opening them, and to seal
   * all of them anew would use the new one up. A vault that does not know of it yet goes on with the older one until it counts itself.
   */
  async function replaceWorn(): Promise<void> {
    for (const { number, scope } of await counts.settle()) {
      const [row] = await store.keys.newest([{ scope, use: 'seal' }])
      if (row?.number === number && row.state === 'active') {
        await store.keys.add([await makeRow(scope, 'seal', row.version + 1)])
        replaced++
        log.info({ scope, version: row.version + 1 }, 'a data key has sealed often enough; another one takes its place')
      }
      active.delete(scope)
    }
  }

  const keys: DataKeys = {
    watch,
    async current(scopes) {
      await refresh()
      if (!counts.isSettled) await replaceWorn()
      const [own, ownHeld] = [active, held]
      const missing = [...new Set(scopes)].filter((scope) => !own.get(scope))
      const made = new Map<string, DataKey>()
      if (missing.length > 0) {
        for (const row of await newest(missing, 'seal')) {
          const key = await unwrap(row)
          if (!key) throw new Error('the data key was shredded')
          made.set(row.scope, key)
          own.set(row.scope, key)
          ownHeld.set(String(row.number), key)
        }
      }
      return scopes.map((scope) => made.get(scope) ?? (own.get(scope) as DataKey))
    },
    async load(numbers) {
      await refresh()
      const own = held
      const found = new Map<number, DataKey>()
      const missing: number[] = []
      for (const number of new Set(numbers)) {
        const key = own.get(String(number))
        if (key) found.set(number, key)
        else missing.push(number)
      }
      if (missing.length > 0) {
        for (const row of await store.keys.get(missing)) {
          const key = row && (await unwrap(row))
          if (!key) continue
          own.set(String(key.number), key)
          found.set(key.number, key)
        }
      }
      return found
    },
    async index(scope) {
      await refresh()
      const own = indexes
      const known = own.get(scope)
      if (known) return known
      const [row] = await newest([scope], 'index')
      const key = await unwrap(row as DataKeyRow)
      if (!key) throw fault('domain.shredded', { domain: scope.replace(/^domain:/, '') })
      own.set(scope, key.key)
      return key.key
    },
    async seal(scope, about, plain) {
      const [key] = (await keys.current([scope])) as readonly [DataKey]
      return { keyId: String(key.number), bytes: keys.sealWith(key, about, plain) }
    },
    async open(scope, about, { keyId, bytes }) {
      const number = Number(keyId)
      const key = (await keys.load([number])).get(number)
      if (key?.scope !== scope) throw new Error('its data key is gone, or is of another scope')
      return keys.openWith(key, about, bytes)
    },
    sealWith(dataKey, about, plain) {
      const { key, scope } = dataKey
      counts.note(dataKey)
      const nonce = random.take(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(toAad(scope, about))
      const sealed = Buffer.allocUnsafe(1 + nonceBytes + plain.byteLength + tagBytes)
      sealed[0] = formatByte
      nonce.copy(sealed, 1)
      cipher.update(plain).copy(sealed, 1 + nonceBytes)
      cipher.final()
      cipher.getAuthTag().copy(sealed, sealed.length - tagBytes)
      return sealed
    },
    openWith({ key, scope }, about, sealed) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
      if (bytes[0] !== formatByte || bytes.length < 1 + nonceBytes + tagBytes) throw new Error('it is of no form that is known')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 1 + nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(toAad(scope, about)).setAuthTag(bytes.subarray(bytes.length - tagBytes))
      const plain = decipher.update(bytes.subarray(1 + nonceBytes, bytes.length - tagBytes))
      decipher.final()
      return plain
    },
    async version(scope) {
      return (await store.keys.newest([{ scope, use: 'seal' }]))[0]?.version ?? 0
    },
    async rotate(scope) {
      await store.keys.retire(scope, clock.now())
      watch.stale()
      const [key] = (await keys.current([scope])) as readonly [DataKey]
      return key.version
    },
    async shred(scope) {
      await store.keys.shred(scope, clock.now())
      watch.stale()
      forget()
    },
    async rotateMasterKey() {
      await masterKey.rotate()
    },
    async rewrap() {
      const rows = await store.keys.wrappedByOthers(masterKey.id, rewrapBatch)
      let done = 0
      for (const { number, wrapped, masterKey: from } of rows) {
        let bytes: Buffer
        try {
          bytes = await masterKey.unwrap(from, wrapped as Uint8Array)
        } catch {
          log.error({ masterKey: from, dataKey: number }, 'A data key cannot be unwrapped: this vault’s master key lacks the version that wraps it.')
          continue
        }
        const anew = await wrap(bytes)
        bytes.fill(0)
        // Another vault made a newer version, and this one has just heard of it.
        if (anew.masterKey === from) continue
        await store.keys.rewrap(number, from, anew.wrapped, anew.masterKey)
        done++
      }
      return done
    },
    countToRewrap: () => store.keys.countOthers(masterKey.id),
    async wear() {
      const used = await counts.list()
      const rows = (await store.keys.get([...used.keys()])).filter((row) => row !== undefined)
      const newest = new Set((await store.keys.newest(rows.map(({ scope }) => ({ scope, use: 'seal' })))).map((row) => row?.number))
      const wears = rows.filter(({ number, wrapped }) => newest.has(number) && wrapped).map((row) => toWear(row, used.get(row.number) ?? 0, counts.limit, clock.now())).toSorted((a, b) => b.share - a.share)
      // A data subject's key says whom it is about, if only by a mark.
      return { replaced, fullest: wears[0]?.share ?? 0, used: wears.filter(({ scope }) => !scope.includes('/')).slice(0, mostWears) }
    },
    async wearOf(rows) {
      const used = await counts.list()
      return rows.map((row) => (row?.wrapped ? toWear(row, used.get(row.number) ?? 0, counts.limit, clock.now()) : undefined))
    },
  }

  // One key that is always there says whether the master key is the right one, before anything is written under a wrong one.
  try {
    await keys.index('vault')
  } catch (thrown) {
    throw fault('config.invalid', { message: `The master key does not open this vault's database. Restore the master key (${masterKey.provider}) that the database was made with.` }, thrown)
  }
  log.debug({ provider: masterKey.provider, masterKey: masterKey.id }, 'data keys ready')
  return keys
}

/** What is authenticated with a row: where it belongs. */
function toAad(scope: string, about: string): Buffer {
  return Buffer.from(`${scope}\0${about}`, 'utf8')
}
