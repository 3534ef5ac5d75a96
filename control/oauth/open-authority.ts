import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../runtime/core/time/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import { createAudit } from '../audit.ts'
import { bodyOf } from '../consumers/kind.ts'
import { allRights, toAccess } from '../consumers/rights.ts'
import { Refused, type ManagedApi, type Member } from '../contract.ts'
import { loadCredentialsKey } from '../keys/key-files.ts'
import type { Authority } from '../oauth-contract.ts'
import { openStore } from '../store/store.ts'
import { createFirstPassword } from '../users/first-password.ts'
import { defaultCost, type PasswordCost } from '../users/password.ts'
import { createUsers } from '../users/users.ts'
import { createArtifacts } from './artifacts.ts'
import { createOauthClients } from './clients.ts'
import { toPagesClient } from './pages-client.ts'
import { createTokenRevocations } from './revoke.ts'
import { createSealer, deriveKey } from './sealer.ts'
import { createSigningKeyStore } from './signing-key-store.ts'

export interface AuthorityOptions {
  /** Control's folder, for SQLite; with PostgreSQL only `credentials.key` may lie there. */
  readonly dataDir: string
  readonly databaseUrl?: string | undefined
  /** As control has it. */
  readonly credentialsKey?: string | undefined
  readonly clock: Clock
  readonly log: Log
  /** How long an access token lasts at most. */
  readonly tokenTtlMs?: number | undefined
  /** Where the pages are, when people sign in to them here. */
  readonly pagesOrigins?: readonly string[] | undefined
  readonly passwordCost?: PasswordCost | undefined
}

/**
 * Opens control's records for the authorization server, beside control and whether it runs or not.
 * @throws Refused `store.unavailable` when the database or the credential key is not to be had
 */
export async function openAuthority({ dataDir, databaseUrl, credentialsKey, clock, log, tokenTtlMs = 0, pagesOrigins = [], passwordCost = defaultCost }: AuthorityOptions): Promise<Authority> {
  // Made by control: one that each process made for itself would seal what the other cannot open.
  if (credentialsKey === undefined && !existsSync(join(dataDir, 'credentials.key'))) {
    throw new Refused('store.unavailable', 503, `There is no credentials.key in ${dataDir}. Start control on this folder first, or give both the same SLUICE_CREDENTIAL_KEY.`)
  }
  const keys = loadCredentialsKey(dataDir, credentialsKey)
  const sealer = createSealer(keys)
  const store = await openStore({ dataDir, databaseUrl, shared: true })
  const audit = createAudit(store, clock, { keys })
  const users = createUsers({ store, audit, clock, log, first: createFirstPassword(store, keys.current), cost: passwordCost, tokenTtlMs })
  return {
    people: users,
    clients: createOauthClients(store, clock, pagesOrigins.length > 0 ? [toPagesClient(keys.current, pagesOrigins)] : []),
    async standing(name) {
      const user = await users.get(name)
      if (!user || user.disabled) return undefined
      const memberships = (await store.consumers.byParents('members', [user.name])).map((row) => bodyOf(row) as unknown as Member)
      const { everywhere, organisations } = toAccess({ name: user.name, role: user.role, from: '' }, memberships)
      return { role: user.role, memberships: memberships.map(({ organisation, role }) => ({ organisation, role })), rights: [...new Set([everywhere, ...organisations.values()].flatMap((rights) => [...rights]))] }
    },
    adminScopes: allRights,
    async api(id) {
      const row = await store.consumers.get('apis', id)
      if (!row || row.retired_at !== null) return undefined
      const { name, organisation, scopes = {} } = bodyOf(row) as unknown as ManagedApi
      return { id, name, organisation, scopes }
    },
    note: (user, action, detail, from) => audit.add(user, action, detail, undefined, { from }),
    artifacts: createArtifacts(store, sealer, clock),
    revocations: createTokenRevocations(store, clock, tokenTtlMs),
    signingKeys: createSigningKeyStore(store, sealer, log),
    cookieKey: deriveKey(keys.current, 'sluice authorization server cookies').toString('base64url'),
    close: () => store.close(),
  }
}
