import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as oidc from 'openid-client'
import { expect, test } from 'vitest'
import { createAuthServer } from '../../auth-server/auth-server.ts'
import type { Artifacts } from '../../control/oauth-contract.ts'
import { openAuthority } from '../../control/oauth/open-authority.ts'
import { openControl } from '../../control/open-control.ts'
import { findFreePort } from '../../runtime/cli/start/port.ts'
import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { startProduct } from '../e2e/product.ts'
import { AdminClient } from '../kit/admin-client.ts'
import { ConsumerClient } from '../kit/consumer-client.ts'
import { estate, flow } from '../kit/flow-builder.ts'
import { findPostgres, startPostgres } from '../kit/postgres.ts'

const discover = (issuer: string, id: string, secret: string) => oidc.discovery(new URL(issuer), id, undefined, oidc.ClientSecretBasic(secret), { execute: [oidc.allowInsecureRequests] })

test('what `npm start` runs gives tokens that its gateway lets in, also while control stands still, and none for what was revoked', async (context) => {
  if (process.platform === 'win32') return context.skip('there are no signals')
  const port = await findFreePort('127.0.0.1')
  const issuer = `http://127.0.0.1:${port}`
  const product = await startProduct({ SLUICE_AUTH: 'on', SLUICE_AUTH_PORT: String(port), SLUICE_SAMPLES: 'off', SLUICE_AUTH_TOKEN_TTL_MS: '60000' })
  try {
    expect(product.pids['auth']).toEqual(expect.any(Number))
    const controlUrl = product.control.replace(/\/$/, '')
    const records = await ConsumerClient.signIn({ controlUrl, password: product.password })
    await records.request('POST', '/organisations', { id: 'shop', name: 'Shop' })
    await records.request('POST', '/applications', { id: 'web', name: 'Web', organisation: 'shop', oauth: { grants: ['client_credentials'], scopes: ['read'], resources: ['https://api.example.org'] } })
    const { secret, credential } = await records.request<{ secret: string; credential: { id: string } }>('POST', '/credentials', { application: 'web', kind: 'basic', name: 'web' })
    const admin = await AdminClient.signIn(controlUrl, 'admin', product.password)
    const guard = { methods: [{ kind: 'jwt' }], issuers: [{ issuer, audience: 'https://api.example.org', algorithms: 'RS256' }], scopes: ['read'] }
    await admin.deploy(estate(flow('guarded').httpIn('GET', '/who').node('auth', guard, 2).fn('msg.payload = msg.client\nreturn msg').httpResponse()))
    const ask = (token: string) => fetch(`${product.gateway}/who`, { headers: { authorization: `Bearer ${token}` } })

    const config = await discover(issuer, 'web', secret)
    const { access_token: token } = await oidc.clientCredentialsGrant(config, { scope: 'read' })
    const reply = await ask(token)
    expect([reply.status, await reply.json()]).toEqual([200, expect.objectContaining({ application: 'web', scopes: ['read'] })])

    process.kill(product.pids['control'] as number, 'SIGSTOP')
    try {
      const { access_token: another } = await oidc.clientCredentialsGrant(config, { scope: 'read' })
      expect((await ask(another)).status).toBe(200)
    } finally {
      process.kill(product.pids['control'] as number, 'SIGCONT')
    }

    // Taken back by its client: refused by the gateway, and still so when that starts again and hears no control.
    const { access_token: taken } = await oidc.clientCredentialsGrant(config, { scope: 'read' })
    expect((await ask(taken)).status).toBe(200)
    await oidc.tokenRevocation(config, taken)
    const codeOf = async (one: string) => await ask(one).then(async (answer) => (answer.status === 200 ? 'ok' : ((await answer.json()) as { code?: string }).code), () => 'away')
    await expect.poll(() => codeOf(taken), { timeout: 5000 }).toBe('auth.revoked')
    process.kill(product.pids['control'] as number, 'SIGSTOP')
    try {
      process.kill(product.pids['gateway'] as number, 'SIGKILL')
      await expect.poll(() => codeOf(token), { timeout: 20_000 }).toBe('ok')
      expect(await codeOf(taken)).toBe('auth.revoked')
    } finally {
      process.kill(product.pids['control'] as number, 'SIGCONT')
    }

    await records.request('DELETE', `/credentials/${credential.id}`)
    await expect.poll(async () => (await ask(token)).status, { timeout: 5000 }).toBe(403)
    await expect(oidc.clientCredentialsGrant(config, {})).rejects.toThrow()
    expect(product.printed()).not.toContain(token)
    expect(product.printed()).not.toContain(secret)
  } finally {
    await product.stop()
  }
}, 120_000)

const bin = findPostgres()

test.skipIf(bin === undefined)('two authorization servers on one PostgreSQL are one: same keys, and each knows what the other gave', async () => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-auth-'))
  const postgres = await startPostgres(bin as string)
  postgres.createDatabase('a')
  const databaseUrl = postgres.url('a')
  const credentialsKey = 'ab'.repeat(32)
  const issuer = 'https://auth.example'
  const control = await openControl({ dataDir: join(root, 'control'), databaseUrl, credentialsKey, definitions: [], log: silentLog, clock: systemClock, adminPassword: 'correct horse', passwordCost: { n: 1024 } })
  const places = await Promise.all(['one', 'two'].map(async (name) => {
    const authority = await openAuthority({ dataDir: join(root, name), databaseUrl, credentialsKey, clock: systemClock, log: silentLog })
    return { authority, server: createAuthServer({ authority, host: '127.0.0.1', port: 0, issuer, accessTokenMs: 60_000, clock: systemClock, log: silentLog }) }
  }))
  try {
    const by = { name: 'admin', role: 'admin', from: '' } as const
    await control.consumers.organisations.create({ id: 'shop', name: 'Shop' }, by)
    await control.consumers.applications.create({ id: 'web', name: 'Web', organisation: 'shop', oauth: { grants: ['client_credentials'] } }, by)
    const { secret = '' } = await control.consumers.credentials.create({ application: 'web', kind: 'basic', name: 'web' }, by)
    // Both find no keys yet, and make some at once.
    const [one, two] = (await Promise.all(places.map(({ server }) => server.listen()))).map(({ url }) => url) as [string, string]
    const json = async (url: string, body?: Record<string, string>) =>
      (await (await fetch(url, body ? { method: 'POST', body: new URLSearchParams({ client_id: 'web', client_secret: secret, ...body }) } : {})).json()) as Record<string, unknown>
    expect(await json(`${one}/jwks`)).toEqual(await json(`${two}/jwks`))
    expect(await json(`${one}/.well-known/openid-configuration`)).toMatchObject({ issuer, token_endpoint: `${issuer}/token` })
    const { access_token: token } = (await json(`${one}/token`, { grant_type: 'client_credentials' })) as { access_token: string }
    expect(await json(`${two}/token/introspection`, { token })).toMatchObject({ active: true, client_id: 'web' })
    await fetch(`${two}/token/revocation`, { method: 'POST', body: new URLSearchParams({ client_id: 'web', client_secret: secret, token }) })
    expect(await json(`${one}/token/introspection`, { token })).toEqual({ active: false })

    const [first, second] = places.map(({ authority }) => authority.artifacts) as [Artifacts, Artifacts]
    await first.put('RefreshToken', 'the-value', { grantId: 'g' }, { grantId: 'g', expiresInMs: 60_000 })
    const used = await Promise.all(Array.from({ length: 20 }, (_, place) => (place % 2 ? first : second).consume('RefreshToken', 'the-value')))
    expect(used.filter(Boolean)).toHaveLength(1)
  } finally {
    for (const { server, authority } of places) {
      await server.close()
      await authority.close()
    }
    await control.close()
    await postgres.stop()
    rmSync(root, { recursive: true, force: true })
  }
}, 60_000)
