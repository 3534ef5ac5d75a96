import { createHash } from 'node:crypto'
import { pagesCallback } from '../../runtime/core/access/pages-callback.ts'
import type { SealingKey } from '../keys/key-files.ts'
import type { OauthClient } from '../oauth-contract.ts'
import { deriveKey } from './sealer.ts'

/** No Basic credential has such a name. */
export const pagesClientId = 'urn:sluice:pages'

/** Known to whoever has the credential key, and written nowhere. */
export function toPagesSecret(key: SealingKey): string {
  return deriveKey(key, 'sluice pages client').toString('base64url')
}

/** The pages as a client of the authorization server. */
export function toPagesClient(key: SealingKey, origins: readonly string[]): OauthClient {
  return {
    id: pagesClientId,
    application: '',
    name: 'Sluice',
    verifier: `sha256$${createHash('sha256').update(toPagesSecret(key), 'utf8').digest('base64url')}`,
    grants: ['authorization_code'],
    redirectUris: origins.map((origin) => `${origin}${pagesCallback}`),
    leaveUris: origins.map((origin) => `${origin}/sign-in`),
    own: true,
  }
}
