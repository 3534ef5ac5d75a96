import { fault } from '../../runtime/core/fault.ts'
import type { DomainPart, Expected, Grant, KeySchedulePart, NewKey, RevealQuery, VaultDesk } from '../contract.ts'

/** A request of control: parts of its path, what it asks for, what it carries, and who stands behind it. */
export interface DeskCall {
  readonly names: readonly string[]
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
  readonly by: string
  readonly expected: Expected
}

export interface DeskRoute {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** `:` stands for one name. */
  readonly path: string
  /** `undefined`: done, and nothing to say (204). */
  answer(desk: VaultDesk, call: DeskCall): Promise<unknown>
}

const items = async (list: Promise<readonly unknown[]>) => ({ items: await list })

/** What control may do, one line each; the comment at `VaultDesk` says the same. */
export const deskRoutes: readonly DeskRoute[] = [
  route('GET', '/v1/domains', (desk) => items(desk.domains.list())),
  route('GET', '/v1/domains/:', async (desk, { names: [name = ''] }) => found((await desk.domains.list()).find((one) => one.name === name))),
  route('PUT', '/v1/domains/:', (desk, { names: [name = ''], body, by, expected }) => desk.domains.put(name, body as DomainPart, by, expected)),
  route('POST', '/v1/domains/:/rotate', (desk, { names: [name = ''], by }) => desk.domains.rotate(name, by)),
  route('POST', '/v1/domains/:/shred', (desk, { names: [name = ''], by, expected }) => desk.domains.shred(name, by, expected)),
  route('POST', '/v1/domains/:/subjects/shred', (desk, { names: [name = ''], body, by }) => desk.domains.shredSubject(name, text(body, 'subject'), by)),
  route('GET', '/v1/grants', (desk) => items(desk.grants.list())),
  route('POST', '/v1/grants', (desk, { body, by }) => desk.grants.add(toGrant(body), by)),
  route('DELETE', '/v1/grants/:', (desk, { names: [id = ''], by }) => desk.grants.remove(id, by)),
  route('GET', '/v1/keys', (desk) => items(desk.keys.list())),
  route('GET', '/v1/keys/:', async (desk, { names: [name = ''] }) => found((await desk.keys.list()).find((one) => one.name === name))),
  route('PUT', '/v1/keys/:', (desk, { names: [name = ''], body, by }) => desk.keys.create(name, body as unknown as NewKey, by)),
  route('GET', '/v1/keys/:/uses', (desk, { names: [name = ''], query }) => items(desk.keys.uses(name, toRevealQuery(query).limit))),
  route('POST', '/v1/keys/:/rotate', (desk, { names: [name = ''], by, expected }) => desk.keys.rotate(name, by, expected)),
  route('PUT', '/v1/keys/:/schedule', (desk, { names: [name = ''], body, by, expected }) => desk.keys.schedule(name, body as KeySchedulePart, by, expected)),
  route('POST', '/v1/keys/:/disable', (desk, { names: [name = ''], body, by, expected }) => desk.keys.setState(name, 'disabled', by, version(body), expected)),
  route('POST', '/v1/keys/:/enable', (desk, { names: [name = ''], body, by, expected }) => desk.keys.setState(name, 'active', by, version(body), expected)),
  route('GET', '/v1/key-sets/:', (desk, { names: [name = ''] }) => desk.keys.publicSet(name)),
  route('GET', '/v1/certificates', (desk) => items(desk.certificates.list())),
  route('GET', '/v1/certificates/:', async (desk, { names: [name = ''] }) => found((await desk.certificates.list()).find((one) => one.name === name))),
  route('PUT', '/v1/certificates/:', (desk, { names: [name = ''], body, by, expected }) => desk.certificates.put(name, text(body, 'pem'), by, expected)),
  route('DELETE', '/v1/certificates/:', (desk, { names: [name = ''], by, expected }) => desk.certificates.remove(name, by, expected)),
  route('GET', '/v1/secrets-list', (desk) => items(desk.secrets.list())),
  route('PUT', '/v1/secrets/:', (desk, { names: [name = ''], body, by, expected }) => desk.secrets.put(name, text(body, 'value'), body.description === undefined ? undefined : text(body, 'description'), by, expected)),
  route('DELETE', '/v1/secrets/:', (desk, { names: [name = ''], by, expected }) => desk.secrets.remove(name, by, expected)),
  route('GET', '/v1/reveals', (desk, { query }) => items(desk.reveals.list(toRevealQuery(query)))),
  route('GET', '/v1/reveals/verify', (desk) => desk.reveals.verify()),
  route('POST', '/v1/master-key/rotate', (desk, { by }) => desk.rotateMasterKey(by)),
  route('GET', '/v1/status', (desk) => desk.status()),
]

/** The route of a path, with the names in it; its methods when there is none of this one. */
export function findDeskRoute(method: string, path: string): { readonly route?: DeskRoute; readonly names: readonly string[]; readonly allow: readonly string[] } {
  const parts = path.split('/')
  const fitting = deskRoutes.filter((one) => fits(one.path.split('/'), parts))
  // A written word goes before a name: `/v1/reveals/verify`.
  const found = fitting.filter((one) => one.method === method).toSorted((a, b) => a.path.split(':').length - b.path.split(':').length)[0]
  if (!found) return { names: [], allow: fitting.map((one) => one.method) }
  const pattern = found.path.split('/')
  return { route: found, names: parts.filter((_, place) => pattern[place] === ':').map(decode), allow: [] }
}

function route(method: DeskRoute['method'], path: string, answer: DeskRoute['answer']): DeskRoute {
  return { method, path, answer }
}

function fits(pattern: readonly string[], parts: readonly string[]): boolean {
  return pattern.length === parts.length && pattern.every((part, place) => (part === ':' ? parts[place] !== '' : part === parts[place]))
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw fault('request.malformed', { reason: 'the path is not encoded as a URL' })
  }
}

function found<T>(thing: T | undefined): T {
  if (thing === undefined) throw fault('route.none', { method: 'GET', path: 'this name' })
  return thing
}

function text(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name]
  if (typeof value !== 'string') throw fault('request.malformed', { reason: `“${name}” must be a text` })
  return value
}

function toGrant(body: Readonly<Record<string, unknown>>): Pick<Grant, 'domain' | 'client' | 'purpose' | 'until'> {
  return { domain: text(body, 'domain'), client: text(body, 'client'), purpose: text(body, 'purpose'), ...(body.until === undefined || body.until === null ? {} : { until: text(body, 'until') }) }
}

function version(body: Readonly<Record<string, unknown>>): number | undefined {
  if (body.version === undefined) return undefined
  if (!Number.isSafeInteger(body.version)) throw fault('request.malformed', { reason: '“version” must be a whole number' })
  return body.version as number
}

function toRevealQuery(query: URLSearchParams): RevealQuery {
  const number = (name: string) => {
    const given = query.get(name)
    if (given === null) return undefined
    if (!/^\d{1,15}$/.test(given)) throw fault('request.malformed', { reason: `“${name}” must be a whole number` })
    return Number(given)
  }
  const [after, before, limit] = [number('after'), query.get('before') === 'newest' ? ('newest' as const) : number('before'), number('limit')]
  const [domain, client] = [query.get('domain'), query.get('client')]
  return {
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
    ...(limit === undefined ? {} : { limit: Math.min(1000, Math.max(1, limit)) }),
    ...(domain === null ? {} : { domain }),
    ...(client === null ? {} : { client }),
  }
}
