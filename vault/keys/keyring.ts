import type { Clock } from '../../runtime/core/time/clock.ts'
import { Fault, fault } from '../../runtime/core/fault.ts'
import type { FaultCode } from '../../runtime/core/faults.ts'
import { type Log, silentLog } from '../../runtime/core/log.ts'
import type { CryptoAsk, VaultAnswer } from '../../runtime/core/secrets/vault.ts'
import { createCertificateDesk } from '../certificates/certificate-desk.ts'
import type { Envelope, Keyring, RecordStore } from '../parts.ts'
import { askKey } from './key-asks.ts'
import { createKeyDesk } from './key-desk.ts'
import { createKeyRecords } from './key-records.ts'
import { createKeyShelf } from './key-shelf.ts'
import { createKeyUpkeep } from './key-upkeep.ts'

export interface KeyringOptions {
  readonly records: RecordStore
  readonly envelope: Envelope
  readonly clock: Clock
  readonly log?: Log
}

/** Keys by name, whose material stays here: what is asked of them comes as bytes and goes as bytes. */
export function createKeyring({ records, envelope, clock, log = silentLog }: KeyringOptions): Keyring {
  const shelf = createKeyShelf({ records, envelope, clock })
  const keys = createKeyRecords({ records, envelope, clock, shelf, log })

  async function answer(ask: CryptoAsk): Promise<VaultAnswer> {
    const key = await shelf.get(ask.key)
    if (!key) throw fault('key.unknown', { key: ask.key })
    return askKey(key, ask)
  }

  return {
    async ask(ask) {
      try {
        return await answer(ask)
      } catch (error) {
        if (error instanceof Fault) return { fault: error.code as FaultCode, facts: error.facts as Readonly<Record<string, string | number>> }
        // The library's words on a failed operation may hold parts of what it was given: they are not passed on.
        log.error({ key: ask.key, do: ask.do, error: (error as Error).name }, 'a key cannot be used: its record or the master key cannot be read')
        return { fault: 'vault.unavailable' }
      }
    },
    upkeep: createKeyUpkeep({ records: keys, clock, shelf, log }),
    desk: {
      keys: createKeyDesk({ records: keys, clock, shelf }),
      certificates: createCertificateDesk({ records, clock }),
    },
  }
}
