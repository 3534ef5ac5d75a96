import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import type { DataKeys } from '../envelope.ts'
import type { DataKeyRow, VaultStore } from '../store/vault-store.ts'
import { scopeOf } from './policy.ts'
import { reasonOf } from './reason-of.ts'
import { aboutToken } from './tokenize.ts'

const batchRows = 200
const keysAtOnce = 500
/** Between two looks for something to do. */
const pauseMs = 5000
/** Between two batches: what is asked comes first. */
const breathMs = 5
/** An old key is looked at again for so long: a vault that had not heard of its end may have sealed a row under it. */
const settleMs = 60_000
/** What expired is buried so much later, so that a vault whose clock is a little behind can still lengthen its life. */
const sweepLagMs = 60_000
/** Windows of guesses are left a while, for vaults whose clocks are behind. */
const rememberGuessesMs = 3_600_000
/** For so long it is known that there was such a token. */
const rememberMs = 90 * 24 * 3600 * 1000

/**
 * What a vault does beside answering, in small batches, from wherever it was left: wraps data keys anew, buries what was shredded,
 * seals rows under newer keys, sweeps out what expired. Several vaults may do it at once: each row changes only where it still is as it was read.
 */
export interface Upkeep {
  /** Does all there is to do now. */
  runNow(): Promise<void>
  /** Buries what is sealed under shredded keys of a scope; gives how many values were lost with them. */
  buryNow(scope: string): Promise<number>
  close(): Promise<void>
}

export function startUpkeep({ store, envelope, clock, log }: { readonly store: VaultStore; readonly envelope: DataKeys; readonly clock: Clock; readonly log: Log }): Upkeep {
  let closed = false
  let cancel = () => {}
  let running: Promise<void> | undefined
  const wake = new Set<() => void>()

  const breathe = () =>
    new Promise<void>((resolve) => {
      const done = () => {
        wake.delete(done)
        cancelTimer()
        resolve()
      }
      const cancelTimer = clock.setTimer(done, breathMs)
      wake.add(done)
    })

  async function bury({ number }: DataKeyRow): Promise<number> {
    let lost = 0
    for (;;) {
      const batch = await store.tokens.buryUnder(number, batchRows)
      lost += batch.lost
      if (batch.seen < batchRows) break
      await breathe()
      if (closed) return lost
    }
    await store.keys.settle(number)
    return lost
  }

  /** Whether it changed something. */
  async function resealUnder(row: DataKeyRow): Promise<boolean> {
    let some = false
    for (;;) {
      const rows = await store.tokens.sealedUnder(row.number, batchRows)
      if (rows.length === 0) break
      const old = (await envelope.load([row.number])).get(row.number)
      if (!old) return some // shredded meanwhile
      const [key] = await envelope.current([row.scope])
      if (!key || key.number === row.number) return some
      await store.tokens.reseal(
        rows.flatMap(({ domain, token, sealed }) => {
          try {
            return [{ domain, token, from: row.number, key: key.number, sealed: envelope.sealWith(key, aboutToken(token), envelope.openWith(old, aboutToken(token), sealed)) }]
          } catch {
            log.error({ domain }, 'A row of the vault was changed in its database by somebody else; its value is lost.')
            return [{ domain, token, from: row.number, key: key.number, sealed }] // stays unreadable, and is in nobody's way
          }
        }),
      )
      some = true
      await breathe()
      if (closed) return some
    }
    if (clock.now() - (row.retiredAt ?? 0) > settleMs) await store.keys.settle(row.number)
    return some
  }

  async function round(): Promise<boolean> {
    let more = false
    while (!closed && (await envelope.rewrap()) > 0) await breathe()
    // A vault that had not heard of the end of a domain may have made it a key.
    for (const { name, facts } of await store.records.list('domain')) if (facts['state'] === 'shredded') await store.keys.shred(scopeOf(name), clock.now())
    for (const row of await store.keys.waiting('shredding', keysAtOnce)) {
      if (closed) return false
      await bury(row)
      more = true
    }
    for (const row of await store.keys.waiting('old', keysAtOnce)) {
      if (closed) return false
      more = (await resealUnder(row)) || more
    }
    if (!closed) await store.guesses.forget(clock.now() - rememberGuessesMs)
    while (!closed && (await store.tokens.sweep(clock.now() - sweepLagMs, clock.now() - rememberMs, batchRows)) > 0) await breathe()
    return more
  }

  async function runAll(): Promise<void> {
    while (!closed && (await round())) await breathe()
  }

  function once(): Promise<void> {
    return (running ??= runAll().finally(() => void (running = undefined)))
  }

  function schedule(): void {
    cancel = clock.setTimer(() => {
      void once()
        .catch((thrown: unknown) => {
          if (!closed) log.warn({ reason: reasonOf(thrown) }, 'The upkeep of the vault failed and is tried again.')
        })
        .then(() => closed || schedule())
    }, pauseMs)
  }
  schedule()

  return {
    async runNow() {
      await running?.catch(() => {})
      await once()
    },
    async buryNow(scope) {
      let lost = 0
      for (;;) {
        const rows = await store.keys.waiting('shredding', keysAtOnce, scope)
        if (rows.length === 0) return lost
        for (const row of rows) lost += await bury(row)
      }
    },
    async close() {
      closed = true
      cancel()
      for (const done of wake) done()
      await running?.catch(() => {})
    },
  }
}
