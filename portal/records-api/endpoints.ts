import type { AuditQuery, Consumers, DecisionQuery, Lifecycle, RecordHead, Records, Right } from '../../control/contract.ts'
import { cacheEndpoints } from './cache-endpoints.ts'
import { jobEndpoints } from './job-endpoints.ts'
import { ledgerEndpoints } from './ledger-endpoints.ts'
import { queueEndpoints } from './queue-endpoints.ts'
import { registerEndpoints } from './register-endpoints.ts'
import { vaultEndpoints } from './vault-endpoints.ts'
import type { Call, Endpoint, QueryParameter, Reply } from './endpoint.ts'

const base = '/api/v1'

interface KindOfRecord {
  readonly name: 'organisations' | 'members' | 'applications' | 'plans' | 'apis' | 'groups' | 'products' | 'connectors'
  readonly schema: string
  readonly one: string
  readonly write: Right
  /** Absent: everybody signed in may read every one. */
  readonly read?: Right
}

const kinds: readonly KindOfRecord[] = [
  { name: 'organisations', schema: 'Organisation', one: 'organisation', write: 'organisations.write', read: 'records.read' },
  { name: 'members', schema: 'Member', one: 'membership', write: 'members.write', read: 'members.read' },
  { name: 'applications', schema: 'Application', one: 'application', write: 'applications.write', read: 'records.read' },
  { name: 'plans', schema: 'Plan', one: 'plan', write: 'plans.write' },
  { name: 'apis', schema: 'Api', one: 'API', write: 'apis.write', read: 'records.read' },
  { name: 'groups', schema: 'Group', one: 'group of APIs', write: 'groups.write', read: 'records.read' },
  { name: 'products', schema: 'Product', one: 'API product', write: 'products.write', read: 'records.read' },
  { name: 'connectors', schema: 'Connector', one: 'connector to a partner service', write: 'connectors.write', read: 'records.read' },
]

const limit: QueryParameter = { name: 'limit', description: 'Records per page; 50 when absent.', schema: { type: 'integer', minimum: 1, maximum: 200 } }
const cursor: QueryParameter = { name: 'cursor', description: '`next` of the page before.', schema: { type: 'string', maxLength: 400 } }
const word = (name: string, description: string): QueryParameter => ({ name, description, schema: { type: 'string', maxLength: 200 } })
const flag = (name: string, description: string): QueryParameter => ({ name, description, schema: { type: 'boolean' } })

const listQuery: readonly QueryParameter[] = [
  limit, cursor, word('search', 'Part of id or name, whatever the case.'), word('organisation', 'Records of this organisation only.'),
  word('state', 'Lifecycle of APIs, state of subscriptions, `active` or `suspended` of others.'), flag('retired', 'Also what was retired.'),
]
const ofApplication = word('application', 'Records of this application only.')

/** Every operation on the records of consumers. */
export const endpoints: readonly Endpoint[] = [
  ...kinds.flatMap(recordEndpoints),
  ...registerEndpoints,
  ...lifecycleEndpoints(),
  ...subscriptionEndpoints(),
  ...credentialEndpoints(),
  ...connectorEndpoints(),
  ...otherEndpoints(),
  ...cacheEndpoints,
  ...queueEndpoints,
  ...jobEndpoints,
  ...vaultEndpoints,
  ...ledgerEndpoints,
]

const recordReply = (record: RecordHead): Reply => ({ body: record, version: record.version })

function recordEndpoints({ name, schema, one, write, read }: KindOfRecord): Endpoint[] {
  const of = ({ consumers }: Call) => consumers[name] as unknown as Records<RecordHead, Record<string, unknown>>
  const common = { tag: name, ...(read === undefined ? {} : { right: read }) }
  return [
    {
      ...listOf(name, schema, `Lists ${name}, page by page.`), query: listQuery,
      handle: async (call) => ({ body: await of(call).list(call.query, call.by) }),
    },
    {
      method: 'POST', path: `${base}/${name}`, operation: `create${schema}`, summary: `Makes a new ${one}.`, tag: name, right: write, request: `${schema}Create`, status: 201, answer: { schema },
      async handle(call) {
        const record = await of(call).create(call.body as Record<string, unknown>, call.by)
        return { ...recordReply(record), location: `${base}/${name}/${encodeURIComponent(record.id)}` }
      },
    },
    {
      ...common, method: 'GET', path: `${base}/${name}/:id`, operation: `get${schema}`, summary: `Gives one ${one}, also a retired one.`, status: 200, answer: { schema },
      handle: async (call) => recordReply(await of(call).get(call.id, call.by)),
    },
    {
      method: 'PUT', path: `${base}/${name}/:id`, operation: `replace${schema}`, summary: `Replaces what the ${one} says.`, tag: name, right: write, request: `${schema}Input`, status: 200, answer: { schema }, ifMatch: true,
      handle: async (call) => recordReply(await of(call).replace(call.id, call.body as Record<string, unknown>, call.version, call.by)),
    },
    {
      method: 'PATCH', path: `${base}/${name}/:id`, operation: `patch${schema}`, summary: `Changes parts of the ${one} (JSON merge patch, RFC 7396).`, tag: name, right: write, request: `${schema}Patch`, status: 200, answer: { schema }, ifMatch: true,
      handle: async (call) => recordReply(await of(call).patch(call.id, call.body as Record<string, unknown>, call.version, call.by)),
    },
    {
      method: 'DELETE', path: `${base}/${name}/:id`, operation: `retire${schema}`, summary: `Retires the ${one}. It stays readable and answers no more calls.`, tag: name, right: write, status: 200, answer: { schema }, ifMatch: true,
      handle: async (call) => recordReply(await of(call).retire(call.id, call.version, call.by)),
    },
  ]
}

function listOf(name: string, schema: string, summary: string) {
  return { method: 'GET', path: `${base}/${name}`, operation: `list${name[0]!.toUpperCase()}${name.slice(1)}`, summary, tag: name, status: 200, answer: { schema, page: true } } as const
}

function lifecycleEndpoints(): Endpoint[] {
  const common = { method: 'POST', tag: 'apis', status: 200, answer: { schema: 'Api' }, ifMatch: true } as const
  return [
    {
      ...common, path: `${base}/apis/:id/move`, operation: 'moveApi', right: 'apis.write', request: 'ApiMove',
      summary: 'Moves the API along its lifecycle, or asks for it where somebody else has to agree.',
      handle: async ({ consumers, id, body, version, by }) => recordReply(await consumers.apis.move(id, (body as { to: Lifecycle }).to, version, by)),
    },
    {
      ...common, path: `${base}/apis/:id/decide`, operation: 'decideApiMove', right: 'apis.publish', request: 'ApiDecision', summary: 'Agrees to the move that somebody asked for, or turns it down.',
      handle: async ({ consumers, id, body, version, by }) => recordReply(await consumers.apis.decide(id, (body as { agree: boolean }).agree, version, by)),
    },
  ]
}

function subscriptionEndpoints(): Endpoint[] {
  const common = { tag: 'subscriptions', status: 200, answer: { schema: 'Subscription' } } as const
  const path = `${base}/subscriptions`
  return [
    {
      ...listOf('subscriptions', 'Subscription', 'Lists subscriptions, page by page.'), query: [...listQuery, ofApplication],
      handle: async ({ consumers, query, by }) => ({ body: await consumers.subscriptions.list(query, by) }),
    },
    {
      ...common, method: 'POST', path, operation: 'createSubscription', right: 'subscriptions.write', request: 'SubscriptionCreate', status: 201,
      summary: 'Subscribes an application to an API, group or product by a plan.',
      async handle({ consumers, body, by }) {
        const record = await consumers.subscriptions.create(body as never, by)
        return { ...recordReply(record), location: `${path}/${encodeURIComponent(record.id)}` }
      },
    },
    {
      ...common, method: 'GET', path: `${path}/:id`, operation: 'getSubscription', right: 'records.read', summary: 'Gives one subscription.',
      handle: async ({ consumers, id, by }) => recordReply(await consumers.subscriptions.get(id, by)),
    },
    {
      ...common, method: 'POST', path: `${path}/:id/plan`, operation: 'changeSubscriptionPlan', right: 'subscriptions.write', request: 'SubscriptionPlan', ifMatch: true,
      summary: 'Gives the subscription another plan; it may need approval anew.',
      handle: async ({ consumers, id, body, version, by }) => recordReply(await consumers.subscriptions.changePlan(id, (body as { plan: string }).plan, version, by)),
    },
    {
      ...common, method: 'POST', path: `${path}/:id/decide`, operation: 'decideSubscription', right: 'subscriptions.approve', request: 'SubscriptionDecision', ifMatch: true,
      summary: 'Approves, refuses, suspends or resumes the subscription.',
      async handle({ consumers, id, body, version, by }) {
        const { act, reason } = body as { act: 'approve' | 'refuse' | 'suspend' | 'resume'; reason?: string }
        return recordReply(await consumers.subscriptions.decide(id, act, { ...(reason === undefined ? {} : { reason }), ...(version === undefined ? {} : { version }) }, by))
      },
    },
    {
      ...common, method: 'DELETE', path: `${path}/:id`, operation: 'retireSubscription', right: 'subscriptions.write', ifMatch: true, summary: 'Ends the subscription.',
      handle: async ({ consumers, id, version, by }) => recordReply(await consumers.subscriptions.retire(id, version, by)),
    },
  ]
}

function credentialEndpoints(): Endpoint[] {
  const path = `${base}/credentials`
  const common = { tag: 'credentials', status: 200, answer: { schema: 'Credential' } } as const
  const issued = async (work: ReturnType<Consumers['credentials']['create']>): Promise<Reply> => {
    const made = await work
    return { body: made, version: made.credential.version, location: `${path}/${made.credential.id}` }
  }
  return [
    {
      ...listOf('credentials', 'Credential', 'Lists credentials, page by page; never a secret.'), query: [...listQuery, ofApplication],
      handle: async ({ consumers, query, by }) => ({ body: await consumers.credentials.list(query, by) }),
    },
    {
      ...common, method: 'POST', path, operation: 'createCredential', right: 'credentials.write', request: 'CredentialCreate', status: 201, answer: { schema: 'IssuedCredential' },
      summary: 'Gives an application a credential. Its secret is in this answer and nowhere else.',
      handle: async ({ consumers, body, by }) => await issued(consumers.credentials.create(body as never, by)),
    },
    {
      ...common, method: 'GET', path: `${path}/:id`, operation: 'getCredential', right: 'records.read', summary: 'Gives one credential, without its secret.',
      handle: async ({ consumers, id, by }) => recordReply(await consumers.credentials.get(id, by)),
    },
    {
      ...common, method: 'POST', path: `${path}/:id/rotate`, operation: 'rotateCredential', right: 'credentials.write', request: 'CredentialRotation', status: 201, answer: { schema: 'IssuedCredential' }, ifMatch: true,
      summary: 'Makes a successor; the old one stays, or ends after a while.',
      async handle({ consumers, id, body, version, by }) {
        const { oldEndsInMs } = body as { oldEndsInMs?: number }
        return await issued(consumers.credentials.rotate(id, { ...(oldEndsInMs === undefined ? {} : { oldEndsInMs }), ...(version === undefined ? {} : { version }) }, by))
      },
    },
    {
      ...common, method: 'POST', path: `${path}/:id/confirm`, operation: 'confirmCredential', right: 'credentials.write', request: 'CredentialConfirmation', ifMatch: true,
      summary: 'Confirms that a claimed subject or certificate is the application’s. Needs the right everywhere.',
      handle: async ({ consumers, id, body, version, by }) => recordReply(await consumers.credentials.confirm(id, { ...(body as { takeOver?: boolean }), ...(version === undefined ? {} : { version }) }, by)),
    },
    {
      ...common, method: 'POST', path: `${path}/:id/active`, operation: 'switchCredential', right: 'credentials.revoke', request: 'CredentialSwitch', ifMatch: true, summary: 'Switches the credential off, or on again.',
      handle: async ({ consumers, id, body, version, by }) => recordReply(await consumers.credentials.setActive(id, (body as { active: boolean }).active, version, by)),
    },
    {
      ...common, method: 'DELETE', path: `${path}/:id`, operation: 'revokeCredential', right: 'credentials.revoke', ifMatch: true, summary: 'Revokes the credential for good.',
      handle: async ({ consumers, id, version, by }) => recordReply(await consumers.credentials.revoke(id, version, by)),
    },
  ]
}

function connectorEndpoints(): Endpoint[] {
  const common = { tag: 'connectors', status: 200 } as const
  const path = `${base}/connectors/:id`
  return [
    {
      ...common, method: 'PUT', path: `${path}/secret`, operation: 'setConnectorSecret', right: 'connectors.write', request: 'ConnectorSecret', answer: { schema: 'Connector' }, ifMatch: true,
      summary: 'Sets what control signs in with at the partner service, or takes it away. It is never answered.',
      handle: async ({ consumers, id, body, version, by }) => recordReply(await consumers.connectors.setSecret(id, (body as { secret: string | null }).secret, version, by)),
    },
    {
      ...common, method: 'GET', path: `${path}/status`, operation: 'getConnectorStatus', right: 'records.read', answer: { schema: 'ConnectorStatus' }, summary: 'When it fetched last, how that went, and when it fetches next.',
      handle: async ({ consumers, id, by }) => ({ body: await consumers.connectors.status(id, by) }),
    },
    {
      ...common, method: 'POST', path: `${path}/fetch`, operation: 'fetchConnector', right: 'connectors.write', answer: { schema: 'ConnectorFetch' }, summary: 'Fetches now. With dryRun it only says what would be different.',
      query: [flag('dryRun', 'Only say what would be different.'), flag('force', 'Also when more would be shut out than may be at once.')],
      handle: async ({ consumers, id, query, by }) => ({ body: await consumers.connectors.fetch(id, { dryRun: query.dryRun === true, force: query.force === true }, by) }),
    },
  ]
}

function otherEndpoints(): Endpoint[] {
  return [
    {
      method: 'GET', path: `${base}/audit`, operation: 'listAudit', summary: 'Lists the audit log, newest first.', tag: 'audit', right: 'audit.read', status: 200, answer: { schema: 'AuditRecord', page: true },
      query: [limit, cursor, word('subject', 'Such as `applications/shop`.'), word('user', 'Acts of this user only.'), word('action', 'Such as `applications.create`.'), word('organisation', 'Of this organisation only.')],
      handle: async ({ consumers, query, by }) => ({ body: await consumers.audit.list(query as AuditQuery, by) }),
    },
    {
      method: 'GET', path: `${base}/audit/verify`, operation: 'verifyAudit', summary: 'Reads the whole audit log and names the first bad record.', tag: 'audit', right: 'audit.read', status: 200, answer: { schema: 'AuditVerdict' },
      handle: async ({ consumers, by }) => ({ body: await consumers.audit.verify(by) }),
    },
    {
      ...listOf('decisions', 'Decision', 'Lists why calls were refused, newest first: of the organisations where whoever asks may read them, and of own applications.'),
      query: [
        limit, cursor, word('application', 'Calls of this application only.'), word('api', 'Calls of this API only.'), word('code', 'Such as `quota.exceeded`.'),
        word('organisation', 'Of the application or of the API.'), word('from', 'RFC 3339; this moment and later.'), word('to', 'RFC 3339; this moment and earlier.'),
      ],
      handle: async ({ decisions, query, by }) => ({ body: await decisions.list(query as DecisionQuery, by) }),
    },
    {
      method: 'GET', path: `${base}/decisions/:id`, operation: 'getDecision', tag: 'decisions', right: 'decisions.read', status: 200, answer: { schema: 'Decision' },
      summary: 'Why a call was refused: what was looked at, what decided, when it passes. Owners of the application see what concerns their call.',
      handle: async ({ decisions, id, by }) => ({ body: await decisions.get(id, by) }),
    },
    {
      method: 'GET', path: `${base}/records`, operation: 'exportRecords', summary: 'All records as YAML, without credentials.', tag: 'records', right: 'records.export', status: 200, answer: 'yaml',
      handle: async ({ consumers, by }) => ({ body: await consumers.exportYaml(by) }),
    },
    {
      method: 'POST', path: `${base}/records`, operation: 'applyRecords', tag: 'records', right: 'records.apply', request: 'yaml', status: 200, answer: { schema: 'ApplyResult' },
      summary: 'Makes the records be as the YAML says: all or nothing. Credentials are not part of it.',
      query: [flag('dryRun', 'Only say what would be done.'), flag('prune', 'Retire what the lists do not name.')],
      handle: async ({ consumers, body, query, by }) => ({ body: await consumers.applyYaml(body as string, { dryRun: query.dryRun === true, prune: query.prune === true }, by) }),
    },
    {
      method: 'GET', path: `${base}/rights`, operation: 'getRights', summary: 'What whoever asks may do, everywhere and by organisation.', tag: 'records', status: 200, answer: 'any',
      handle: async ({ consumers, by }) => ({ body: await consumers.rightsOf(by) }),
    },
  ]
}
