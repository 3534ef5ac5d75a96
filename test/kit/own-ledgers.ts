import { join } from 'node:path'
import { createAudit } from '../../control/audit.ts'
import { toAccess } from '../../control/consumers/rights.ts'
import { loadReleaseSigner } from '../../control/keys/key-files.ts'
import { toAnchor } from '../../control/ledgers/anchors.ts'
import { openLedgers, type OpenLedgers } from '../../control/ledgers/open-ledgers.ts'
import { openStore, type StoreOptions } from '../../control/store/store.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'

/** Ledgers of a data folder as one of several processes of control has them: seven records make a period. */
export async function openOwnLedgers(options: StoreOptions): Promise<OpenLedgers> {
  const store = await openStore(options)
  const signer = loadReleaseSigner(options.dataDir)
  const key = { id: 'k', key: Buffer.alloc(32, 7) }
  const ledgers = openLedgers({
    store, signer, keys: [key], clock: systemClock, log: silentLog, limits: { lookEveryMs: 1e9, periodEntries: 7 },
    audit: createAudit(store, systemClock, { keys: { current: key, older: [] } }),
    anchors: [toAnchor(`file:${join(options.dataDir, 'anchors.jsonl')}`, { post: undefined, publicKey: signer.publicKey, now: () => Date.now() })],
    access: async (by) => toAccess(by, []),
  })
  return {
    ...ledgers,
    async close() {
      await ledgers.close()
      await store.close()
    },
  }
}

/** A record as a gateway sends it. */
export function travelling(id: string, value: unknown) {
  return { ledger: 'shared', id, value, flow: 'f', node: 'n', run: 'r', takenAt: '2026-01-01T00:00:00.000Z' }
}
