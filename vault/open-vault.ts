import type { Clock } from '../runtime/core/time/clock.ts'
import type { Log } from '../runtime/core/log.ts'
import { mayUseVaultName } from '../runtime/core/secrets/vault-name.ts'
import type { CryptoAsk, VaultAnswer, VaultAsk } from '../runtime/core/secrets/vault.ts'
import { loadCertificateStatus } from './certificates/certificate-status.ts'
import { watchCertificates } from './certificates/watch-certificates.ts'
import type { VaultStatus } from './contract.ts'
import { createEnvelope } from './envelope.ts'
import { createKeyUses } from './keys/key-uses.ts'
import { createKeyring } from './keys/keyring.ts'
import { openFileMasterKey } from './master-key-file.ts'
import { openPkcs11MasterKey, type Pkcs11Options } from './master-key-pkcs11.ts'
import type { MasterKey, OpenVault } from './parts.ts'
import { Refused } from './refused.ts'
import { repeat } from './repeat.ts'
import { createSecretKeep } from './secrets/secret-keep.ts'
import { openVaultStore } from './store/open-vault-store.ts'
import { createTokens } from './tokens/create-tokens.ts'

export interface VaultOptions {
  /** Folder of the embedded store; absolute. */
  readonly folder: string
  /** PostgreSQL in place of it. */
  readonly databaseUrl?: string | undefined
  /** A file, or the keys in a PKCS#11 token. */
  readonly masterKey: { readonly file: string } | Pick<Pkcs11Options, 'module' | 'tokenLabel' | 'pinFile'>
  readonly clock: Clock
  readonly log: Log
}

/** How long after it is due a key is replaced at most, while a vault runs. */
const schedulesEveryMs = 60_000

type TokenAsk = Exclude<VaultAsk, CryptoAsk>

const crypto: ReadonlySet<VaultAsk['do']> = new Set(['encrypt', 'decrypt', 'sign', 'check'] satisfies CryptoAsk['do'][])

/**
 * Opens a vault: its database, its master key, and what it is made of on top of them.
 * @throws Fault `config.invalid` when the master key cannot be used, or is not the one of this database
 */
export async function openVault({ folder, databaseUrl, masterKey: key, clock, log }: VaultOptions): Promise<OpenVault> {
  const now = () => clock.now()
  const masterKey: MasterKey = 'file' in key ? await openFileMasterKey({ file: key.file, now }) : await openPkcs11MasterKey({ ...key, now })
  const store = await openVaultStore({ url: databaseUrl, dataDir: folder, log }).catch(async (thrown: unknown) => {
    await masterKey.close()
    throw thrown
  })
  try {
    const { records } = store
    const envelope = await createEnvelope({ store, masterKey, log, clock })
    const tokens = await createTokens({ store, envelope, log, clock })
    const keyring = createKeyring({ records, envelope, clock, log })
    const uses = createKeyUses({ store, clock, log })
    const secrets = createSecretKeep({ records, envelope, clock })
    const certificates = watchCertificates({ records, clock, log })
    const schedules = repeat(keyring.upkeep.look, { everyMs: schedulesEveryMs, clock, failed: (thrown) => log.warn({ error: (thrown as Error).name }, 'the schedules of keys cannot be looked at') })

    const status = async (): Promise<VaultStatus> => ({
      ok: true,
      masterKey: { provider: masterKey.provider, id: masterKey.id, since: masterKey.since ?? '' },
      store: store.kind,
      ...(await tokens.status()),
      dataKeys: await envelope.wear(),
      keys: await keyring.upkeep.status(),
      certificates: await loadCertificateStatus({ records, clock }),
    })
    return {
      async ask(asks) {
        if (!asks.some(isCrypto)) return tokens.ask(asks as readonly TokenAsk[])
        const [answers, made] = await Promise.all([
          tokens.ask(asks.filter((ask): ask is TokenAsk => !isCrypto(ask))),
          Promise.all(asks.filter(isCrypto).map(async (ask) => {
            const answer: VaultAnswer = mayUseVaultName(ask.organisation, ask.key) ? await keyring.ask(ask) : { fault: 'key.foreign', facts: { key: ask.key } }
            uses.count(ask, answer)
            return answer
          })),
        ])
        return merge(asks, answers, made)
      },
      secrets,
      desk: {
        ...tokens.desk,
        ...keyring.desk,
        keys: {
          ...keyring.desk.keys,
          async uses(name, limit = 200) {
            if (!(await records.get('key', name))) throw new Refused('key.unknown', 404, `There is no key ${name}.`)
            return uses.list(name, Math.min(1000, Math.max(1, limit)))
          },
        },
        secrets: secrets.desk,
        status,
        async rotateMasterKey(by) {
          await envelope.rotateMasterKey()
          log.info({ by, masterKey: masterKey.id }, 'the master key of the vault was rotated')
          return status()
        },
      },
      async close() {
        certificates.close()
        schedules.close()
        await tokens.close()
        await uses.close()
        await store.close()
        await masterKey.close()
      },
    }
  } catch (thrown) {
    await store.close()
    await masterKey.close()
    throw thrown
  }
}

function isCrypto(ask: VaultAsk): ask is CryptoAsk {
  return crypto.has(ask.do)
}

function merge(asks: readonly VaultAsk[], tokens: readonly VaultAnswer[], made: readonly VaultAnswer[]): readonly VaultAnswer[] {
  let token = 0
  let key = 0
  return asks.map((ask) => (isCrypto(ask) ? made[key++] : tokens[token++]) as VaultAnswer)
}
