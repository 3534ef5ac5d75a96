import type { DomainPart, GrantInput, KeySchedulePart, NewKey } from '../../control/contract.ts'
import type { Endpoint, QueryParameter, Reply } from './endpoint.ts'

const base = '/api/v1/vault'
const common = { tag: 'vault', status: 200 } as const
const reads = { ...common, method: 'GET', right: 'vault.read' } as const
const writes = { ...common, method: 'POST', right: 'vault.write' } as const
const word = (name: string, description: string): QueryParameter => ({ name, description, schema: { type: 'string', maxLength: 200 } })
const revealFilters = [word('domain', 'Of this domain only.'), word('client', 'By this application only.')]
const number = (name: string, description: string): QueryParameter => ({ name, description, schema: { type: 'integer', minimum: 0, maximum: 999_999_999 } })

/** With the ETag that a change of it names. */
async function one(found: Promise<{ readonly revision: number }>): Promise<Reply> {
  const body = await found
  return { body, version: body.revision }
}

async function secret(found: Promise<{ readonly version: number }>): Promise<Reply> {
  const body = await found
  return { body, version: body.version }
}

/** What operators and data officers do with the vault. Nothing of it belongs to an organisation but grants, which do to that of their application. */
export const vaultEndpoints: readonly Endpoint[] = [
  {
    ...reads, path: `${base}/status`, operation: 'getVaultStatus', summary: 'How the vault is: its master key, its store, and what a rotation has still to seal anew.', answer: { schema: 'VaultStatus' },
    handle: async ({ dataProtection, by }) => ({ body: await dataProtection.status(by) }),
  },
  {
    ...writes, path: `${base}/master-key/rotate`, operation: 'rotateMasterKey', summary: 'Makes a new master key; what older ones wrapped is wrapped anew in the background.', answer: { schema: 'VaultStatus' },
    handle: async ({ dataProtection, by }) => ({ body: await dataProtection.rotateMasterKey(by) }),
  },
  ...domainEndpoints(),
  ...grantEndpoints(),
  ...keyEndpoints(),
  ...certificateEndpoints(),
  ...secretEndpoints(),
  ...revealEndpoints(),
]

function domainEndpoints(): Endpoint[] {
  const path = `${base}/domains`
  const answer = { schema: 'VaultDomain' } as const
  return [
    {
      ...reads, path, operation: 'listVaultDomains', summary: 'Lists the domains of tokens.', answer: { schema: 'VaultDomain', page: true },
      handle: async ({ dataProtection, by }) => ({ body: { items: await dataProtection.domains.list(by) } }),
    },
    {
      ...writes, path, operation: 'createVaultDomain', summary: 'Makes a domain: where tokens are unique, and who may see what they stand for.', request: 'VaultDomainCreate', status: 201, answer,
      async handle({ dataProtection, body, by }) {
        const { name, ...part } = body as DomainPart & { readonly name: string }
        return { ...(await one(dataProtection.domains.create(name, part, by))), location: `${path}/${encodeURIComponent(name)}` }
      },
    },
    {
      ...reads, path: `${path}/:id`, operation: 'getVaultDomain', summary: 'Gives one domain.', answer,
      handle: ({ dataProtection, id, by }) => one(dataProtection.domains.get(id, by)),
    },
    {
      ...writes, method: 'PUT', path: `${path}/:id`, operation: 'changeVaultDomain', summary: 'Changes what the body names of the domain; the rest stays.', request: 'VaultDomainPart', answer, ifMatch: true,
      handle: ({ dataProtection, id, body, by, version }) => one(dataProtection.domains.change(id, body as DomainPart, by, version)),
    },
    {
      ...writes, path: `${path}/:id/rotate`, operation: 'rotateVaultDomain', summary: 'Makes a new data key; what older ones sealed is sealed anew in the background, and tokens stay as they are.', answer,
      handle: ({ dataProtection, id, by }) => one(dataProtection.domains.rotate(id, by)),
    },
    {
      ...writes, path: `${path}/:id/shred`, operation: 'shredVaultDomain', summary: 'Makes every value of the domain unreadable, for good. Its name is sent again.', request: 'VaultShred', answer, ifMatch: true,
      handle: ({ dataProtection, id, body, by, version }) => one(dataProtection.domains.shred(id, (body as { confirm: string }).confirm, by, version)),
    },
    {
      ...writes, path: `${path}/:id/subjects/shred`, operation: 'shredVaultSubject', summary: 'Makes every value of one data subject unreadable, for good.', request: 'VaultSubjectShred', answer: { schema: 'VaultSubjectShredded' }, confidential: true,
      handle: async ({ dataProtection, id, body, by }) => ({ body: await dataProtection.domains.shredSubject(id, (body as { subject: string }).subject, by) }),
    },
  ]
}

function grantEndpoints(): Endpoint[] {
  const path = `${base}/grants`
  return [
    {
      ...common, method: 'GET', path, operation: 'listVaultGrants', summary: 'Lists which application may see values of which domain for which purpose: all, or those of applications of the own organisations.',
      query: [word('application', 'Of this application only.'), word('domain', 'Of this domain only.')], answer: { schema: 'VaultGrant', page: true },
      handle: async ({ dataProtection, query, by }) => ({ body: { items: await dataProtection.grants.list(query as { application?: string; domain?: string }, by) } }),
    },
    {
      ...writes, path, operation: 'createVaultGrant', summary: 'Lets an application see values of a domain for a purpose; where its organisation wants four eyes, asks for it.', request: 'VaultGrantCreate', status: 201, answer: { schema: 'VaultGrant' },
      handle: async ({ dataProtection, body, by }) => ({ body: await dataProtection.grants.add(body as unknown as GrantInput, by) }),
    },
    {
      ...writes, path: `${path}/:id/decide`, operation: 'decideVaultGrant', summary: 'Agrees to a grant that somebody asked for, or turns it down.', request: 'VaultGrantDecision', answer: 'any',
      handle: async ({ dataProtection, id, body, by }) => ({ body: (await dataProtection.grants.decide(id, (body as { agree: boolean }).agree, by)) ?? {} }),
    },
    {
      ...writes, method: 'DELETE', path: `${path}/:id`, operation: 'removeVaultGrant', summary: 'Revokes a grant. It takes effect with the next reveal.', answer: 'any',
      async handle({ dataProtection, id, by }) {
        await dataProtection.grants.remove(id, by)
        return { body: {} }
      },
    },
  ]
}

function keyEndpoints(): Endpoint[] {
  const path = `${base}/keys`
  const answer = { schema: 'VaultKey' } as const
  const version = number('version', 'This version only; the whole key when absent.')
  return [
    {
      ...reads, path, operation: 'listVaultKeys', summary: 'Lists the keys by name, without their material.', answer: { schema: 'VaultKey', page: true },
      handle: async ({ dataProtection, by }) => ({ body: { items: await dataProtection.keys.list(by) } }),
    },
    {
      ...writes, path, operation: 'createVaultKey', summary: 'Makes a key, or imports one that was made elsewhere. Its material stays in the vault.', request: 'VaultKeyCreate', status: 201, answer, confidential: true,
      async handle({ dataProtection, body, by }) {
        const { name, ...part } = body as { readonly name: string } & NewKey
        return { ...(await one(dataProtection.keys.create(name, part, by))), location: `${path}/${encodeURIComponent(name)}` }
      },
    },
    {
      ...reads, path: `${path}/:id`, operation: 'getVaultKey', summary: 'Gives one key, without its material.', answer,
      handle: ({ dataProtection, id, by }) => one(dataProtection.keys.get(id, by)),
    },
    {
      ...reads, path: `${path}/:id/uses`, operation: 'listVaultKeyUses', summary: 'Who used a key, counted by the hour, the newest first; refused uses too.', query: [number('limit', '1 to 1000; 200 when absent.')], answer: { schema: 'VaultKeyUse', page: true },
      handle: async ({ dataProtection, id, query, by }) => ({ body: { items: await dataProtection.keys.uses(id, Math.min(1000, (query['limit'] as number | undefined) || 200), by) } }),
    },
    {
      ...writes, path: `${path}/:id/rotate`, operation: 'rotateVaultKey', summary: 'Makes a new version of the key; older ones go on decrypting and verifying.', answer, ifMatch: true,
      handle: ({ dataProtection, id, by, version: expected }) => one(dataProtection.keys.rotate(id, by, expected)),
    },
    {
      ...writes, method: 'PUT', path: `${path}/:id/schedule`, operation: 'scheduleVaultKey', summary: 'Says when the vault replaces the key by itself, and for how long older versions go on; null takes it away, what is left out stays.', request: 'VaultKeySchedule', answer, ifMatch: true,
      handle: ({ dataProtection, id, body, by, version: expected }) => one(dataProtection.keys.schedule(id, body as KeySchedulePart, by, expected)),
    },
    ...(['disable', 'enable'] as const).map((act): Endpoint => ({
      ...writes, path: `${path}/:id/${act}`, operation: `${act}VaultKey`, summary: act === 'disable' ? 'Switches a key off: whoever uses it is answered 409.' : 'Switches a key on again.', query: [version], answer, ifMatch: true,
      handle: ({ dataProtection, id, query, by, version: expected }) => one(dataProtection.keys.setState(id, act === 'disable' ? 'disabled' : 'active', query['version'] as number | undefined, by, expected)),
    })),
    {
      ...reads, path: `${base}/key-sets/:id`, operation: 'getVaultKeySet', summary: 'Public halves of a key set (JWKS, RFC 7517).', answer: { schema: 'VaultKeySet' },
      handle: async ({ dataProtection, id, by }) => ({ body: await dataProtection.keys.publicSet(id, by) }),
    },
  ]
}

function certificateEndpoints(): Endpoint[] {
  const path = `${base}/certificates`
  return [
    {
      ...reads, path, operation: 'listVaultCertificates', summary: 'Lists certificates with the days that they have left, the one that expires first at the top.', answer: { schema: 'VaultCertificate', page: true },
      handle: async ({ dataProtection, by }) => ({ body: { items: await dataProtection.certificates.list(by) } }),
    },
    {
      ...reads, path: `${path}/:id`, operation: 'getVaultCertificate', summary: 'Gives one certificate.', answer: { schema: 'VaultCertificate' },
      handle: ({ dataProtection, id, by }) => one(dataProtection.certificates.get(id, by)),
    },
    {
      ...writes, method: 'PUT', path: `${path}/:id`, operation: 'putVaultCertificate', summary: 'Imports a certificate, or its renewal.', request: 'VaultCertificateInput', answer: { schema: 'VaultCertificate' }, confidential: true, ifMatch: 'if-there',
      handle: ({ dataProtection, id, body, by, expected }) => one(dataProtection.certificates.put(id, (body as { pem: string }).pem, by, expected)),
    },
    {
      ...writes, method: 'DELETE', path: `${path}/:id`, operation: 'removeVaultCertificate', summary: 'Removes a certificate.', answer: 'any', ifMatch: true,
      async handle({ dataProtection, id, by, version }) {
        await dataProtection.certificates.remove(id, by, version)
        return { body: {} }
      },
    },
  ]
}

function secretEndpoints(): Endpoint[] {
  const path = `${base}/secrets`
  return [
    {
      ...reads, path, operation: 'listVaultSecrets', summary: 'Lists secrets by name. A value is in no answer.', answer: { schema: 'VaultSecret', page: true },
      handle: async ({ dataProtection, by }) => ({ body: { items: await dataProtection.secrets.list(by) } }),
    },
    {
      ...reads, path: `${path}/:id`, operation: 'getVaultSecret', summary: 'Gives one secret, without its value.', answer: { schema: 'VaultSecret' },
      handle: ({ dataProtection, id, by }) => secret(dataProtection.secrets.get(id, by)),
    },
    {
      ...writes, method: 'PUT', path: `${path}/:id`, operation: 'setVaultSecret', summary: 'Sets a secret, or its next value; gateways take it into use without a deploy.', request: 'VaultSecretInput', answer: { schema: 'VaultSecret' }, confidential: true, ifMatch: 'if-there',
      handle({ dataProtection, id, body, by, expected }) {
        const { value, description } = body as { value: string; description?: string }
        return secret(dataProtection.secrets.set(id, value, description, by, expected))
      },
    },
    {
      ...writes, method: 'DELETE', path: `${path}/:id`, operation: 'removeVaultSecret', summary: 'Removes a secret. Flows that name it are refused until there is one again.', answer: 'any', ifMatch: true,
      async handle({ dataProtection, id, by, version }) {
        await dataProtection.secrets.remove(id, by, version)
        return { body: {} }
      },
    },
  ]
}

function revealEndpoints(): Endpoint[] {
  const path = `${base}/reveals`
  const limit: QueryParameter = { name: 'limit', description: 'Records per page; 50 when absent.', schema: { type: 'integer', minimum: 1, maximum: 200 } }
  const audits = { ...common, method: 'GET', right: 'reveals.read' } as const
  return [
    {
      ...audits, path, operation: 'listReveals', summary: 'Lists who saw, or was refused, what, newest first. No value and no token is in it.', query: [limit, word('cursor', '`next` of the page before.'), ...revealFilters], answer: { schema: 'VaultReveal', page: true },
      handle: async ({ dataProtection, query, by }) => ({ body: await dataProtection.reveals.list(query as { limit?: number }, by) }),
    },
    {
      ...audits, path: `${path}.csv`, operation: 'downloadReveals', summary: 'All of them as CSV, oldest first; `after` begins behind the last one of the download before.', query: [number('after', 'Number of the last one that is not wanted.'), ...revealFilters], answer: 'csv',
      handle: async ({ dataProtection, query, by }) => ({ body: await dataProtection.reveals.csv(query as { after?: number }, by) }),
    },
    {
      ...audits, path: `${path}/verify`, operation: 'verifyReveals', summary: 'Reads the whole record of reveals and names the first bad entry.', answer: { schema: 'VaultRevealVerdict' },
      handle: async ({ dataProtection, by }) => ({ body: await dataProtection.reveals.verify(by) }),
    },
  ]
}
