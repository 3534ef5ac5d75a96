import { errors, type Adapter, type AdapterPayload } from 'oidc-provider'
import type { Authority, OauthClient } from '../control/oauth-contract.ts'
import { toGrantMark } from './grant-mark.ts'
import { passwordGrant } from './password-grant.ts'

/** What oidc-provider remembers a thing under a grant for; its other models are not revoked with one. */
const ofGrants = ['AccessToken', 'AuthorizationCode', 'RefreshToken', 'DeviceCode', 'Grant']

/** Where oidc-provider keeps a kind of thing: clients in control's records, everything else sealed in the store. */
export function createAdapter(kind: string, { artifacts, clients, revocations }: Pick<Authority, 'artifacts' | 'clients' | 'revocations'>): Adapter {
  const toPayload = (found: Awaited<ReturnType<typeof artifacts.get>>): AdapterPayload | undefined =>
    found && ({ ...found.value, ...(found.consumedAtMs === undefined ? {} : { consumed: Math.floor(found.consumedAtMs / 1000) }) } as AdapterPayload)
  return {
    async find(id) {
      if (kind !== 'Client') return toPayload(await artifacts.get(kind, id))
      const client = await clients.get(id)
      return client && toMetadata(client)
    },
    findByUid: async (uid) => toPayload(await artifacts.byLookup(kind, uid)),
    findByUserCode: async (userCode) => toPayload(await artifacts.byLookup(kind, userCode)),
    async upsert(id, payload, expiresInSeconds) {
      const { grantId, accountId } = payload
      const lookup = kind === 'Session' ? payload.uid : payload.userCode
      await artifacts.put(kind, id, payload as Record<string, unknown>, {
        ...(grantId && ofGrants.includes(kind) ? { grantId } : {}),
        ...(accountId ? { account: accountId } : {}),
        ...(lookup ? { lookup } : {}),
        ...(expiresInSeconds ? { expiresInMs: expiresInSeconds * 1000 } : {}),
      })
    },
    async consume(id) {
      if (await artifacts.consume(kind, id)) return
      // Another request, perhaps in another process, used it between our look at it and now.
      const grantId = (await artifacts.get(kind, id))?.value['grantId']
      if (typeof grantId === 'string') {
        for (const one of ofGrants) await artifacts.removeOfGrant(one, grantId)
        await artifacts.remove('Grant', grantId)
        await revocations.grant(toGrantMark(grantId))
      }
      throw new errors.InvalidGrant('already consumed')
    },
    destroy: (id) => artifacts.remove(kind, id),
    async revokeByGrantId(grantId) {
      await artifacts.removeOfGrant(kind, grantId)
      // Signed ones are kept nowhere: gateways are told.
      if (kind === 'AccessToken') await revocations.grant(toGrantMark(grantId))
    },
  }
}

const grantTypes = {
  client_credentials: 'client_credentials',
  authorization_code: 'authorization_code',
  refresh_token: 'refresh_token',
  device_code: 'urn:ietf:params:oauth:grant-type:device_code',
} as const

/** Client metadata (RFC 7591). In place of the secret stands what it is checked against. */
function toMetadata(client: OauthClient): AdapterPayload {
  const code = client.grants.includes('authorization_code')
  return {
    client_id: client.id,
    client_name: client.name,
    // Of kind web also on loopback: for native ones any port of it would do.
    application_type: 'web',
    grant_types: [...client.grants.map((grant) => grantTypes[grant]), ...(client.legacyPassword ? [passwordGrant] : [])],
    ...(client.leaveUris ? { post_logout_redirect_uris: [...client.leaveUris] } : {}),
    redirect_uris: code ? [...(client.redirectUris ?? [])] : [],
    response_types: code ? ['code'] : [],
    ...(client.publicKey ? { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [client.publicKey] } } : client.public ? { token_endpoint_auth_method: 'none' } : { token_endpoint_auth_method: 'client_secret_basic', client_secret: client.verifier }),
  } as AdapterPayload
}
