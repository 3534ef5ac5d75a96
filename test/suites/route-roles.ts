/**
 * Who may use which route of the pages and the admin API. Behind the slash: as a member of the organisation that the record belongs to, or
 * as the owner of the application (`o`), or as the administrator of another organisation (`x`).
 *
 * A admin, P publisher, C creator, E editor, O operator, U auditor, D data officer, V viewer, S subscriber
 *
 * `public`: nobody has to sign in. `*`: everybody who has; each is shown what is his to see.
 */
const lines: readonly (readonly [who: string, ...routes: string[]])[] = [
  ['public',
    'GET /sign-in', 'POST /sign-in', 'POST /sign-out', 'POST /language', 'POST /api/v1/token', 'GET /api/v1/openapi.json', 'GET /key-sets/:name/jwks.json'],
  ['*',
    'GET /', 'GET /account', 'POST /account/sign-out', 'POST /account/password', 'GET /api/v1/rights',
    'GET /applications', 'GET /subscriptions', 'GET /plans', 'GET /plans/:id', 'GET /plans/:id/edit', 'GET /plans/:id/retire', 'GET /apis', 'GET /register-api', 'GET /groups', 'GET /products', 'GET /organisations', 'GET /connectors', 'GET /decisions',
    'GET /connectors/:id/fetch', 'GET /connectors/:id/preview', 'GET /connectors/:id/secret',
    'GET /api/v1/organisations', 'GET /api/v1/members', 'GET /api/v1/applications', 'GET /api/v1/plans', 'GET /api/v1/plans/:id', 'GET /api/v1/apis', 'GET /api/v1/groups', 'GET /api/v1/products', 'GET /api/v1/connectors', 'GET /api/v1/subscriptions', 'GET /api/v1/credentials',
    'GET /api/v1/decisions', 'GET /api/v1/vault/grants'],
  // An installation and what runs it: nothing of it is an organisation's.
  ['A/',
    'GET /users', 'POST /users', 'POST /users/:name/role', 'POST /users/:name/disabled', 'POST /users/:name/sign-out', 'POST /users/link', 'POST /users/:name/password',
    'POST /gateways/join-token', 'GET /gateways/:id/revoke', 'POST /gateways/:id/revoke', 'POST /api/v1/gateways/join-token', 'POST /organisations', 'POST /api/v1/organisations', 'POST /api/v1/records'],
  ['APCEOUDV/',
    'GET /releases', 'GET /releases/:id', 'GET /gateways', 'GET /data-flows', 'GET /docs', 'GET /docs/:page', 'GET /docs/images/:image', 'GET /docs/:folder/:page',
    'GET /api/v1/releases', 'GET /api/releases', 'GET /api/v1/gateways'],
  ['APCE/', 'GET /releases/:id/rollback', 'POST /releases/:id/rollback'],
  ['AO/',
    'POST /gateways/caches/purge', 'GET /queues', 'POST /queues/:act', 'GET /jobs', 'POST /jobs/:act',
    'GET /api/v1/caches', 'POST /api/v1/caches/purge', 'GET /api/v1/queues', 'GET /api/v1/queues/:id', 'POST /api/v1/queues/:id/pause', 'POST /api/v1/queues/:id/resume', 'POST /api/v1/queues/:id/drain', 'POST /api/v1/queues/:id/move',
    'GET /api/v1/jobs', 'GET /api/v1/jobs/:id', 'POST /api/v1/jobs/:id/cancel', 'POST /api/v1/jobs/:id/retry', 'POST /api/v1/jobs/:id/move', 'GET /api/v1/job-flows', 'POST /api/v1/job-flows/:id/pause', 'POST /api/v1/job-flows/:id/resume'],
  // The vault.
  ['AOUD/',
    'GET /vault', 'GET /vault/domains', 'GET /vault/domains/:name', 'GET /vault/domains/:name/edit', 'GET /vault/domains/:name/shred', 'GET /vault/grants', 'GET /vault/keys', 'GET /vault/keys/:name/uses', 'GET /vault/keys/:name/disable', 'GET /vault/keys/:name/schedule',
    'GET /vault/certificates', 'GET /vault/certificates/:name/remove', 'GET /vault/secrets', 'GET /vault/secrets/:name/remove',
    'GET /api/v1/vault/status', 'GET /api/v1/vault/domains', 'GET /api/v1/vault/domains/:id', 'GET /api/v1/vault/keys', 'GET /api/v1/vault/keys/:id', 'GET /api/v1/vault/keys/:id/uses', 'GET /api/v1/vault/key-sets/:id',
    'GET /api/v1/vault/certificates', 'GET /api/v1/vault/certificates/:id', 'GET /api/v1/vault/secrets', 'GET /api/v1/vault/secrets/:id'],
  ['AD/',
    'POST /vault/master-key/rotate', 'POST /vault/domains', 'POST /vault/domains/:name', 'POST /vault/domains/:name/rotate', 'POST /vault/domains/:name/shred', 'POST /vault/domains/:name/subjects/shred',
    'POST /vault/grants', 'POST /vault/grants/:id/remove', 'POST /vault/grants/:id/decide', 'POST /vault/keys', 'POST /vault/keys/import', 'POST /vault/keys/:name/rotate', 'POST /vault/keys/:name/disable', 'POST /vault/keys/:name/enable', 'POST /vault/keys/:name/schedule',
    'POST /vault/certificates', 'POST /vault/certificates/:name', 'POST /vault/certificates/:name/remove', 'POST /vault/secrets', 'POST /vault/secrets/:name', 'POST /vault/secrets/:name/remove',
    'POST /api/v1/vault/master-key/rotate', 'POST /api/v1/vault/domains', 'PUT /api/v1/vault/domains/:id', 'POST /api/v1/vault/domains/:id/rotate', 'POST /api/v1/vault/domains/:id/shred', 'POST /api/v1/vault/domains/:id/subjects/shred',
    'POST /api/v1/vault/grants', 'POST /api/v1/vault/grants/:id/decide', 'DELETE /api/v1/vault/grants/:id', 'POST /api/v1/vault/keys', 'POST /api/v1/vault/keys/:id/rotate', 'POST /api/v1/vault/keys/:id/disable', 'POST /api/v1/vault/keys/:id/enable', 'PUT /api/v1/vault/keys/:id/schedule',
    'PUT /api/v1/vault/certificates/:id', 'DELETE /api/v1/vault/certificates/:id', 'PUT /api/v1/vault/secrets/:id', 'DELETE /api/v1/vault/secrets/:id'],
  ['AU/',
    'GET /vault/reveals', 'GET /vault/reveals.csv', 'POST /vault/reveals/verify', 'POST /audit/verify',
    'GET /api/v1/vault/reveals', 'GET /api/v1/vault/reveals.csv', 'GET /api/v1/vault/reveals/verify', 'GET /api/v1/audit/verify'],
  // Records: reading.
  ['APCEOUDV/APCOUVo',
    'GET /applications/:id', 'GET /applications/:id/edit', 'GET /applications/:id/retire', 'GET /applications/:id/credentials/:credential/rotate', 'GET /applications/:id/credentials/:credential/confirm', 'GET /applications/:id/credentials/:credential/revoke',
    'GET /subscriptions/:id', 'GET /subscriptions/:id/retire', 'GET /api/v1/applications/:id', 'GET /api/v1/subscriptions/:id', 'GET /api/v1/credentials/:id'],
  ['APCEOUDV/APCOUVSo',
    'GET /apis/:id', 'GET /apis/:id/edit', 'GET /apis/:id/move', 'GET /groups/:id', 'GET /groups/:id/edit', 'GET /groups/:id/retire', 'GET /products/:id', 'GET /products/:id/edit', 'GET /products/:id/retire',
    'GET /organisations/:id', 'GET /organisations/:id/edit', 'GET /organisations/:id/retire', 'GET /apis/:id/reference', 'GET /api/v1/apis/:id/openapi.json',
    'GET /api/v1/organisations/:id', 'GET /api/v1/apis/:id', 'GET /api/v1/groups/:id', 'GET /api/v1/products/:id'],
  ['APCEOUDV/APCOUV',
    'GET /connectors/:id', 'GET /connectors/:id/edit', 'GET /connectors/:id/retire', 'GET /api/v1/connectors/:id', 'GET /api/v1/connectors/:id/status'],
  ['AU/AUo', 'GET /api/v1/members/:id'], // she is the member
  ['APOU/APOUo', 'GET /decisions/:id', 'GET /api/v1/decisions/:id'],
  ['AU/AUx', 'GET /audit', 'GET /ledgers', 'GET /ledger-key.pem', 'GET /api/v1/audit', 'GET /api/v1/records', 'GET /api/v1/ledgers', 'GET /api/v1/ledger-witnesses', 'GET /api/v1/ledger-key'],
  ['AU/AU',
    'GET /ledgers/:name', 'POST /ledgers/:name', 'GET /ledgers/:name/export', 'GET /ledgers/:name/proof/:number',
    'GET /api/v1/ledgers/:id', 'GET /api/v1/ledgers/:id/entries', 'GET /api/v1/ledgers/:id/verify', 'GET /api/v1/ledgers/:id/proof', 'GET /api/v1/ledgers/:id/growth', 'GET /api/v1/ledgers/:id/export'],
  // Records: writing.
  ['A/A',
    'POST /organisations/:id', 'POST /organisations/:id/retire', 'POST /organisations/:id/active', 'POST /organisations/:id/members', 'POST /organisations/:id/members/:member/remove',
    'PUT /api/v1/organisations/:id', 'PATCH /api/v1/organisations/:id', 'DELETE /api/v1/organisations/:id', 'POST /api/v1/members', 'PUT /api/v1/members/:id', 'PATCH /api/v1/members/:id', 'DELETE /api/v1/members/:id',
    'POST /connectors', 'POST /connectors/:id', 'POST /connectors/:id/retire', 'POST /connectors/:id/fetch', 'POST /connectors/:id/preview', 'POST /connectors/:id/secret',
    'POST /api/v1/connectors', 'PUT /api/v1/connectors/:id', 'PATCH /api/v1/connectors/:id', 'DELETE /api/v1/connectors/:id', 'PUT /api/v1/connectors/:id/secret', 'POST /api/v1/connectors/:id/fetch'],
  ['AP/APSo', 'POST /applications', 'POST /api/v1/applications'],
  ['AP/APo',
    'POST /applications/:id', 'POST /applications/:id/retire', 'POST /applications/:id/credentials', 'POST /applications/:id/credentials/:credential/rotate', 'POST /applications/:id/subscriptions', 'POST /subscriptions/:id/plan', 'POST /subscriptions/:id/retire',
    'PUT /api/v1/applications/:id', 'PATCH /api/v1/applications/:id', 'DELETE /api/v1/applications/:id', 'POST /api/v1/credentials', 'POST /api/v1/credentials/:id/rotate',
    'POST /api/v1/subscriptions', 'POST /api/v1/subscriptions/:id/plan', 'DELETE /api/v1/subscriptions/:id'],
  ['APO/APO', 'POST /applications/:id/active', 'POST /subscriptions/:id/decide', 'POST /api/v1/subscriptions/:id/decide'],
  ['APO/APOo',
    'POST /applications/:id/credentials/:credential/active', 'POST /applications/:id/credentials/:credential/revoke', 'POST /api/v1/credentials/:id/active', 'DELETE /api/v1/credentials/:id'],
  ['AP/', 'POST /applications/:id/credentials/:credential/confirm', 'POST /api/v1/credentials/:id/confirm'],
  ['AP/AP',
    'POST /plans', 'POST /plans/:id', 'POST /plans/:id/retire', 'POST /apis/:id/decide', 'POST /groups', 'POST /groups/:id', 'POST /groups/:id/retire', 'POST /products', 'POST /products/:id', 'POST /products/:id/retire',
    'POST /api/v1/plans', 'PUT /api/v1/plans/:id', 'PATCH /api/v1/plans/:id', 'DELETE /api/v1/plans/:id', 'POST /api/v1/apis/:id/decide',
    'POST /api/v1/groups', 'PUT /api/v1/groups/:id', 'PATCH /api/v1/groups/:id', 'DELETE /api/v1/groups/:id', 'POST /api/v1/products', 'PUT /api/v1/products/:id', 'PATCH /api/v1/products/:id', 'DELETE /api/v1/products/:id'],
  ['APCE/APC',
    'POST /apis', 'POST /apis/:id', 'POST /register-api', 'POST /api/v1/apis', 'PUT /api/v1/apis/:id', 'PATCH /api/v1/apis/:id', 'DELETE /api/v1/apis/:id', 'POST /api/v1/apis/register', 'POST /api/v1/apis/register-bulk'],
  ['APCEO/APCO', 'POST /apis/:id/move', 'POST /api/v1/apis/:id/move'],
  // Flows: of the own organisations.
  ['APCEOUDV/APCOUVx', 'GET /api/v1/flows', 'POST /api/v1/check'],
  ['APCE/APC', 'POST /api/v1/deploy', 'POST /api/v1/rollback', 'POST /api/v1/releases/:id/rollback', 'POST /api/releases/:id/rollback'],
]

/** By method and path. @throws when a route is named twice */
export function routeRoles(): ReadonlyMap<string, string> {
  const all = new Map<string, string>()
  for (const [who, ...routes] of lines) {
    for (const route of routes) {
      if (all.has(route)) throw new Error(`${route} is named twice.`)
      all.set(route, who)
    }
  }
  return all
}
