import type { Connector, ConnectorInput, CredentialMap } from '../contract.ts'
import type { Problem } from '../../runtime/core/flow.ts'
import { invalid, problem } from '../consumers/check.ts'
import { diffJson } from '../consumers/json.ts'
import type { Body, Kind } from '../consumers/kind.ts'
import { applications, credentials, subscriptions } from '../consumers/kinds.ts'
import { bodyOf, notAllowed, type Unit } from '../consumers/unit.ts'
import { connectorInput } from './schemas.ts'

/** Name under which a connector writes: into the audit log, and into `managedBy` of what it wrote. */
export const writerOf = (id: string) => `connector:${id}`

const defaults = { active: true, everySeconds: 30, timeoutMs: 10_000, limitBytes: 16_777_216, auth: { kind: 'none' }, onMissing: 'suspend', maxDropShare: 0.2 } as const

/** What a credential of a kind is known by. */
const wanted: Readonly<Record<CredentialMap['kind'], readonly (readonly (keyof CredentialMap)[])[]>> = {
  certificate: [['fingerprint', 'san']],
  jwt: [['issuer', 'issuerAt'], ['subject']],
  key: [['prefix'], ['hash']],
}

export const connectors: Kind = {
  name: 'connectors',
  schema: 'Connector',
  fields: Object.keys(connectorInput.properties as object),
  idOf: (body) => body.name as string,
  async settle(unit, input, before, id) {
    const body = { ...defaults, idPrefix: `${id.slice(0, 39)}.`, ...input } as unknown as Connector
    const problems = [...(await checkOrganisation(unit, body, before as Partial<Connector> | undefined)), ...checkUrl(body.url), ...checkAuth(body.auth), ...checkMap(body.map)]
    if (before && before.idPrefix !== body.idPrefix && (await managed(unit, id)).length > 0) {
      problems.push(problem('/idPrefix', 'Applications have the ids it began with already.', 'Leave it, or make another connector.'))
    }
    if (problems.length > 0) throw invalid(problems)
    // A secret is for the server that it was given for.
    const hasSecret = before?.hasSecret === true && originOf(before.url as string) === originOf(body.url) && body.auth.kind !== 'none'
    const changed = before === undefined || diffJson([before.url, before.map, before.tls], [body.url, body.map, body.tls]).length > 0
    const trusted = unit.access.may('credentials.write') || (before?.trusted === true && !changed)
    return { ...body, hasSecret, trusted } as unknown as Body
  },
  columns: (body) => ({ organisation: body.organisation as string, name: body.name as string, state: body.active ? 'active' : 'suspended' }),
  mayWrite(unit, body, before) {
    if (!unit.access.may('connectors.write', body.organisation as string)) throw notAllowed('change connectors of this organisation')
    // TLS configurations are part of everybody's flows: who runs one organisation does not borrow their certificates.
    if (body.tls !== undefined && body.tls !== before?.tls && !unit.access.may('connectors.write')) throw notAllowed('use a TLS configuration of the flows; ask an administrator')
  },
  /** What it fetched stays, and is from now on kept by people. */
  async beforeRetire(unit, row) {
    for (const { kind, row: one } of await managed(unit, row.id)) {
      const { managedBy: _writer, ...body } = bodyOf(one)
      await unit.change(kind, one, body, 'release')
    }
  },
}

/** Records that a connector keeps, applications first. */
async function managed(unit: Unit, id: string) {
  const writer = writerOf(id)
  const rows = await unit.tables.consumers.byParents('applications', [writer])
  const found = rows.map((row) => ({ kind: applications, row }))
  const ids = rows.map((row) => row.id)
  for (const kind of [credentials, subscriptions]) {
    for (const row of await unit.tables.consumers.byParents(kind.name, ids)) if (bodyOf(row).managedBy === writer) found.push({ kind, row })
  }
  return found
}

/** Scheme, host and port of a URL; empty for what is none. */
export function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : ''
}

async function checkOrganisation(unit: Unit, body: Connector, before: Partial<Connector> | undefined): Promise<Problem[]> {
  if (before && before.organisation !== body.organisation) return [problem('/organisation', 'A record stays with its organisation.', 'Make a new record in the other organisation.')]
  if (await unit.live('organisations', body.organisation)) return []
  return [problem('/organisation', `There is no organisation “${body.organisation}”.`, 'Make it first.')]
}

/** Plain http is for a service on this machine: names of partners and hashes of keys do not travel in clear. */
function checkUrl(text: string): Problem[] {
  if (!URL.canParse(text)) return [problem('/url', `“${text}” is no URL.`, 'Write it as https://partners.example.org/v1/partners.')]
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return [problem('/url', 'The URL holds a user name or password.', 'Choose how to sign in, and set the secret apart.')]
  const loopback = hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
  if (protocol === 'https:' || (protocol === 'http:' && loopback)) return []
  return [problem('/url', 'Only https is taken, or http to this machine.', 'Write it as https://partners.example.org/v1/partners.')]
}

function checkAuth(auth: NonNullable<ConnectorInput['auth']>): Problem[] {
  const { user } = auth
  if (auth.kind === 'basic' && user === undefined) return [problem('/auth/user', '“user” is missing.', 'Send it.')]
  if (auth.kind !== 'basic' && user !== undefined) return [problem('/auth/user', `Signing in by ${auth.kind} has no user.`, 'Leave it out.')]
  if (auth.kind === 'basic' && user?.includes(':')) return [problem('/auth/user', 'The user of Basic has no colon (RFC 7617).', 'Check how it is spelt.')]
  return []
}

function checkMap(map: Connector['map']): Problem[] {
  const problems: Problem[] = []
  for (const [index, one] of (map.credentials ?? []).entries()) {
    const base = `/map/credentials/${index}`
    for (const choice of wanted[one.kind]) {
      const given = choice.filter((field) => one[field] !== undefined)
      if (given.length !== 1) problems.push(problem(`${base}/${choice[0]}`, `A credential of kind ${one.kind} is known by exactly one of ${choice.join(', ')}.`, 'Say where it is.'))
    }
    const known = new Set<string>(wanted[one.kind].flat())
    for (const field of Object.values(wanted).flat(2)) {
      if (one[field] !== undefined && !known.has(field)) problems.push(problem(`${base}/${field}`, `A credential of kind ${one.kind} has no ${field}.`, 'Leave it out.'))
    }
    if (one.environment !== undefined && one.environmentAt !== undefined) problems.push(problem(`${base}/environmentAt`, 'It has one environment, and says where another is.', 'Send one of environment and environmentAt.'))
  }
  for (const [index, one] of (map.subscriptions ?? []).entries()) {
    if (one.plan === undefined && one.defaultPlan === undefined) problems.push(problem(`/map/subscriptions/${index}/plan`, 'A subscription needs a plan.', 'Say where it is, or which one it is by default.'))
  }
  return problems
}
