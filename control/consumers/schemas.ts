import { quotaAlgorithms, quotaUnits } from '../../runtime/core/access/quota-windows.ts'
import { roles } from '../roles.ts'
import { ledgerSchemas } from '../ledgers/schemas.ts'
import { connectorAnswer, connectorInput, connectorSchemas } from '../partners/schemas.ts'
import { registrationSchemas } from '../publish/schemas.ts'
import { vaultSchemas } from '../vault/schemas.ts'
import { apiVersion, attributeName, environment, id, lifecycle, line, object, text, time, type Schema } from './schema-parts.ts'

const memberId = { type: 'string', maxLength: 200, description: '`<organisation>:<user>`.' }
const name = { ...line(120), description: 'What people read.' }
const user = { ...line(64), description: 'Name of a user.' }
const version = { type: 'integer', minimum: 1, description: 'Counts up with every write; the ETag is this number in quotes.' }
const roleList = { type: 'array', items: { enum: roles }, uniqueItems: true, maxItems: roles.length }
const idList = (maxItems: number) => ({ type: 'array', items: id, uniqueItems: true, maxItems })

const scopeName = '^[\\x21\\x23-\\x5B\\x5D-\\x7E]{1,100}$'

const hours = object(
  {
    zone: { ...line(64), description: 'IANA time zone.' },
    windows: {
      type: 'array', minItems: 1, maxItems: 50,
      items: object(
        {
          days: { type: 'array', items: { type: 'integer', minimum: 1, maximum: 7 }, minItems: 1, maxItems: 7, uniqueItems: true, description: '1 Monday … 7 Sunday.' },
          from: { type: 'string', pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' },
          to: { type: 'string', pattern: '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$', description: 'Not after `from`: over midnight.' },
        },
        ['days', 'from', 'to'],
      ),
    },
  },
  ['zone', 'windows'],
)

const rules = object(
  {
    cidrs: { type: 'array', items: line(64), maxItems: 1000, uniqueItems: true, description: 'IPv4 and IPv6 networks or addresses; none: from everywhere.' },
    validFrom: time,
    validUntil: time,
    hours,
    clearance: line(64),
    attributes: { type: 'object', maxProperties: 100, propertyNames: { pattern: attributeName }, additionalProperties: { type: 'string', maxLength: 1000, pattern: '^[^\\u0000]*$' } },
  },
  [],
)

const quota = object(
  {
    limit: { type: 'integer', minimum: 0, maximum: 1e12 },
    every: { type: 'integer', minimum: 1, maximum: 1000 },
    unit: { enum: quotaUnits, description: '`total`: so many in all, until more is given; `every` is 1 then, and `algorithm` fixed.' },
    algorithm: { enum: quotaAlgorithms },
    zone: { ...line(64), description: 'IANA time zone of calendar windows; UTC when absent.' },
  },
  ['limit', 'every', 'unit', 'algorithm'],
)

const oauth = object(
  {
    grants: { type: 'array', items: { enum: ['client_credentials', 'authorization_code', 'refresh_token', 'device_code'] }, minItems: 1, uniqueItems: true },
    redirectUris: { type: 'array', items: line(500), maxItems: 50, uniqueItems: true, description: 'https, or http to 127.0.0.1, [::1] or localhost; compared character by character.' },
    scopes: { type: 'array', items: { type: 'string', pattern: scopeName }, maxItems: 200, uniqueItems: true },
    resources: { type: 'array', items: line(500), maxItems: 50, uniqueItems: true, description: 'Audiences of its tokens: absolute URIs. The first when a request names none.' },
    public: { type: 'boolean', description: 'Keeps no secret.' },
    legacyPassword: { type: 'boolean', description: 'Also the password grant of OAuth 2.0, which RFC 9700 forbids.' },
  },
  ['grants'],
)

const pins = {
  type: 'object', maxProperties: 200, propertyNames: { pattern: id.pattern }, additionalProperties: apiVersion,
  description: 'Version that a call without one gets, by family of APIs.',
}

/** Fields of what is sent, per kind. */
const inputs = {
  Organisation: object({ name, active: { type: 'boolean' }, fourEyes: { type: 'boolean' }, contact: line(200), description: text }, ['name']),
  Member: object({ organisation: id, user, role: { enum: roles.filter((role) => role !== 'editor' && role !== 'data-officer') } }, ['organisation', 'user', 'role']),
  Application: object({ name, organisation: id, owner: user, active: { type: 'boolean' }, description: text, rules, oauth, pins }, ['name', 'organisation']),
  Plan: object(
    {
      name,
      organisation: id,
      description: text,
      quotas: { type: 'array', items: quota, maxItems: 10 },
      rate: object({ perSecond: { type: 'number', exclusiveMinimum: 0, maximum: 1e6 }, burst: { type: 'integer', minimum: 1, maximum: 1e6 } }, ['perSecond', 'burst']),
      concurrency: { type: 'integer', minimum: 1, maximum: 1e6 },
      priority: { type: 'integer', minimum: 0, maximum: 9, description: '0 first … 9 last; 5 when absent.' },
      roles: roleList,
      autoApprove: { type: 'boolean' },
    },
    ['name'],
  ),
  Api: object(
    {
      name,
      organisation: id,
      owner: user,
      flow: { ...line(64), description: 'Id of the flow (tab) that serves it.' },
      apiVersion: { ...apiVersion, description: 'Such as v2: the one that its tab names as SLUICE_API_VERSION.' },
      family: { ...id, description: 'What the versions of an API have in common: the id of the first one, say. Its own id when absent.' },
      category: line(64),
      tags: { type: 'array', items: line(64), uniqueItems: true, maxItems: 50 },
      visibility: { enum: ['public', 'organisation', 'roles'] },
      roles: roleList,
      description: text,
      sunset: time,
      scopes: {
        type: 'object', maxProperties: 100, propertyNames: { pattern: scopeName }, description: 'What scopes of its tokens mean, and which roles a person needs for them.',
        additionalProperties: object({ description: line(200), roles: { ...roleList, minItems: 1 } }, []),
      },
    },
    ['name', 'organisation', 'flow'],
  ),
  Group: object({ name, organisation: id, description: text, apis: idList(5000) }, ['name', 'organisation']),
  Product: object({ name, organisation: id, description: text, apis: idList(5000), groups: idList(500) }, ['name', 'organisation']),
  Connector: connectorInput,
  Subscription: object({ application: id, plan: id, comment: line(500), api: id, group: id, product: id }, ['application', 'plan']),
  Credential: object(
    {
      application: id,
      environment,
      label: line(120),
      expiresAt: time,
      kind: { enum: ['key', 'basic', 'hmac', 'public-key', 'jwt', 'certificate'] },
      name: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$' },
      issuer: line(500),
      subject: line(500),
      fingerprint: { type: 'string', pattern: '^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$' },
      san: line(255),
      publicKey: { type: 'string', minLength: 1, maxLength: 10_000, description: 'For kind public-key: PEM (SPKI), a JWK or a JWK set of one key. Answers have the JWK as text.' },
    },
    ['application', 'kind'],
  ),
} as const

const heads: Schema = { id, version, createdAt: time, createdBy: line(64), updatedAt: time, updatedBy: line(64), retiredAt: time }
const headRequired = ['id', 'version', 'createdAt', 'createdBy', 'updatedAt', 'updatedBy']

const managedBy = { ...line(80), description: 'Connector that keeps the record: it is changed in the partner service.' }

/** Fields of what is answered beyond those of the input and the head. */
const answers: Readonly<Record<keyof typeof inputs, Schema>> = {
  Organisation: {},
  Member: { id: memberId },
  Application: { managedBy, partner: line(200) },
  Plan: {},
  Api: {
    warnings: {
      type: 'array', description: 'What keeps its flow from answering, for who may change the record.',
      items: object({ severity: { type: 'string' }, code: { type: 'string' }, flow: { type: 'string' }, node: { type: 'string' }, property: { type: 'string' }, message: { type: 'string' }, remedy: { type: 'string' } }, ['code', 'message', 'remedy']),
    },
    lifecycle, deprecatedAt: time, requested: object({ to: lifecycle, by: line(64), at: time }, ['to', 'by', 'at']),
  },
  Group: {},
  Product: {},
  Connector: connectorAnswer,
  Subscription: { managedBy, organisation: id, provider: id, state: { enum: ['pending', 'approved', 'refused', 'suspended'] }, decidedBy: line(64), decidedAt: time, reason: line(500) },
  Credential: { managedBy, organisation: id, active: { type: 'boolean' }, claim: { enum: ['pending'], description: 'Its subject or certificate waits to be confirmed; absent when it is.' } },
}

function build(): Record<string, Schema> {
  const built: Record<string, Schema> = {}
  for (const [kind, input] of Object.entries(inputs) as [keyof typeof inputs, (typeof inputs)[keyof typeof inputs]][]) {
    const properties = input.properties as Schema
    const required = input.required as readonly string[]
    built[`${kind}Input`] = input
    // Members have no id of their own choice: it is made of organisation and user.
    built[`${kind}Create`] = kind === 'Member' || kind === 'Credential' ? input : object({ id, ...properties }, required)
    // Null takes a field away (RFC 7396). What the result must look like is checked afterwards.
    built[`${kind}Patch`] = { type: 'object', additionalProperties: false, properties: Object.fromEntries(Object.keys(properties).map((key) => [key, {}])) }
    built[kind] = object({ ...heads, ...properties, ...answers[kind] }, [...headRequired, ...required])
  }
  return built
}

/** JSON Schemas (2020-12) of everything that is sent and answered. */
export const schemas: Readonly<Record<string, Schema>> = {
  ...build(),
  ...registrationSchemas,
  ...connectorSchemas,
  ...vaultSchemas,
  ...ledgerSchemas,
  ApiMove: object({ to: lifecycle }, ['to']),
  ApiDecision: object({ agree: { type: 'boolean' } }, ['agree']),
  SubscriptionPlan: object({ plan: id }, ['plan']),
  SubscriptionDecision: object({ act: { enum: ['approve', 'refuse', 'suspend', 'resume'] }, reason: line(500) }, ['act']),
  CredentialRotation: object({ oldEndsInMs: { type: 'integer', minimum: 0, maximum: 366 * 24 * 3600 * 1000, description: 'Milliseconds until the old one ends; absent: it stays.' } }, []),
  CredentialConfirmation: object({ takeOver: { type: 'boolean', description: 'Revokes the credential that stands for the same so far.' } }, []),
  CredentialSwitch: object({ active: { type: 'boolean' } }, ['active']),
  IssuedCredential: object({ credential: { $ref: '#/components/schemas/Credential' }, secret: { type: 'string', description: 'Shown this once.' } }, ['credential']),
  AuditRecord: object(
    {
      number: { type: 'integer' }, at: time, user: { type: 'string' }, action: { type: 'string' }, from: { type: 'string' }, subject: { type: 'string' },
      organisation: { type: 'string' }, before: {}, after: {}, detail: { type: 'object' }, hash: { type: 'string' },
    },
    ['number', 'at', 'user', 'action', 'detail', 'hash'],
  ),
  AuditVerdict: object({ ok: { type: 'boolean' }, entries: { type: 'integer' }, head: { type: 'string' }, anchored: { type: 'integer', description: 'How far the log is known beside the database too.' }, number: { type: 'integer', description: 'The first bad record.' }, reason: { type: 'string' }, code: { type: 'string', description: 'The same as `reason`, for programs.' }, facts: { type: 'object' } }, ['ok', 'entries']),
  Decision: object(
    {
      id: { type: 'string', description: 'What the caller got as `decision`; that of its first refusal is its X-Request-Id.' },
      at: { type: 'integer', description: 'Milliseconds since the epoch.' }, run: { type: 'string', description: 'X-Request-Id of the call.' },
      code: { type: 'string', description: 'Of the fault, such as quota.exceeded.' }, status: { type: 'integer' }, application: { type: 'string' },
      organisation: { type: 'string', description: 'Of the application.' }, api: { type: 'string' }, provider: { type: 'string', description: 'Organisation of the API.' }, plan: { type: 'string' },
      method: { type: 'string' }, route: { type: 'string', description: 'Pattern of the route.' }, ip: { type: 'string' },
      flow: { type: 'string' }, node: { type: 'string' }, nodeType: { type: 'string' }, nodeName: { type: 'string' }, gateway: { type: 'string' },
      checks: { type: 'array', description: 'What was looked at, in order, with what it was compared with.', items: { type: 'object', properties: { check: { type: 'string' }, passed: { type: 'boolean' } }, required: ['check', 'passed'] } },
      decidedBy: { type: 'integer', description: 'Place of the check that decided, from 0.' },
      passesAtMs: { type: 'integer', description: 'When the same call can pass, milliseconds since the epoch; absent when time alone changes nothing.' },
    },
    ['id', 'at', 'run', 'code', 'status', 'nodeType', 'checks', 'decidedBy'],
  ),
  Queue: object(
    {
      name: { type: 'string', description: 'Of the resource; `*gateway` is the limit of each gateway.' }, scope: { enum: ['gateway', 'cluster'] }, paused: { type: 'boolean', description: 'On any gateway.' },
      waiting: { type: 'array', items: { type: 'integer' }, description: 'By priority, 0 first; all gateways together.' }, underWay: { type: 'integer' }, longestWaitMs: { type: 'number' },
      expectedMs: { type: 'array', items: { type: 'number' }, description: 'How long a call of each priority that came now would wait, on the gateway where it would be longest.' },
      gateways: { type: 'array', items: { type: 'object', properties: { gateway: { type: 'string' }, slots: { type: 'integer' }, paused: { type: 'boolean' }, waiting: { type: 'array', items: { type: 'integer' } }, active: { type: 'array', items: { type: 'integer' } }, longestWaitMs: { type: 'number' }, serviceMs: { type: 'number' }, expectedMs: { type: 'array', items: { type: 'number' } } }, required: ['gateway'] } },
    },
    ['name', 'scope', 'paused', 'waiting', 'underWay', 'longestWaitMs', 'expectedMs', 'gateways'],
  ),
  CachePurge: object(
    {
      flow: { type: 'string', maxLength: 200, description: 'Id or label: only caches of this flow.' }, organisation: { type: 'string', maxLength: 200, description: 'Only caches that flows of this organisation share.' },
      cache: { type: 'string', maxLength: 100, description: 'Only caches of this name.' },
      tags: { type: 'array', items: { type: 'string', minLength: 1, maxLength: 1000 }, minItems: 1, maxItems: 1000, description: 'What has one of these.' },
      key: { type: 'string', minLength: 1, maxLength: 2048, description: 'Parts of a key with `/` between them, or path and query of an answer; `*` stands for any text.' },
      all: { const: true, description: 'All of it. Exactly one of `tags`, `key` and `all` is said.' },
    },
    [],
  ),
  CachePurged: object(
    {
      entries: { type: 'integer', description: 'Values and answers, all together.' }, complete: { type: 'boolean', description: 'Every gateway did it.' },
      caches: { type: 'array', items: { type: 'object', properties: { reach: { enum: ['flow', 'organisation'] }, owner: { type: 'string' }, cache: { type: 'string' }, label: { type: 'string', description: 'Of the flow.' } }, required: ['reach', 'owner', 'cache'] } },
      gateways: { type: 'array', items: { type: 'object', properties: { gateway: { type: 'string' }, name: { type: 'string' }, store: { enum: ['memory', 'redis'] }, entries: { type: 'integer', description: 'What this one took away; what several share is counted once.' }, error: { type: 'string' } }, required: ['gateway', 'name'] } },
    },
    ['entries', 'complete', 'caches', 'gateways'],
  ),
  FlowCache: object(
    {
      reach: { enum: ['flow', 'organisation'] }, owner: { type: 'string', description: 'Flow or organisation.' }, cache: { type: 'string' }, label: { type: 'string', description: 'Of the flow.' },
      gateways: { type: 'array', items: { type: 'object', properties: { gateway: { type: 'string' }, store: { enum: ['memory', 'redis'] }, entries: { type: 'integer', description: 'Absent where counting would cost.' } }, required: ['gateway', 'store'] } },
    },
    ['reach', 'owner', 'cache', 'gateways'],
  ),
  AcceptedJob: object(
    {
      id: { type: 'string' }, flow: { type: 'string' }, node: { type: 'string' }, part: { type: 'string', description: '`callback`: the end of another job is told.' }, revision: { type: 'string' },
      owner: { type: 'string', description: 'Who may ask for it; empty: whoever has its id.' }, priority: { type: 'integer', minimum: 0, maximum: 9 }, state: { enum: ['pending', 'running', 'done', 'failed', 'expired', 'cancelled'], description: '`failed`: a dead letter.' },
      acceptedAtMs: { type: 'integer' }, startedAtMs: { type: 'integer' }, endedAtMs: { type: 'integer' }, attempt: { type: 'integer' }, attempts: { type: 'integer' },
      progress: { type: 'object', properties: { percent: { type: 'number' }, text: { type: 'string' } } },
      reason: { type: 'object', properties: { code: { type: 'string' }, message: { type: 'string' } }, required: ['code', 'message'] }, gateway: { type: 'string', description: 'Who keeps it, or one of those who share it.' },
    },
    ['id', 'flow', 'node', 'revision', 'owner', 'state', 'acceptedAtMs', 'attempt', 'attempts', 'gateway'],
  ),
  AcceptedFlow: object(
    {
      flow: { type: 'string' }, paused: { type: 'boolean', description: 'On any gateway.' }, pending: { type: 'integer' }, running: { type: 'integer' }, dead: { type: 'integer', description: 'Dead letters.' },
      gateways: { type: 'array', items: { type: 'object', properties: { gateway: { type: 'string' }, shared: { type: 'boolean', description: 'With others on the same store: they say the same.' }, paused: { type: 'boolean' }, pending: { type: 'integer' }, running: { type: 'integer' }, dead: { type: 'integer' } }, required: ['gateway', 'shared', 'paused'] } },
    },
    ['flow', 'paused', 'pending', 'running', 'dead', 'gateways'],
  ),
  JobMove: object({ to: { type: 'integer', minimum: 0, maximum: 9 } }, ['to']),
  QueueMove: object({ from: { type: 'integer', minimum: 0, maximum: 9 }, to: { type: 'integer', minimum: 0, maximum: 9 } }, ['from', 'to']),
  ApplyResult: object(
    {
      dryRun: { type: 'boolean' },
      changes: {
        type: 'array',
        items: object(
          {
            kind: { type: 'string' }, id: { type: 'string' }, change: { enum: ['add', 'change', 'retire', 'restore'] },
            fields: { type: 'array', items: object({ pointer: { type: 'string' }, before: {}, after: {} }, ['pointer']) },
          },
          ['kind', 'id', 'change', 'fields'],
        ),
      },
    },
    ['dryRun', 'changes'],
  ),
}
