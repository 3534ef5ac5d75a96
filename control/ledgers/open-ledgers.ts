import { keyIdOf, toPublicKeys } from '../../ledger/period-root.ts'
import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import type { LedgerVerdict } from '../../ledger/verdict.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { LedgerAnswer } from '../../runtime/core/state/ledger.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Audit } from '../audit.ts'
import type { Access } from '../consumers/rights.ts'
import { Refused, type Actor } from '../contract.ts'
import type { ReleaseSigner, SealingKey } from '../keys/key-files.ts'
import { auditLedger, type Ledgers } from '../ledger-contract.ts'
import { createSerial } from '../serial.ts'
import type { Store } from '../store/store.ts'
import type { Anchor } from './anchors.ts'
import { appendRecords } from './append.ts'
import { createDelivery } from './deliver.ts'
import { createHeadSealer } from './head-seal.ts'
import { readInfo } from './ledger-info.ts'
import { startLookingAfter } from './look-after.ts'
import { checkReadsSome, openReadable } from './may-read.ts'
import { createPeriods } from './periods.ts'
import { openSource, type EntrySource } from './sources.ts'
import { createTakeAway } from './take-away.ts'
import { verifyLedger } from './verify-ledger.ts'

export interface LedgersParts {
  readonly store: Pick<Store, 'ledgers' | 'audit' | 'meta' | 'transaction'>
  readonly audit: Pick<Audit, 'verify' | 'add'>
  /** The key that signs releases signs roots too, as texts that no release has. */
  readonly signer: ReleaseSigner
  readonly keys: readonly SealingKey[]
  readonly anchors: readonly Anchor[]
  readonly clock: Clock
  readonly log: Log
  access(by: Actor): Promise<Access>
  readonly limits?: Partial<LedgerLimits> | undefined
}

export interface LedgerLimits {
  /** A period is closed when its first entry is so old, or when it has so many. */
  readonly periodMs: number
  readonly periodEntries: number
  /** How often it is looked whether there is something to close or to anchor. */
  readonly lookEveryMs: number
}

/** The door, and the end of the gateways' line. */
export interface OpenLedgers extends Ledgers {
  /** Keeps what a gateway sent; the answers are in its order. @throws Refused `control.busy` 503, `store.unavailable` 503 */
  take(gateway: string, records: readonly unknown[]): Promise<readonly LedgerAnswer[]>
  /** Reads the signed periods of the audit log; for whoever has checked its chain. */
  verifyAuditPeriods(): Promise<LedgerVerdict>
  /** What signs: Ed25519, PEM. */
  readonly publicKey: string
  /** Closes what is due and takes to the anchors what waits; done by a timer too. */
  look(): Promise<void>
  close(): Promise<void>
}

const standard: LedgerLimits = { periodMs: 3_600_000, periodEntries: 10_000, lookEveryMs: 15_000 }
const pageLimit = 200
const writesWaiting = 200

/** Records that cannot be altered: takes them, signs their periods, has them witnessed, and proves them. */
export function openLedgers({ store, audit, signer, keys, anchors, clock, log, access, limits }: LedgersParts): OpenLedgers {
  const { periodMs, periodEntries, lookEveryMs } = { ...standard, ...limits }
  const { publicKey } = signer
  const rootSigner = { publicKey, keyId: keyIdOf(publicKey), sign: (text: string) => signer.sign(text) }
  const sealer = createHeadSealer(keys)
  const writing = createSerial(1, writesWaiting)
  const noted = new BoundedMap<true>(10_000)
  const periods = createPeriods({ store, audit, sealer, signer: rootSigner, anchors, clock, log, periodMs, periodEntries })
  const takeAway = createTakeAway({ store, periods, publicKey })
  const verifying = { store, periods, anchors, trusted: toPublicKeys([publicKey]) }
  const delivery = createDelivery({ store, anchors, clock, log })
  const lookingAfter = startLookingAfter({ store, periods, anchors, delivery, clock, log, everyMs: lookEveryMs })

  const readable = async (name: string, by: Actor): Promise<EntrySource> => await openReadable(store, name, await access(by))

  return {
    async take(gateway, records) {
      const answers = await writing(() => appendRecords({ store, now: () => clock.now(), sealer, audit, noted }, gateway, records))
      const refused = answers.filter((answer) => 'refused' in answer).length
      if (refused > 0) log.error({ gateway, refused }, 'records of a gateway were not taken into their ledgers')
      return answers
    },
    async list(by) {
      const held = await access(by)
      const rows = await store.ledgers.list()
      const names = [...(held.everywhere.has('audit.read') ? [auditLedger] : []), ...rows.filter((row) => held.may('audit.read', row.organisation)).map((row) => row.name)]
      checkReadsSome(held)
      const sources = await Promise.all(names.map((name) => openSource(store, name)))
      const witnesses = await delivery.witnesses()
      return await Promise.all(sources.flatMap((source) => (source ? [readInfo({ store, periods, anchors }, source, witnesses)] : [])))
    },
    get: async (name, by) => await readInfo({ store, periods, anchors }, await readable(name, by), await delivery.witnesses()),
    async witnesses(by) {
      checkReadsSome(await access(by))
      return await delivery.witnesses()
    },
    get witnessesAway() {
      return delivery.away
    },
    async entries(name, { limit: wanted = 50, cursor }, by) {
      const source = await readable(name, by)
      const limit = Math.min(Math.max(Math.trunc(wanted), 1), pageLimit)
      const before = cursor === undefined ? source.head.number + 1 : Number(cursor)
      if (!Number.isSafeInteger(before)) throw new Refused('query.invalid', 422, '“cursor” is not the `next` of a page.')
      const items = await source.before(before, limit)
      const last = items.at(-1)
      return { items, ...(last && last.number > 1 && items.length === limit ? { next: String(last.number) } : {}) }
    },
    async verify(name, range, by) {
      checkNumber('from', range.from)
      checkNumber('to', range.to)
      await readable(name, by)
      if (range.from === undefined && range.to === undefined) await periods.close(name, true)
      return await verifyLedger(verifying, await readable(name, by), range)
    },
    prove: async (name, number, by) => await takeAway.proveEntry(await readable(name, by), number),
    async proveGrowth(name, from, to, by) {
      await readable(name, by)
      return await takeAway.proveGrowth(name, from, to)
    },
    exportPage: async (name, cursor, by) => await takeAway.exportPage(await readable(name, by), cursor),
    async key(by) {
      checkReadsSome(await access(by))
      return { publicKey, keyId: rootSigner.keyId }
    },
    publicKey,
    async verifyAuditPeriods() {
      const source = await openSource(store, auditLedger)
      return await verifyLedger(verifying, source as EntrySource, {}, { endChecked: true })
    },
    look: lookingAfter.look,
    close: lookingAfter.close,
  }
}

/** @throws Refused `query.invalid` 422 */
function checkNumber(name: 'from' | 'to', value: number | undefined): void {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < 1)) throw new Refused('query.invalid', 422, `“${name}” is the number of a record, from 1 on.`)
}
