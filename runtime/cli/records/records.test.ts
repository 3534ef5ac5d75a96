import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { useCommandLine } from '../../../test/kit/command-line.ts'
import { runCommandLine } from '../command-line.ts'
import { toColumns } from './print.ts'
import { formatQuota, parseDurationMs, parseQuota } from './read-options.ts'

const root = { name: 'admin', role: 'admin', from: '' } as const
let partners: unknown = [{ id: 'acme', name: 'Acme' }]
const cli = useCommandLine({
  partnerFetch: async () => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(partners)) }),
  async prepare({ users, consumers }) {
    await users.create({ name: 'vera', role: 'viewer', password: 'open sesame 1' }, 'admin')
    await consumers.organisations.create({ id: 'north', name: 'North' }, root)
  },
})
const { folder } = cli
const sluiceAs = cli.run
const sluice = (...words: string[]) => cli.run('admin', ...words)

test('a connector is made of a file, previewed, fetched, switched off and retired', async () => {
  const file = join(folder, 'connector.json')
  writeFileSync(file, JSON.stringify({ id: 'crm', name: 'CRM', organisation: 'north', url: 'https://crm.example/', everySeconds: 3600, active: false, map: { list: '', id: '/id', name: '/name' } }))
  expect(await sluice('connectors', 'add', file)).toBe(0)
  expect(await sluice('connectors', 'fetch', 'crm', '--dry-run')).toBe(0)
  expect(cli.out).toContain('add      applications/crm.acme')
  expect(await sluice('connectors', 'fetch', 'crm')).toBe(0)
  expect((await cli.control.consumers.applications.get('crm.acme', root)).name).toBe('Acme')
  expect(await sluice('connectors', 'list')).toBe(0)
  expect(cli.out).toMatch(/crm +north +off +1/)
  partners = [{ id: 'acme', name: 5 }, { name: 'nobody' }]
  expect(await sluice('connectors', 'fetch', 'crm')).toBe(1)
  expect(cli.err).toContain('✗ /1/id: The partner has no id.')
  partners = []
  expect(await sluice('connectors', 'fetch', 'crm')).toBe(1)
  expect(cli.err).toContain('fetch once with force')
  expect(await sluice('connectors', 'fetch', 'crm', '--force')).toBe(0)
  expect(await sluiceAs('vera', 'connectors', 'fetch', 'crm')).toBe(1)
  expect(await sluice('connectors', 'retire', 'crm')).toBe(0)
})

test('a consumer goes its whole way: registered, subscribed, with a key that is rotated and revoked, and disabled', async () => {
  expect(await sluice('consumers', 'add', 'Web shop', '--organisation', 'north', '--id', 'shop', '--cidr', '203.0.113.0/24', '2001:db8::/32')).toBe(0)
  expect(cli.out).toContain('sluice keys issue shop')
  expect(await sluice('plans', 'add', 'Gold', '--id', 'gold', '--quota', '1000/day:calendar:Asia/Taipei', '100/5minutes:rolling', '--rate', '10', '--burst', '20', '--concurrency', '4', '--priority', '2')).toBe(0)
  expect(await sluice('apis', 'add', 'Orders', '--organisation', 'north', '--flow', 'tab-1', '--id', 'orders', '--visibility', 'public', '--tag', 'a', 'b')).toBe(0)
  expect(await sluice('apis', 'move', 'orders', 'published')).toBe(0)
  expect(cli.out).toContain('PUBLISHED')
  expect(await sluice('subscriptions', 'add', 'shop', 'orders', '--plan', 'gold', '--json')).toBe(0)
  const subscription = JSON.parse(cli.out) as { id: string; state: string }
  if (subscription.state === 'pending') expect(await sluice('subscriptions', 'approve', subscription.id, '--reason', 'paid')).toBe(0)

  expect(await sluice('keys', 'issue', 'shop', '--label', 'first')).toBe(0)
  const key = cli.out.trim()
  expect(key).toMatch(/^[^.\s]+\.[^.\s]+$/)
  expect(cli.err).toContain('this once')
  expect(await sluice('keys', 'rotate', key.split('.')[0]!, '--old-ends-in', '24h')).toBe(0)
  expect(cli.out.trim()).not.toBe(key)
  expect(await sluice('consumers', 'show', 'shop')).toBe(0)
  expect(cli.out).toContain('203.0.113.0/24, 2001:db8::/32')
  expect(cli.out).toContain(key.split('.')[0])
  expect(cli.out).not.toContain(key.split('.')[1])
  expect(await sluice('keys', 'revoke', key.split('.')[0]!)).toBe(0)
  expect(await sluice('keys', 'list', 'shop', '--retired')).toBe(0)
  expect(cli.out).toContain('revoked')

  expect(await sluice('consumers', 'disable', 'shop')).toBe(0)
  expect((await cli.control.consumers.applications.get('shop', root)).active).toBe(false)
  expect(await sluice('consumers', 'list', '--state', 'suspended')).toBe(0)
  expect(cli.out).toContain('shop')
  expect(await sluice('consumers', 'enable', 'shop')).toBe(0)
  expect(await sluice('plans', 'change', 'gold', '--rate', '50')).toBe(0)
  expect(await cli.control.consumers.plans.get('gold', root)).toMatchObject({ rate: { perSecond: 50, burst: 50 }, concurrency: 4, quotas: [{ limit: 1000 }, { limit: 100, every: 5 }] })
})

test('a whole key is never taken as an argument of a command', async () => {
  expect(await sluice('keys', 'revoke', `sk_abcdefgh.${'x'.repeat(43)}`)).toBe(1)
  expect(cli.err).toContain('not the whole key')
})

test('what is wrong is said place by place, with exit code 1; wrong words end with 2 before anything is tried', async () => {
  expect(await sluice('consumers', 'add', 'Odd', '--organisation', 'nowhere')).toBe(1)
  expect(cli.err).toMatch(/\/organisation/)
  expect(await sluice('consumers', 'show', 'nobody')).toBe(1)
  expect(await sluice('plans', 'add', 'Odd', '--quota', 'much')).toBe(2)
  expect(cli.err).toContain('1000/day')
  expect(await sluice('plans', 'add', 'Odd', '--rate', 'fast')).toBe(2)
  expect(await sluice('consumers', 'add', 'Odd')).toBe(2)
  expect(await sluice('apis', 'move', 'orders', 'CREATED')).toBe(1)
  expect(cli.err).toContain('CREATED')
  vi.stubEnv('SLUICE_TOKEN', '')
  expect(cli.err).not.toContain('sluice token')
  expect(await runCommandLine(['consumers', 'list', '--url', cli.url])).toBe(2)
  expect(cli.err).toContain('sluice token')
})

test('a role that may not is refused and told so', async () => {
  expect(await sluiceAs('vera', 'consumers', 'list')).toBe(0)
  for (const words of [['consumers', 'add', 'X', '--organisation', 'north'], ['keys', 'issue', 'shop'], ['export'], ['audit', 'verify']]) {
    expect([words, await sluiceAs('vera', ...words)]).toEqual([words, 1])
    expect(cli.err).toContain('may not')
  }
})

test('export gives the same text for the same records, without secrets; applied to itself it does nothing', async () => {
  const file = join(folder, 'records.yaml')
  expect(await sluice('keys', 'issue', 'shop', '--environment', 'sandbox')).toBe(0)
  const key = cli.out.trim()
  expect(await sluice('export', '--out', file)).toBe(0)
  const first = readFileSync(file, 'utf8')
  expect(first).toContain('id: shop')
  expect(first).not.toContain(key.split('.')[0])
  expect(await sluice('export')).toBe(0)
  expect(cli.out).toBe(first)
  expect(await sluice('apply', file)).toBe(0)
  expect(cli.out).toContain('Nothing to do')
})

test('apply shows the difference first; a dry run changes nothing; what is wrong applies nothing', async () => {
  const file = join(folder, 'changed.yaml')
  expect(await sluice('export', '--out', file)).toBe(0)
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('name: Web shop', 'name: 網路商店'))
  expect(await sluice('apply', file, '--dry-run')).toBe(0)
  expect(cli.out).toMatch(/~ applications\/shop \(change\)\n {4}\/name: "Web shop" → "網路商店"/)
  expect(cli.out).toContain('dry run')
  expect((await cli.control.consumers.applications.get('shop', root)).name).toBe('Web shop')
  expect(await sluice('apply', file, '--yes')).toBe(0)
  expect(cli.err).toContain('網路商店')
  expect(cli.out).toContain('One change applied')
  expect((await cli.control.consumers.applications.get('shop', root)).name).toBe('網路商店')

  writeFileSync(file, text.replace('name: Web shop', 'name: Good').replace(/priority: \d+/, 'priority: 99'))
  expect(await sluice('apply', file, '--yes')).toBe(1)
  expect(cli.err).toMatch(/\/plans\/0/)
  expect((await cli.control.consumers.applications.get('shop', root)).name).toBe('網路商店')
  writeFileSync(file, 'applications: [')
  expect(await sluice('apply', file)).toBe(1)
  expect(await sluice('apply', join(folder, 'none.yaml'))).toBe(2)
})

test('versions of an API are put on record, an application is held to one, and an end is set and taken back', async () => {
  for (const version of ['1', '2']) {
    expect(await sluice('apis', 'add', `Bills ${version}`, '--organisation', 'north', '--flow', `bills-${version}`, '--id', `bills-${version}`, '--family', 'bills', '--api-version', `v${version}`), cli.err).toBe(0)
  }
  expect(await sluice('apis', 'add', 'Bills again', '--organisation', 'north', '--flow', 'bills-3', '--family', 'bills', '--api-version', 'V2')).toBe(1)
  expect(cli.err).toContain('/apiVersion')
  expect(await sluice('consumers', 'add', 'Held', '--organisation', 'north', '--pin', 'bills=v1'), cli.err).toBe(0)
  expect(await sluice('consumers', 'show', 'held')).toBe(0)
  expect(cli.out).toContain('bills=v1')
  expect(await sluice('consumers', 'change', 'held', '--pin', 'bills=v9')).toBe(1)
  expect(cli.err).toContain('/pins/bills')
  expect(await sluice('consumers', 'change', 'held', '--pin', 'bills')).toBe(2)
  expect(await sluice('consumers', 'change', 'held', '--pin', 'bills=v2')).toBe(0)
  expect(cli.out).toContain('held to bills=v2')
  expect(await sluice('consumers', 'change', 'held', '--unpin', 'bills')).toBe(0)
  expect(cli.out).toContain('held to no version')
  expect(await sluice('apis', 'change', 'bills-1', '--sunset', '2030-01-31T00:00:00Z')).toBe(0)
  expect(await sluice('apis', 'show', 'bills-1')).toBe(0)
  expect(cli.out).toContain('2030-01-31T00:00:00Z')
  expect(await sluice('apis', 'change', 'bills-1', '--no-sunset'), cli.err).toBe(0)
  expect(await sluice('apis', 'show', 'bills-1')).toBe(0)
  expect(cli.out).not.toContain('2030')
  expect(await sluice('apis', 'change', 'bills-1')).toBe(2)
  expect(await sluice('apis', 'change', 'bills-1', '--visibility', 'public'), cli.err).toBe(0)
  expect((await cli.control.consumers.apis.get('bills-1', root)).visibility).toBe('public')
  expect(await sluice('apis', 'change', 'bills-1', '--role', 'publisher', 'auditor'), cli.err).toBe(0)
  expect(await cli.control.consumers.apis.get('bills-1', root)).toMatchObject({ visibility: 'roles', roles: ['publisher', 'auditor'] })
})

test('audit verify says that the log is whole, and audit list who did what', async () => {
  expect(await sluice('audit', 'verify')).toBe(0)
  expect(cli.out).toMatch(/whole: \d+ entries/)
  expect(await sluice('audit', 'list', '--subject', 'applications/shop')).toBe(0)
  expect(cli.out).toContain('192.0.2.9')
})

test('every quota that can be written is read back as it was', () => {
  const quota = fc.record({
    limit: fc.nat(), every: fc.integer({ min: 1, max: 99 }), unit: fc.constantFrom('second', 'minute', 'hour', 'day', 'week', 'month', 'total'), algorithm: fc.constantFrom('fixed', 'calendar', 'rolling', 'flexi'),
  })
  fc.assert(fc.property(quota, fc.constantFrom(undefined, 'Asia/Taipei', 'UTC'), (one, zone) => {
    const whole = { ...one, ...(zone === undefined ? {} : { zone }) } as Parameters<typeof formatQuota>[0]
    expect(parseQuota(formatQuota(whole))).toEqual(whole)
  }))
  expect(parseQuota('10000/total')).toEqual({ limit: 10_000, every: 1, unit: 'total', algorithm: 'fixed' })
  expect([parseDurationMs('90s'), parseDurationMs('24h'), parseDurationMs('7d')]).toEqual([90_000, 86_400_000, 604_800_000])
  expect(() => parseDurationMs('soon')).toThrow('no duration')
})

test('columns line up whatever script they are in', () => {
  expect(toColumns(['A', 'B'], [['網路', 'x'], ['abcd', 'y']]).split('\n')).toEqual(['A     B', '網路  x', 'abcd  y'])
})

test('consumers add and change say how an application gets tokens', async () => {
  expect(await sluice('consumers', 'add', 'Token shop', '--organisation', 'north', '--id', 'token-shop', '--oauth-grant', 'client_credentials', 'authorization_code', '--redirect-uri', 'https://shop.example/cb', '--scope', 'read', 'write')).toBe(0)
  expect((await cli.control.consumers.applications.get('token-shop', root)).oauth).toEqual({ grants: ['client_credentials', 'authorization_code'], redirectUris: ['https://shop.example/cb'], scopes: ['read', 'write'] })
  expect(await sluice('consumers', 'change', 'token-shop', '--scope', 'read', '--legacy-password')).toBe(0)
  expect(cli.out).toContain('client_credentials')
  expect((await cli.control.consumers.applications.get('token-shop', root)).oauth).toMatchObject({ redirectUris: ['https://shop.example/cb'], scopes: ['read'], legacyPassword: true })
  expect(await sluice('consumers', 'show', 'token-shop')).toBe(0)
  expect(cli.out).toContain('client_credentials, authorization_code, password')
  expect(await sluice('consumers', 'change', 'token-shop', '--redirect-uri', 'http://shop.example/cb')).not.toBe(0)
  expect(cli.err).toContain('redirectUris')
  expect(await sluice('consumers', 'change', 'token-shop', '--no-oauth')).toBe(0)
  expect((await cli.control.consumers.applications.get('token-shop', root)).oauth).toBeUndefined()
  expect(await sluice('consumers', 'change', 'token-shop')).not.toBe(0)
})
