import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Application, ClientCredential, ClientSnapshot } from '../core/access/clients.ts'
import type { Claim, Route } from '../core/deployment.ts'
import { silentLog } from '../core/log.ts'
import type { RequestFacts } from '../core/http/request-facts.ts'
import { fakeClock } from '../../test/kit/fake-clock.ts'
import { createClients } from './clients.ts'
import { createIdentities } from './identities.ts'
import { createStandingOf } from './standing-of.ts'

const live = { environment: 'production', active: true } as const
const key = (prefix: string, more: object = {}): ClientCredential => ({ kind: 'key', prefix, hash: createHash('sha256').update('secret').digest('base64url'), ...live, ...more })
const application = (id: string, more: Partial<Application> = {}): Application => ({
  id, name: id, organisation: 'acme', active: true, rules: {}, credentials: [key(id)], subscriptions: [{ api: 'api', plan: 'gold', state: 'approved' }], ...more,
})

function open() {
  const clock = fakeClock()
  const clients = createClients({ clock, log: silentLog, staleMs: 10_000, whenStale: 'serve' })
  const snapshot = (more: Partial<ClientSnapshot> = {}): ClientSnapshot => ({
    version: 1,
    applications: [
      application('vip'), application('off', { active: false }), application('old', { credentials: [key('old', { expiresAt: '2001-01-01T00:00:00Z' })] }), application('revoked', { credentials: [key('revoked', { active: false })] }),
      application('pending', { subscriptions: [{ api: 'api', plan: 'gold', state: 'pending' }] }), application('two', { subscriptions: [{ api: 'api', plan: 'iron', state: 'approved' }, { api: 'api', plan: 'gold', state: 'approved' }] }),
      application('cert', { credentials: [{ kind: 'certificate', fingerprint: 'ab12', ...live }] }),
    ],
    plans: [{ id: 'gold', name: 'Gold', quotas: [], priority: 1 }, { id: 'iron', name: 'Iron', quotas: [], priority: 7 }],
    apis: [{ id: 'api', name: 'A', organisation: 'acme', flow: 'flow', lifecycle: 'PUBLISHED', visibility: 'public' }],
    ...more,
  })
  clients.replace(snapshot())
  const identities = createIdentities({ clock, limit: 3 })
  const standingOf = createStandingOf({ clients, identities, clock })
  const who = (request: Partial<RequestFacts>, claims: readonly Claim[] | undefined, route: Partial<Route> = {}) => standingOf({ flow: 'flow', ...(claims ? { claims } : {}), ...route } as Route, { headers: {}, query: {}, ...request } as RequestFacts)
  const of = (...asked: Parameters<typeof who>) => who(...asked).priority
  return { clock, clients, identities, of, who, snapshot }
}

const byHeader: readonly Claim[] = [{ kind: 'key', header: 'x-api-key' }]
const withKey = (value: string) => ({ headers: { 'x-api-key': value } })

describe('priority before the flow', () => {
  it('is that of the plan for a key that fits; the best of several plans', () => {
    const { of } = open()
    expect(of(withKey('vip.secret'), byHeader)).toBe(1)
    expect(of(withKey('two.secret'), byHeader)).toBe(1)
    expect(of({ query: { k: 'vip.secret' } }, [{ kind: 'key', query: 'k' }])).toBe(1)
  })

  it('is the lowest for whoever is forged, unknown, switched off, ended, or not subscribed', () => {
    const { of } = open()
    for (const value of ['vip.guess', 'vip', '.', 'nobody.secret', 'off.secret', 'old.secret', 'revoked.secret', 'pending.secret', `vip.${'x'.repeat(5000)}`]) expect(of(withKey(value), byHeader), value.slice(0, 20)).toBe(9)
    expect(of({}, byHeader)).toBe(9)
    expect(of(withKey('vip.secret'), undefined)).toBe(9)
    expect(of({ headers: { 'signature-input': 'sig=();keyid="vip"' } }, [{ kind: 'signature' }])).toBe(9)
  })

  it('is the usual one for known callers of an API without a record, and for tokens of clients without one', () => {
    const { of, clients, snapshot, identities } = open()
    clients.replace(snapshot({ version: 2, apis: [] }))
    expect(of(withKey('vip.secret'), byHeader)).toBe(5)
    identities.proved('Bearer abc', '')
    expect(of({ headers: { authorization: 'Bearer abc' } }, [{ kind: 'bearer' }])).toBe(5)
  })

  it('knows passwords and tokens that proved themselves, until they are refused or not seen for a minute', async () => {
    const { of, identities, clock } = open()
    const bearer = { headers: { authorization: 'Bearer abc' } }
    const claims: readonly Claim[] = [{ kind: 'basic' }, { kind: 'bearer' }]
    expect(of(bearer, claims)).toBe(9)
    identities.proved('Bearer abc', 'vip')
    expect(of(bearer, claims)).toBe(1)
    expect(of({ headers: { authorization: 'Bearer abd' } }, claims)).toBe(9)
    expect(of(bearer, byHeader)).toBe(9) // the flow does not look there
    identities.refused('Bearer abc')
    expect(of(bearer, claims)).toBe(9)
    identities.proved('Bearer abc', 'vip')
    await clock.advance(59_000)
    expect(of(bearer, claims)).toBe(1)
    await clock.advance(1000)
    expect(of(bearer, claims)).toBe(9)
  })

  it('forgets who proved it longest ago when there are many', () => {
    const { identities } = open()
    for (const one of ['a', 'b', 'c', 'a', 'd']) identities.proved(one, one)
    expect(['a', 'b', 'c', 'd'].map((one) => identities.find(one))).toEqual(['a', undefined, 'c', 'd'])
  })

  it('takes a client certificate as TLS verified it', () => {
    const { of } = open()
    expect(of({ clientCertificate: { subject: 'x', fingerprint256: 'AB:12' } }, [{ kind: 'certificate' }])).toBe(1)
    expect(of({}, [{ kind: 'certificate' }])).toBe(9)
  })

  it('comes with the application that proved itself, and with none for whoever is forged or unknown', () => {
    const { who, identities } = open()
    expect(who(withKey('vip.secret'), byHeader)).toEqual({ priority: 1, application: 'vip' })
    expect(who(withKey('pending.secret'), byHeader)).toEqual({ priority: 9, application: 'pending' })
    for (const value of ['vip.guess', 'nobody.secret', 'revoked.secret']) expect(who(withKey(value), byHeader)).toEqual({ priority: 9 })
    identities.proved('Bearer abc', '')
    expect(who({ headers: { authorization: 'Bearer abc' } }, [{ kind: 'bearer' }])).toEqual({ priority: 9 })
  })

  it('is at least that of the tab', () => {
    const { of } = open()
    expect(of({}, undefined, { priority: 0 })).toBe(0)
    expect(of(withKey('vip.secret'), byHeader, { priority: 3 })).toBe(1)
    expect(of({}, byHeader, { priority: 3 })).toBe(3)
  })
})
