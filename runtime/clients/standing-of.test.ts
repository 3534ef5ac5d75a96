import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Application, ClientCredential, ClientSnapshot, Credentialed } from '../core/access/clients.ts'
import type { ProofKind } from '../core/access/identities.ts'
import type { Route, RouteClaim } from '../core/deployment.ts'
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
  const identities = createIdentities()
  const standingOf = createStandingOf({ clients, identities, clock })
  const who = (request: Partial<RequestFacts>, claims: readonly RouteClaim[] | undefined, route: Partial<Route> = {}) => standingOf({ flow: 'flow', ...(claims ? { claims } : {}), ...route } as Route, { headers: {}, query: {}, ...request } as RequestFacts)
  const of = (...asked: Parameters<typeof who>) => who(...asked).priority
  return { clock, clients, identities, of, who, snapshot }
}

const byHeader: readonly RouteClaim[] = [{ kind: 'key', header: 'x-api-key' }]
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
    expect(of({ headers: { 'signature-input': 'sig=();keyid="vip"' } }, [{ kind: 'signature', node: 'a' }])).toBe(9)
  })

  it('is the usual one for known callers of an API without a record, and for tokens of clients without one', () => {
    const { of, clients, snapshot, identities } = open()
    clients.replace(snapshot({ version: 2, apis: [] }))
    expect(of(withKey('vip.secret'), byHeader)).toBe(5)
    identities.add('a', 'bearer', () => ({}))
    expect(of({}, [{ kind: 'bearer', node: 'a' }])).toBe(5)
  })

  it('is asked of the nodes that the route names, each for its own way to prove it', () => {
    const { of, identities, clients } = open()
    const known = clients.byKey('vip') as Credentialed
    const asked: string[] = []
    const add = (node: string, kind: ProofKind, proven: boolean) => identities.add(node, kind, () => {
      asked.push(`${node} ${kind}`)
      return proven ? { known } : undefined
    })
    add('a', 'basic', true)
    add('b', 'bearer', true)
    add('c', 'bearer', false)
    expect(of({}, [{ kind: 'basic', node: 'b' }, { kind: 'bearer', node: 'a' }, { kind: 'bearer', node: 'd' }, { kind: 'signature', node: 'a' }])).toBe(9)
    expect(asked).toEqual([])
    expect(of({}, [{ kind: 'bearer', node: 'c' }, { kind: 'bearer', node: 'b' }, { kind: 'basic', node: 'a' }])).toBe(1)
    expect(asked).toEqual(['c bearer', 'b bearer'])
  })

  it('is asked once of nodes that would say the same, however many a route has', () => {
    const { of, identities } = open()
    let asked = 0
    const nobody = () => void (asked += 1) as undefined
    const names = Array.from({ length: 20 }, (_, n) => `n${n}`)
    for (const node of names) identities.add(node, 'sign code', nobody)
    identities.add('other', 'sign code', () => undefined)
    expect(of({}, [...names, 'other'].map((node) => ({ kind: 'sign code', node })))).toBe(9)
    expect(asked).toBe(1)
  })

  it('is asked of the old and the new node while a deploy replaces one, and of none that is gone', () => {
    const { of, identities, clients } = open()
    const known = clients.byKey('vip') as Credentialed
    const claims: readonly RouteClaim[] = [{ kind: 'bearer', node: 'a' }]
    const before = identities.add('a', 'bearer', () => ({ known }))
    const after = identities.add('a', 'bearer', () => undefined)
    expect(of({}, claims)).toBe(1)
    before()
    expect(of({}, claims)).toBe(9)
    after()
    const third = identities.add('a', 'bearer', () => ({ known }))
    after()
    expect(of({}, claims)).toBe(1)
    third()
    expect(of({}, claims)).toBe(9)
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
    identities.add('a', 'bearer', () => ({}))
    expect(who({}, [{ kind: 'bearer', node: 'a' }])).toEqual({ priority: 9 })
  })

  it('is at least that of the tab', () => {
    const { of } = open()
    expect(of({}, undefined, { priority: 0 })).toBe(0)
    expect(of(withKey('vip.secret'), byHeader, { priority: 3 })).toBe(1)
    expect(of({}, byHeader, { priority: 3 })).toBe(3)
  })
})
