import { checkEntries, firstOf, type LedgerFlaw } from '../../ledger/check-entries.ts'
import { noHash, type ChainPoint } from '../../ledger/chain.ts'
import { checkRoots, hashRoot, keyIdOf, toPublicKeys, type AnchorReceipt, type SignedRoot } from '../../ledger/period-root.ts'
import { toConsistencyProof, toInclusionProof } from '../../ledger/proof.ts'
import { toVerdict, type ExportLine } from '../../ledger/read-export.ts'
import { receiptFlaw } from '../../ledger/receipt.ts'
import { toReason } from '../../ledger/sayings.ts'
import type { LedgerVerdict } from '../../ledger/verdict.ts'
import type { Clock } from '../../runtime/core/clock.ts'
import type { LedgerAnswer } from '../../runtime/core/ledger.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { Audit } from '../audit.ts'
import type { Access } from '../consumers/rights.ts'
import { notAllowed } from '../consumers/unit.ts'
import { Refused, type Actor } from '../contract.ts'
import type { ReleaseSigner, SealingKey } from '../keys/key-files.ts'
import { auditLedger, type LedgerInfo, type Ledgers } from '../ledger-contract.ts'
import { createSerial } from '../serial.ts'
import type { Store } from '../store/store.ts'
import type { Anchor } from './anchors.ts'
import { appendRecords } from './append.ts'
import { deliverRoots, toWaiting } from './deliver.ts'
import { createHeadSealer } from './head-seal.ts'
import { createPeriods } from './periods.ts'
import { openSource, pageRows, type EntrySource } from './sources.ts'
import { toRoot } from './to-root.ts'

export interface LedgersParts {
  readonly store: Pick<Store, 'ledgers' | 'audit' | 'transaction'>
  readonly audit: Pick<Audit, 'verify'>
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
const lastWaitMs = 2000

/** Records that cannot be altered: takes them, signs their periods, has them witnessed, and proves them. */
export function openLedgers({ store, audit, signer, keys, anchors, clock, log, access, limits }: LedgersParts): OpenLedgers {
  const { periodMs, periodEntries, lookEveryMs } = { ...standard, ...limits }
  const sealer = createHeadSealer(keys)
  const rootSigner = { publicKey: signer.publicKey, keyId: keyIdOf(signer.publicKey), sign: (text: string) => signer.sign(text) }
  const trusted = toPublicKeys([signer.publicKey])
  const writing = createSerial(1, writesWaiting)
  const periods = createPeriods({ store, audit, sealer, signer: rootSigner, anchors, clock, log, periodMs, periodEntries })
  /** Ledgers whose newest root each anchor was offered since the start; later ones are as they are made. */
  const offered = new Set<string>()
  let closed = false
  let cancel = () => {}
  let looking: Promise<void> = Promise.resolve()

  const nowIso = () => new Date(clock.now()).toISOString()

  // --- who may see what ------------------------------------------------------------------------

  async function readable(name: string, by: Actor): Promise<EntrySource> {
    const held = await access(by)
    const source = await openSource(store, name)
    if (!source || !held.may('audit.read', source.organisation)) {
      mayReadSome(held)
      throw new Refused('record.none', 404, `There is no ledger ${name} that you may read.`)
    }
    return source
  }

  // --- what is due -----------------------------------------------------------------------------

  async function look(): Promise<void> {
    let failed: unknown
    for (const name of [auditLedger, ...(await store.ledgers.list()).map((row) => row.name)]) {
      if (closed) return
      // What goes wrong with one ledger keeps no other from being signed and witnessed.
      await lookAt(name).catch((thrown: unknown) => (failed ??= thrown))
    }
    await deliverRoots({ store, anchors, clock, log })
    if (failed !== undefined) throw failed
  }

  async function lookAt(name: string): Promise<void> {
    await periods.close(name, false)
    if (offered.has(name)) return
    // An anchor that is new is given the newest root: that one covers all before it.
    const last = await periods.lastRoot(name)
    if (last) await store.ledgers.addAnchors(anchors.map((anchor) => toWaiting(name, last.period, anchor, nowIso())))
    offered.add(name)
  }

  function planLooking(): void {
    cancel = clock.setTimer(() => {
      looking = look()
        .catch((thrown: unknown) => log.warn({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'the ledgers could not be looked after; trying again'))
        .finally(() => closed || planLooking())
    }, lookEveryMs)
  }
  planLooking()

  // --- reading ---------------------------------------------------------------------------------

  async function rootsOf(name: string): Promise<{ readonly roots: readonly SignedRoot[]; readonly hashes: readonly string[] }> {
    const rows = await store.ledgers.periods(name)
    return { roots: rows.map(toRoot), hashes: rows.map(({ hash }) => hash) }
  }

  /** What anchors have answered, as far as it is kept here. */
  async function receiptsOf(name: string, roots: readonly SignedRoot[]): Promise<readonly AnchorReceipt[]> {
    const rows = await store.ledgers.anchors(name)
    return rows.flatMap(({ state, period, anchor, done_at, token }) => {
      const root = roots[period - 1]
      if (state !== 'done' || !root) return []
      const kind = anchor.startsWith('file:') ? 'file' : anchor.startsWith('timestamp:') ? 'timestamp' : 'http'
      return [{ ledger: name, period, hash: hashRoot(root), kind, anchor, at: done_at ?? '', ...(token === null ? {} : { token }) } as const]
    })
  }

  async function verifySource(source: EntrySource, range: { readonly from?: number; readonly to?: number }, chainToo = true): Promise<LedgerVerdict> {
    const { name, head } = source
    const { roots } = await rootsOf(name)
    const kept = await receiptsOf(name, roots)
    // Files are asked themselves: what the database says of them is no witness.
    const read = (await Promise.all(anchors.map(async (anchor) => (await anchor.read?.(name)) ?? []))).flat()
    const receipts = [...kept.filter(({ kind }) => kind !== 'file'), ...read]
    const { good, flaw: ofRoots } = checkRoots(name, roots, trusted, receipts)
    let rootFlaw: LedgerFlaw | undefined = ofRoots
    for (const receipt of kept) {
      const found = rootFlaw ? undefined : receiptFlaw(receipt)
      const root = roots[receipt.period - 1]
      if (found && root) rootFlaw = { kind: 'anchor', period: root.period, number: root.first, last: root.last, ...toReason(found.code, found.facts) }
    }
    const check = checkEntries({ ledger: name, roots: good, from: range.from, to: range.to })
    let flaw: LedgerFlaw | undefined
    while (!flaw && check.end.number < Math.min(head.number, check.stop)) {
      const page = await source.after(check.end, Math.min(pageRows, Math.min(head.number, check.stop) - check.end.number))
      if (page.length === 0) break
      flaw = check.take(page)
    }
    flaw ??= check.finish(head)
    if (!flaw && check.stop === Infinity) flaw = (chainToo || name !== auditLedger ? await periods.headFlaw(source, { number: 0, hash: noHash }) : undefined) ?? (await beyondFlaw(name, check.end))
    return toVerdict(name, check, good.at(-1)?.last ?? 0, rootFlaw ? 0 : receipts.length, firstOf(flaw, rootFlaw))
  }

  /** A row behind the end. */
  async function beyondFlaw(name: string, end: ChainPoint): Promise<LedgerFlaw | undefined> {
    const source = await openSource(store, name)
    const [row] = (await source?.after(end, 1)) ?? []
    const head = (await openSource(store, name))?.head
    if (!row || !head || row.number <= head.number) return undefined
    return { kind: 'inserted', number: row.number, ...toReason('record.beyond', { number: row.number, last: head.number }) }
  }

  async function info(source: EntrySource): Promise<LedgerInfo> {
    const { name, organisation, head } = source
    const last = await periods.lastRoot(name)
    const states = await store.ledgers.anchorState(name)
    const problem = periods.problemOf(name)
    return {
      name,
      ...(organisation === null ? {} : { organisation }),
      entries: head.number,
      hash: head.hash,
      ...(last ? { lastPeriod: { period: last.period, last: last.last, closedAt: last.closedAt, hash: hashRoot(last) } } : {}),
      open: head.number - (last?.last ?? 0),
      ...(problem ? { problem: problem.reason, why: { code: problem.code, facts: problem.facts } } : {}),
      anchors: anchors.map((anchor) => {
        const state = states.find((one) => one.anchor === anchor.name)
        return {
          anchor: anchor.name,
          kind: anchor.kind,
          ...(state?.last ? { period: state.last.period, ...(state.last.done_at === null ? {} : { at: state.last.done_at }) } : {}),
          waiting: state?.waiting ?? 0,
          ...(state?.failed?.problem ? { problem: state.failed.problem } : {}),
        }
      }),
    }
  }

  /** Signs what is open where the entry or period that is wanted is not signed yet. */
  async function signedUpTo(name: string, number: number): Promise<Awaited<ReturnType<typeof rootsOf>>> {
    const found = await rootsOf(name)
    if ((found.roots.at(-1)?.last ?? 0) >= number) return found
    const flaw = await periods.close(name, true)
    if (flaw) throw new Refused('ledger.flawed', 409, `What is open in ledger ${name} cannot be signed: ${flaw.reason} Verify the ledger.`)
    return await rootsOf(name)
  }

  /** `cursor`: number and hash of the last entry before, and the number of the last one wanted. */
  async function exportPage(source: EntrySource, cursor: string | undefined): Promise<{ readonly lines: readonly string[]; readonly next?: string }> {
    const { name } = source
    const line = (value: ExportLine) => JSON.stringify(value)
    if (cursor === undefined) {
      await periods.close(name, true)
      const { roots } = await rootsOf(name)
      const receipts = await receiptsOf(name, roots)
      const end = (await openSource(store, name))?.head.number ?? 0
      return {
        lines: [line({ sluice: 'ledger', version: 1, ledger: name, publicKey: signer.publicKey }), ...roots.map((root) => line({ root })), ...receipts.map((receipt) => line({ receipt }))],
        ...(end > 0 ? { next: `0.${noHash}.${end}` } : {}),
      }
    }
    const [, number, hash, end] = /^(\d{1,10})\.([0-9a-f]{64})\.(\d{1,10})$/.exec(cursor) ?? []
    if (number === undefined || hash === undefined || end === undefined) throw new Refused('query.invalid', 422, '“cursor” is not the `next` of a page.')
    const page = await source.after({ number: Number(number), hash }, Math.min(pageRows, Math.max(0, Number(end) - Number(number))))
    const last = page.at(-1)
    return { lines: page.map((entry) => line({ entry })), ...(last && last.number < Number(end) ? { next: `${last.number}.${last.hash}.${end}` } : {}) }
  }

  const numberOf = (name: 'from' | 'to', value: number | undefined) => {
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 1)) throw new Refused('query.invalid', 422, `“${name}” is the number of a record, from 1 on.`)
  }

  return {
    async take(gateway, records) {
      const answers = await writing(() => appendRecords({ store, now: () => clock.now(), sealer }, gateway, records))
      const refused = answers.filter((answer) => 'refused' in answer).length
      if (refused > 0) log.error({ gateway, refused }, 'records of a gateway were not taken into their ledgers')
      return answers
    },
    async list(by) {
      const held = await access(by)
      const rows = await store.ledgers.list()
      const names = [...(held.everywhere.has('audit.read') ? [auditLedger] : []), ...rows.filter((row) => held.may('audit.read', row.organisation)).map((row) => row.name)]
      mayReadSome(held)
      const sources = await Promise.all(names.map((name) => openSource(store, name)))
      return await Promise.all(sources.flatMap((source) => (source ? [info(source)] : [])))
    },
    get: async (name, by) => await info(await readable(name, by)),
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
      numberOf('from', range.from)
      numberOf('to', range.to)
      await readable(name, by)
      if (range.from === undefined && range.to === undefined) await periods.close(name, true)
      return await verifySource(await readable(name, by), range)
    },
    async prove(name, number, by) {
      const source = await readable(name, by)
      if (!Number.isSafeInteger(number) || number < 1 || number > source.head.number) throw new Refused('record.none', 404, `Ledger ${name} has no record ${number}; it has ${source.head.number}.`)
      const { roots, hashes } = await signedUpTo(name, number)
      const root = roots.find(({ last }) => last >= number)
      const latest = roots.at(-1)
      if (!root || !latest) throw new Refused('record.none', 404, `Record ${number} of ledger ${name} is in no period yet. Try again.`)
      const previous = roots[root.period - 2]
      const entries = await source.after(previous ? { number: previous.last, hash: previous.head } : { number: 0, hash: noHash }, root.last - root.first + 1)
      if (entries.length !== root.last - root.first + 1) throw new Refused('ledger.flawed', 409, `Records of period ${root.period} are missing. Verify the ledger.`)
      const receipts = (await receiptsOf(name, roots)).filter(({ period }) => period === root.period || period === latest.period)
      return toInclusionProof({ number, entries, root, latest, rootHashes: hashes, receipts, publicKey: signer.publicKey })
    },
    async proveGrowth(name, from, to, by) {
      await readable(name, by)
      const { roots, hashes } = await rootsOf(name)
      const first = roots[from - 1]
      const second = roots[(to ?? roots.length) - 1]
      if (!first || !second || first.period > second.period) throw new Refused('record.none', 404, `Ledger ${name} has ${roots.length} signed periods; give two of them, the earlier one first.`)
      const receipts = (await receiptsOf(name, roots)).filter(({ period }) => period === first.period || period === second.period)
      return toConsistencyProof({ from: first, to: second, rootHashes: hashes, receipts, publicKey: signer.publicKey })
    },
    exportPage: async (name, cursor, by) => await exportPage(await readable(name, by), cursor),
    publicKey: signer.publicKey,
    async key(by) {
      mayReadSome(await access(by))
      return { publicKey: rootSigner.publicKey, keyId: rootSigner.keyId }
    },
    async verifyAuditPeriods() {
      const source = await openSource(store, auditLedger)
      return await verifySource(source as EntrySource, {}, false)
    },
    look,
    async close() {
      closed = true
      cancel()
      // A witness that hangs does not keep control from ending: what waits for it is asked for again.
      let cancelWait = () => {}
      await Promise.race([looking, new Promise<void>((resolve) => (cancelWait = clock.setTimer(resolve, lastWaitMs)))])
      cancelWait()
    },
  }
}

/** @throws Refused `auth.role` 403 */
function mayReadSome({ everywhere, organisations }: Access): void {
  if (!everywhere.has('audit.read') && ![...organisations.values()].some((rights) => rights.has('audit.read'))) throw notAllowed('read ledgers')
}
