import { seal, unseal } from '../../runtime/core/secrets/seal.ts'
import type { Audit } from '../audit.ts'
import type { SealingKey } from '../keys/key-files.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from '../../runtime/core/time/clock.ts'
import { hashed } from '../oauth/artifacts.ts'
import { revokeTokensOfUser } from '../oauth/revoke.ts'
import { generatePassword, hashPassword, verifyPassword, type PasswordCost } from './password.ts'

const metaKey = 'first-password'
const admin = 'admin'
/** The setting may be another one when the authorization server runs next. */
const longestTokenMs = 86_400_000

/** The generated password of a first start: kept, sealed, until somebody signed in with it. */
export interface FirstPassword {
  get(): Promise<string | undefined>
  forget(name: string): Promise<void>
}

/** Keeps the password of the first administrator, sealed, until somebody signed in with it. */
export function createFirstPassword(store: Store, key: SealingKey): FirstPassword {
  let known: boolean | undefined
  return {
    async get() {
      const sealed = await store.meta.get(metaKey)
      known = sealed !== undefined
      if (sealed === undefined) return undefined
      try {
        return unseal(key.key, sealed, metaKey)
      } catch {
        return undefined // sealed under a key that is gone; `sluice password reset` helps
      }
    },
    async forget(name) {
      if (name !== admin || known === false) return
      await store.meta.remove(metaKey)
      known = false
    },
  }
}

/**
 * Sees to it that `admin` can sign in. A password from the settings wins at every start; else one is
 * generated when there is no user yet.
 */
export async function ensureAdmin(store: Store, key: SealingKey, clock: Clock, setting: string | undefined, cost: PasswordCost, audit: Audit): Promise<void> {
  const row = await store.users.get(admin)
  if (setting === undefined) {
    if (row || (await store.users.list()).length > 0) return
    await setAdmin(store, clock, generatePassword(), cost, { audit, by: 'start', key })
    return
  }
  if (row && row.role === 'admin' && !row.disabled && (await verifyPassword(setting, row.password))) {
    await store.meta.remove(metaKey)
    return
  }
  await setAdmin(store, clock, setting, cost, { audit, by: 'start' })
}

/** Makes or mends `admin` with this password and ends its sessions. With a key, the password is kept to be shown. */
export async function setAdmin(store: Store, clock: Clock, password: string, cost: PasswordCost, { audit, by, key }: { audit: Audit; by: string; key?: SealingKey }): Promise<void> {
  const hash = await hashPassword(password, cost)
  await store.transaction(async (tables) => {
    const created_at = new Date(clock.now()).toISOString()
    const added = await tables.users.add({ name: admin, role: 'admin', password: hash, disabled: 0, created_at, last_sign_in_at: null })
    await tables.users.change(admin, { role: 'admin', password: hash, disabled: 0 })
    await tables.tokens.removeOf(admin)
    await tables.oauth.removeOfAccount(hashed(admin))
    await revokeTokensOfUser(tables, admin, clock.now(), longestTokenMs)
    if (key) await tables.meta.set(metaKey, seal(key.key, password, metaKey))
    else await tables.meta.remove(metaKey)
    await audit.add(by, added ? 'user.create' : 'user.reset_password', { user: admin }, tables, { subject: `users/${admin}`, after: { name: admin, role: 'admin', disabled: false } })
  })
}
