import type { CertificateFacts, Domain, DomainPart, GrantInput, Key, KeyAlgorithm, KeyKind, KeySchedulePart, KeyUse, KnownGrant, Page, Reveal, RevealVerdict, SecretFacts, VaultStatus } from '../../../control/contract.ts'
import { callControl, streamControl, type Target } from '../control-client.ts'
import { toFailure, toQuery } from '../records/client.ts'

/** The vault by the admin API under `/api/v1/vault`. Every method throws CommandFailed with what control said. */
export interface VaultAdminClient {
  status(): Promise<VaultStatus>
  rotateMasterKey(): Promise<VaultStatus>
  domains(): Promise<readonly Domain[]>
  domain(name: string): Promise<Domain>
  addDomain(name: string, part: DomainPart): Promise<Domain>
  changeDomain(name: string, part: DomainPart): Promise<Domain>
  rotateDomain(name: string): Promise<Domain>
  shredDomain(name: string, confirm: string): Promise<Domain>
  shredSubject(domain: string, subject: string): Promise<{ readonly shredded: number; readonly mark: string }>
  grants(query: { readonly application?: string | undefined; readonly domain?: string | undefined }): Promise<readonly KnownGrant[]>
  addGrant(grant: GrantInput): Promise<KnownGrant>
  decideGrant(id: string, agree: boolean): Promise<Partial<KnownGrant>>
  removeGrant(id: string): Promise<void>
  keys(): Promise<readonly Key[]>
  createKey(name: string, part: { readonly kind?: KeyKind | undefined; readonly algorithm?: KeyAlgorithm | undefined; readonly set?: string | undefined; readonly material?: string } & KeySchedulePart): Promise<Key>
  rotateKey(name: string): Promise<Key>
  scheduleKey(name: string, part: KeySchedulePart): Promise<Key>
  switchKey(name: string, act: 'disable' | 'enable', version: number | undefined): Promise<Key>
  keyUses(name: string, limit: number): Promise<readonly KeyUse[]>
  keySet(name: string): Promise<{ readonly keys: readonly unknown[] }>
  certificates(): Promise<readonly CertificateFacts[]>
  /** `isNew`: only where there is none yet, here and of secrets. */
  importCertificate(name: string, pem: string, isNew?: boolean): Promise<CertificateFacts>
  removeCertificate(name: string): Promise<void>
  secrets(): Promise<readonly SecretFacts[]>
  setSecret(name: string, value: string, description: string | undefined, isNew?: boolean): Promise<SecretFacts>
  removeSecret(name: string): Promise<void>
  reveals(query: RevealOptions & { readonly limit: number }): Promise<readonly Reveal[]>
  /** As CSV, piece by piece. */
  revealsCsv(query: RevealOptions & { readonly after?: number | undefined }): Promise<AsyncIterable<Uint8Array>>
  verifyReveals(): Promise<RevealVerdict>
}

export interface RevealOptions {
  readonly domain?: string | undefined
  readonly client?: string | undefined
}

export function createVaultAdminClient(target: Target): VaultAdminClient {
  const at = (...parts: readonly string[]) => `/api/v1/vault/${parts.map(encodeURIComponent).join('/')}`

  /** Who types a command means whatever there is. */
  const whichever = { 'if-match': '*' }
  const onlyNew = { 'if-none-match': '*' }

  async function call<Result>(what: string, method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Result> {
    const answer = await callControl(target, method, path, body, headers)
    if (answer.status >= 300) throw toFailure(what, answer)
    return answer.body as Result
  }
  const list = async <T>(what: string, path: string) => (await call<Page<T>>(`The ${what} could not be read`, 'GET', path)).items
  const unchanged = 'Nothing was changed'

  return {
    status: () => call('The vault could not be asked', 'GET', at('status')),
    rotateMasterKey: () => call(unchanged, 'POST', at('master-key', 'rotate')),
    domains: () => list('domains', at('domains')),
    domain: (name) => call(`“${name}” could not be read`, 'GET', at('domains', name)),
    addDomain: (name, part) => call('Not added', 'POST', at('domains'), { name, ...part }),
    changeDomain: (name, part) => call(unchanged, 'PUT', at('domains', name), part, whichever),
    rotateDomain: (name) => call(unchanged, 'POST', at('domains', name, 'rotate')),
    shredDomain: (name, confirm) => call('Nothing was shredded', 'POST', at('domains', name, 'shred'), { confirm }, whichever),
    shredSubject: (domain, subject) => call('Nothing was shredded', 'POST', at('domains', domain, 'subjects', 'shred'), { subject }),
    grants: (query) => list('grants', at('grants') + toQuery(query)),
    addGrant: (grant) => call('Not granted', 'POST', at('grants'), grant),
    decideGrant: (id, agree) => call('Nothing was decided', 'POST', at('grants', id, 'decide'), { agree }),
    removeGrant: async (id) => void (await call(unchanged, 'DELETE', at('grants', id))),
    keys: () => list('keys', at('keys')),
    createKey: (name, part) => call('No key was made', 'POST', at('keys'), { name, ...part }),
    rotateKey: (name) => call(unchanged, 'POST', at('keys', name, 'rotate'), undefined, whichever),
    scheduleKey: (name, part) => call(unchanged, 'PUT', at('keys', name, 'schedule'), part, whichever),
    switchKey: (name, act, version) => call(unchanged, 'POST', at('keys', name, act) + toQuery({ version }), undefined, whichever),
    keyUses: (name, limit) => list('uses', at('keys', name, 'uses') + toQuery({ limit })),
    keySet: (name) => call(`“${name}” could not be read`, 'GET', at('key-sets', name)),
    certificates: () => list('certificates', at('certificates')),
    importCertificate: (name, pem, isNew) => call('Not imported', 'PUT', at('certificates', name), { pem }, isNew ? onlyNew : whichever),
    removeCertificate: async (name) => void (await call(unchanged, 'DELETE', at('certificates', name), undefined, whichever)),
    secrets: () => list('secrets', at('secrets')),
    setSecret: (name, value, description, isNew) => call('The secret was not set', 'PUT', at('secrets', name), { value, ...(description === undefined ? {} : { description }) }, isNew ? onlyNew : whichever),
    removeSecret: async (name) => void (await call(unchanged, 'DELETE', at('secrets', name), undefined, whichever)),
    reveals: (query) => list('reveals', at('reveals') + toQuery(query)),
    async revealsCsv(query) {
      const { pieces, ...answer } = await streamControl(target, at('reveals.csv') + toQuery(query), { accept: 'text/csv' })
      if (!pieces) throw toFailure('The reveals could not be read', answer)
      return pieces
    },
    verifyReveals: () => call('The reveals could not be verified', 'GET', at('reveals', 'verify')),
  }
}
