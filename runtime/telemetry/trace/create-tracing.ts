import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../core/time/clock.ts'
import type { Credentials } from '../../core/release.ts'
import { parseTraceparent } from '../../core/http/trace-context.ts'
import type { RunRecord, RunRecordHead, Tracing } from '../../core/trace.ts'
import type { Claim } from '../../core/deployment.ts'
import { createHideText, type HideText } from '../../core/secrets/secret-forms.ts'
import { createHiding, textsIn } from './hiding.ts'
import { secretsOfRequest } from './request-secrets.ts'
import { RunNotes } from './run-notes.ts'
import { createIds } from './ids.ts'
import { createSampler } from './sampler.ts'
import { toHead, toRecord, withoutBodies } from './to-record.ts'

/**
 * What is kept of messages. `watched`: those of runs that somebody watches. `local`: the same, and they do not leave the gateway.
 * `none`: nothing but nodes, times and faults.
 */
export type TracePayloads = 'watched' | 'local' | 'none'

export interface TracingOptions {
  readonly clock: Pick<Clock, 'elapsed' | 'setTimer'>
  /** Share of all runs that are written down without their messages, 0 to 1. */
  readonly sampleShare: number
  readonly payloads: TracePayloads
  /** Whether nodes of a type know callers. */
  readonly protects: (type: string) => boolean
  /** Told each run that ended, in the same turn. */
  readonly ended?: readonly ((notes: RunNotes) => void)[]
  readonly limits?: Partial<TracingLimits> | undefined
  /** From 0 to 1. */
  readonly random?: () => number
}

export interface TracingLimits {
  readonly watches: number
  /** Watched runs that are kept, all together, and for how long. */
  readonly records: number
  readonly recordsBytes: number
  readonly keptMs: number
  /** Sampled runs that are kept. */
  readonly sampled: number
}

const standard: TracingLimits = { watches: 50, records: 200, recordsBytes: 48 * 1024 * 1024, keptMs: 15 * 60_000, sampled: 200 }

/** Somebody wants the next runs of a flow written down, with their messages. */
export interface WatchOrder {
  readonly id: string
  readonly flow: string
  /** How many runs. */
  readonly next: number
  /** How long it waits for them, ms. */
  readonly forMs: number
  /** SHA-256, hex: only requests whose `X-Sluice-Watch` is the token it is made of. Absent: whoever comes. */
  readonly tokenHash?: string
}

/** The runs that a gateway wrote down, and who asked for it. */
export interface RunTracing extends Tracing {
  /** Begins to watch. False: too many do already. */
  arm(order: WatchOrder): boolean
  disarm(id: string): void
  /** How many runs it still waits for: 0 while the last of them are under way; undefined when it is over. */
  left(id: string): number | undefined
  /** Newest first. */
  list(query: { readonly flow?: string | undefined; readonly watch?: string | undefined; readonly limit: number }): readonly RunRecordHead[]
  /** As it may leave the gateway. */
  get(id: string): RunRecord | undefined
  /** Whole, for what is done with it on the gateway itself. */
  whole(id: string): RunRecord | undefined
  readonly watching: number
  /** Ends every watch. */
  close(): void
  readonly kept: number
}

interface Watch extends WatchOrder {
  left: number
  cancel: () => void
}

interface Kept {
  record: RunRecord
  bytes: number
  readonly until: number
  /** Of a run whose streams still pass: writes down what came of them since, or no longer waits for more. */
  following: { refresh(): void; leave(): void } | undefined
}

/** Decides which runs are written down, and keeps what was, for a while and in memory only. */
export function createTracing(options: TracingOptions): RunTracing {
  const { clock, sampleShare, payloads, protects, ended = [] } = options
  const isSampled = createSampler({ share: sampleShare, random: options.random })
  const limits = { ...standard, ...options.limits }
  const ids = createIds()
  /** By flow. */
  const watches = new Map<string, Watch[]>()
  /** Watched runs that have not ended, by watch. */
  const underWay = new Map<string, number>()
  const secrets = new Map<string, Credentials>()
  let hideOfFlows: HideText | undefined
  let flowsKnown = true
  let records: Kept[] = []
  let recordsBytes = 0
  const sampled: RunNotes[] = []
  const shown = payloads === 'local' ? 'local' : 'shown'

  function watchFor(flow: string, token: string | string[] | undefined): Watch | undefined {
    const list = watches.get(flow)
    if (!list) return undefined
    return list.find((watch) => watch.tokenHash === undefined || matches(watch.tokenHash, token))
  }

  function drop(watch: Watch): void {
    watch.cancel()
    const rest = (watches.get(watch.flow) ?? []).filter((one) => one !== watch)
    if (rest.length > 0) watches.set(watch.flow, rest)
    else watches.delete(watch.flow)
  }

  const all = () => [...watches.values()].flat()

  /** Hides what flows hold; made again when that has changed and somebody looks. */
  function ofFlows(): HideText | undefined {
    if (!flowsKnown) hideOfFlows = createHideText([...new Set(secrets.values())].flatMap((credentials) => textsIn(credentials)))
    flowsKnown = true
    return hideOfFlows
  }

  function keep(notes: RunNotes, claims: readonly Claim[] | undefined): void {
    const { request } = notes
    const own = request ? secretsOfRequest(request, claims) : { names: [], values: [] }
    const hiding = createHiding(own.names, [...own.values, ...notes.secrets], ofFlows())
    const write = () => {
      const record = toRecord(notes, hiding, notes.bodies ? shown : 'none', protects)
      return { record, bytes: JSON.stringify(record).length }
    }
    const one: Kept = { ...write(), until: clock.elapsed() + limits.keptMs, following: undefined }
    records.push(one)
    recordsBytes += one.bytes
    follow(one, notes, write)
    makeRoom()
  }

  /** As long as the streams of a run that has ended still pass, its record goes on with them. */
  function follow(one: Kept, notes: RunNotes, write: () => Pick<Kept, 'record' | 'bytes'>): void {
    if (notes.openStreams().length === 0) return
    const refresh = () => {
      recordsBytes -= one.bytes
      Object.assign(one, write())
      recordsBytes += one.bytes
      makeRoom()
    }
    const leave = notes.whenStreamOver(() => {
      if (notes.openStreams().length === 0) {
        one.following = undefined
        leave()
      }
      refresh()
    })
    one.following = { refresh, leave }
  }

  function forget(one: Kept): void {
    recordsBytes -= one.bytes
    one.following?.leave()
  }

  function makeRoom(): void {
    while (records.length > limits.records || recordsBytes > limits.recordsBytes) forget(records.shift() as Kept)
  }

  function current(): readonly Kept[] {
    const now = clock.elapsed()
    for (const one of records) if (one.until <= now) forget(one)
    if (records.some((one) => one.until <= now)) records = records.filter((one) => one.until > now)
    return records
  }

  const whole = (id: string): RunRecord | undefined => {
    const kept = current().find(({ record }) => record.id === id)
    kept?.following?.refresh()
    if (kept) return kept.record
    const notes = sampled.find(({ spanId }) => spanId === id)
    return notes && toRecord(notes, createHiding([], []), 'none', protects)
  }

  return {
    get active() {
      return sampleShare > 0 || watches.size > 0
    },
    begin(run, claims) {
      const watch = watches.size > 0 ? watchFor(run.flow, run.request?.headers['x-sluice-watch']) : undefined
      if (watch) {
        underWay.set(watch.id, (underWay.get(watch.id) ?? 0) + 1)
        if (--watch.left === 0) drop(watch)
      } else if (sampleShare <= 0 || !isSampled()) return undefined
      return new RunNotes({
        run,
        bodies: watch !== undefined && payloads !== 'none',
        watch: watch?.id,
        parent: run.request && parseTraceparent(run.request.headers['traceparent']),
        ids,
        ended(notes) {
          for (const tell of ended) tell(notes)
          if (watch) {
            const others = (underWay.get(watch.id) ?? 1) - 1
            if (others > 0) underWay.set(watch.id, others)
            else underWay.delete(watch.id)
            return keep(notes, claims)
          }
          notes.letGo()
          sampled.push(notes)
          if (sampled.length > limits.sampled) sampled.shift()
        },
      })
    },
    keepSecrets(key, credentials) {
      secrets.set(key, credentials)
      flowsKnown = false
    },
    forgetSecrets(key) {
      if (secrets.delete(key)) flowsKnown = false
    },
    arm(order) {
      if (all().length >= limits.watches) return false
      const watch: Watch = { ...order, left: order.next, cancel: () => {} }
      watch.cancel = clock.setTimer(() => drop(watch), order.forMs)
      watches.set(order.flow, [...(watches.get(order.flow) ?? []), watch])
      return true
    },
    disarm(id) {
      for (const watch of all()) if (watch.id === id) drop(watch)
    },
    left: (id) => all().find((one) => one.id === id)?.left ?? (underWay.has(id) ? 0 : undefined),
    list({ flow, watch, limit }) {
      const heads = [...current().map(({ record }) => toHeadOf(record)), ...sampled.map((notes) => toHead(notes, 'none'))]
      return heads.filter((head) => (flow === undefined || head.flow === flow) && (watch === undefined || head.watch === watch)).toSorted((a, b) => (a.at < b.at ? 1 : -1)).slice(0, limit)
    },
    get(id) {
      const record = whole(id)
      return record && (record.payloads === 'local' ? withoutBodies(record) : record)
    },
    whole,
    close() {
      for (const watch of all()) drop(watch)
    },
    get watching() {
      return all().length
    },
    get kept() {
      return current().length + sampled.length
    },
  }
}

function toHeadOf(record: RunRecord): RunRecordHead {
  const { steps: _steps, stepsLeftOut: _left, messages: _messages, callouts: _callouts, request: _request, answer: _answer, caller: _caller, ...head } = record
  return head
}

function matches(hash: string, token: string | string[] | undefined): boolean {
  if (typeof token !== 'string' || token.length > 200) return false
  const given = createHash('sha256').update(token).digest()
  const wanted = Buffer.from(hash, 'hex')
  return wanted.length === given.length && timingSafeEqual(given, wanted)
}
