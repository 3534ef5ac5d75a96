import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../runtime/core/clock.ts'
import type { Log } from '../../runtime/core/log.ts'
import { createAudit } from '../audit.ts'
import { Refused } from '../contract.ts'
import { loadCredentialsKey } from '../keys/key-files.ts'
import type { Authority, SigningKey } from '../oauth-contract.ts'
import { openStore } from '../store/store.ts'
import { createFirstPassword } from '../users/first-password.ts'
import { defaultCost, type PasswordCost } from '../users/password.ts'
import { createUsers } from '../users/users.ts'
import { createArtifacts } from './artifacts.ts'
import { createOauthClients } from './clients.ts'
import { createTokenRevocations } from './revoke.ts'
import { createSealer, deriveKey } from './sealer.ts'

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
  readonly passwordCost?: PasswordCost | undefined
}

const keysKey = 'oauth.keys'

/**
 * Opens control's records for the authorization server, beside control and whether it runs or not.
 * @throws Refused `store.unavailable` when the database or the credential key is not to be had
 */
export async function openAuthority({ dataDir, databaseUrl, credentialsKey, clock, log, tokenTtlMs = 0, passwordCost = defaultCost }: AuthorityOptions): Promise<Authority> {
  // Made by control: one that each process made for itself would seal what the other cannot open.
  if (credentialsKey === undefined && !existsSync(join(dataDir, 'credentials.key'))) {
    throw new Refused('store.unavailable', 503, `There is no credentials.key in ${dataDir}. Start control on this folder first, or give both the same SLUICE_CREDENTIAL_KEY.`)
  }
  const keys = loadCredentialsKey(dataDir, credentialsKey)
  const sealer = createSealer(keys)
  const store = await openStore({ dataDir, databaseUrl, shared: true })
  const audit = createAudit(store, clock)
  return {
    people: createUsers({ store, audit, clock, log, first: createFirstPassword(store, keys.current), cost: passwordCost, tokenTtlMs }),
    clients: createOauthClients(store, clock),
    async hasApi(id) {
      const row = await store.consumers.get('apis', id)
      return row !== undefined && row.retired_at === null
    },
    artifacts: createArtifacts(store, sealer, clock),
    revocations: createTokenRevocations(store, clock, tokenTtlMs),
    signingKeys: {
      async load() {
        const sealed = await store.meta.get(keysKey)
        const text = sealed === undefined ? undefined : sealer.open(sealed, keysKey)
        if (sealed === undefined) return undefined
        if (text === undefined) log.error({}, 'the keys that tokens were signed with are sealed under another credential key; new ones take their place')
        return { sealed, keys: text === undefined ? [] : (JSON.parse(text) as SigningKey[]) }
      },
      save(next, before) {
        const sealed = sealer.seal(JSON.stringify(next), keysKey)
        return before ? store.meta.exchange(keysKey, before.sealed, sealed) : store.meta.add(keysKey, sealed)
      },
    },
    cookieKey: deriveKey(keys.current, 'sluice authorization server cookies').toString('base64url'),
    close: () => store.close(),
  }
}
