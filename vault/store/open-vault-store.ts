import { fault } from '../../runtime/core/fault.ts'
import type { Log } from '../../runtime/core/log.ts'
import { openPostgresStore } from './postgres-store.ts'
import { openSqliteStore } from './sqlite-store.ts'
import type { VaultStore } from './vault-store.ts'

/**
 * Opens the database of a vault and brings it to the current schema: PostgreSQL 15 or newer by its URL, or SQLite in a file of the
 * folder. Several vaults may share either.
 * @throws Fault `store.unavailable` when it cannot be opened
 */
export async function openVaultStore({ url, dataDir, log }: { readonly url?: string | undefined; readonly dataDir: string; readonly log: Log }): Promise<VaultStore> {
  const store = await open(url, dataDir).catch((thrown: Error & { code?: string }) => {
    throw fault('store.unavailable', { reason: [thrown.message, thrown.code].filter(Boolean).join(', ') }, thrown)
  })
  log.debug({ store: store.kind }, 'vault store open')
  return store
}

async function open(url: string | undefined, dataDir: string): Promise<VaultStore> {
  return url === undefined ? openSqliteStore(dataDir) : openPostgresStore(url)
}
