const shop = { organisation: 'shop' }
const connector = { ...shop, name: 'Made', url: 'https://partners.example/', active: false, map: { list: '', id: '/id' } }
const tab = { id: 'flow-3', type: 'tab', label: 'Taken', env: [{ name: 'SLUICE_ORGANISATION', value: 'shop', type: 'str' }] }
const ofKind: Readonly<Record<string, object>> = {
  organisations: { name: 'Made' }, members: { ...shop, user: 'the-viewer', role: 'admin' }, applications: { ...shop, name: 'Made' }, plans: { ...shop, name: 'Made' }, apis: { ...shop, name: 'Made', flow: 'flow-2' },
  groups: { ...shop, name: 'Made' }, products: { ...shop, name: 'Made' }, connectors: connector, subscriptions: { application: 'app', api: 'other-api', plan: 'plan' }, credentials: { application: 'app', kind: 'key' },
}
const ofAct: Readonly<Record<string, object | string>> = {
  'apis/register': { ...shop, id: 'made', url: 'https://service.example/', path: '/made' }, 'apis/register-bulk': { apis: [{ ...shop, id: 'made', url: 'https://service.example/', path: '/made' }] },
  'apis/:id/move': { to: 'BLOCKED' }, 'apis/:id/decide': { agree: true }, 'subscriptions/:id/plan': { plan: 'plan' }, 'subscriptions/:id/decide': { act: 'suspend' },
  'credentials/:id/rotate': {}, 'credentials/:id/confirm': {}, 'credentials/:id/active': { active: false }, 'connectors/:id/secret': { secret: 'taken' }, 'members/:id': { ...shop, user: 'olga', role: 'admin' },
  'caches/purge': { all: true }, 'queues/:id/move': { from: 9, to: 5 }, 'jobs/:id/move': { to: 0 }, 'vault/domains': { name: 'made' }, 'vault/domains/:id': { purposes: ['billing', 'care'] }, 'vault/domains/:id/shred': { confirm: 'domain' },
  'vault/domains/:id/subjects/shred': { subject: 'somebody' }, 'vault/grants': { domain: 'domain', client: 'app', purpose: 'billing' }, 'vault/grants/:id/decide': { agree: true }, 'vault/keys': { name: 'made', kind: 'ed25519' },
  'vault/keys/:id/schedule': { rotateEveryDays: 30 }, 'vault/certificates/:id': { pem: 'a certificate' }, 'vault/secrets/:id': { value: 'taken' }, check: { nodes: [] }, deploy: { merge: [tab] }, rollback: { release: 1 }, records: 'sluice: records\n',
}

/** What is sent to a route of the admin API, so that nothing but the right is missing; `undefined`: nothing. */
export function bodyFor(method: string, path: string): object | string | undefined {
  const key = path.replace(/^\/api\/(v1\/)?/, '')
  const act = ofAct[key]
  if (method === 'PATCH') return key.startsWith('members') ? { role: 'admin' } : { name: 'Patched' }
  if (method === 'DELETE') return undefined
  return act ?? (method === 'PUT' || !key.includes('/') ? ofKind[key.split('/')[0] as string] : undefined)
}

/** One form for all pages: each reads of it what it asks for. */
export const everyField = new URLSearchParams({
  name: 'the-viewer', role: 'admin', user: 'the-viewer', disabled: 'true', subject: 'applications/app', comment: 'back', act: 'save', ...shop, owner: 'olga', active: 'false', to: 'BLOCKED', agree: 'true', plan: 'plan', target: 'api:other-api',
  kind: 'key', environment: 'production', secret: 'taken', value: 'taken', pem: 'a certificate', material: 'none', confirm: 'domain', purposes: 'billing', client: 'app', domain: 'domain', purpose: 'billing', flow: 'flow-2', visibility: 'public',
  url: 'https://partners.example/', of: '', by: 'key', which: 'x', queue: '*gateway', use: 'sign', link: 'x', 'map.list': '', 'map.id': '/id', current: 'a', next: 'b', again: 'b',
}).toString()
