import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import { auditLedger } from '../ledger-contract.ts'
import type { Store } from '../store/store.ts'
import type { Anchor } from './anchors.ts'
import { toWaiting, type Delivery } from './deliver.ts'
import type { Periods } from './periods.ts'

export interface LookAfterParts {
  readonly store: Pick<Store, 'ledgers'>
  readonly periods: Pick<Periods, 'close' | 'lastRoot'>
  readonly anchors: readonly Anchor[]
  readonly delivery: Pick<Delivery, 'deliver' | 'close'>
  readonly clock: Clock
  readonly log: Log
  readonly everyMs: number
}

/** Who looks after ledgers, again and again. */
export interface LookAfter {
  /** Closes what is due and takes to the witnesses what waits. */
  look(): Promise<void>
  close(): Promise<void>
}

const lastWaitMs = 2000

/** Looks after all ledgers by a timer, from now on. */
export function startLookingAfter({ store, periods, anchors, delivery, clock, log, everyMs }: LookAfterParts): LookAfter {
  /** Ledgers whose newest root each anchor was offered since the start; later ones are as they are made. */
  const offered = new Set<string>()
  let closed = false
  let cancel = () => {}
  let looking: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    let failed: unknown
    for (const name of [auditLedger, ...(await store.ledgers.list()).map((row) => row.name)]) {
      if (closed) return
      // What goes wrong with one ledger keeps no other from being signed and witnessed.
      await lookAt(name).catch((thrown: unknown) => (failed ??= thrown))
    }
    await delivery.deliver()
    if (failed !== undefined) throw failed
  }

  async function lookAt(name: string): Promise<void> {
    await periods.close(name, false)
    if (offered.has(name)) return
    // An anchor that is new is given the newest root: that one covers all before it.
    const last = await periods.lastRoot(name)
    if (last) await store.ledgers.addAnchors(anchors.map((anchor) => toWaiting(name, last.period, anchor, new Date(clock.now()).toISOString())))
    offered.add(name)
  }

  function plan(): void {
    cancel = clock.setTimer(() => {
      looking = look()
        .catch((thrown: unknown) => log.warn({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'the ledgers could not be looked after; trying again'))
        .finally(() => closed || plan())
    }, everyMs)
  }
  plan()

  return {
    look,
    async close() {
      closed = true
      delivery.close()
      cancel()
      // A witness that hangs does not keep control from ending: what waits for it is asked for again.
      let cancelWait = () => {}
      await Promise.race([looking, new Promise<void>((resolve) => (cancelWait = clock.setTimer(resolve, lastWaitMs)))])
      cancelWait()
    },
  }
}
