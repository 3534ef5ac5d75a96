import type { Log } from '../../runtime/core/log.ts'
import { openPostgresStore } from './postgres-store.ts'
import { openSqliteStore } from './sqlite-store.ts'
import type { VaultStore } from './vault-store.ts'

/**
 * Opens the database of a vault and brings it to the current schema: PostgreSQL 15 or newer by its URL, or SQLite in a file of the
 * folder. Several vaults may share either.
 */
export async function openVaultStore({ url, dataDir, log }: { readonly url?: string | undefined; readonly dataDir: string; readonly log: Log }): Promise<VaultStore> {
  const store = url === undefined ? openSqliteStore(dataDir) : await openPostgresStore(url)
  log.debug({ store: store.kind }, 'vault store open')
  return store
}
