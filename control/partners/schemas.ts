import { attributeName, environment, id, line, object, text, time, type Schema } from '../consumers/schema-parts.ts'

const pointer = (description: string) => ({ type: 'string', maxLength: 500, pattern: '^(/([^~/]|~[01])*)*$', description: `${description} JSON pointer (RFC 6901).` })

const credential = object(
  {
    kind: { enum: ['certificate', 'jwt', 'key'] },
    each: pointer('A list, or one value; the partner itself when absent.'),
    fingerprint: pointer('certificate: its SHA-256.'),
    san: pointer('certificate: a name in it.'),
    issuer: { ...line(500), description: 'jwt: whose tokens.' },
    issuerAt: pointer('jwt: where it says whose tokens.'),
    subject: pointer('jwt: `sub`, `client_id` or `azp`.'),
    prefix: pointer('key: the public part before the dot.'),
    hash: pointer('key: SHA-256 of the secret after the dot; hex, base64 or base64url.'),
    environment,
    environmentAt: pointer('Where it says `production` or `sandbox`.'),
    expiresAt: pointer('RFC 3339.'),
  },
  ['kind'],
)

const subscription = object(
  {
    to: { enum: ['api', 'group', 'product'] },
    each: pointer('A list, or one value; the partner itself when absent.'),
    id: pointer('Id of what is subscribed to; the entry itself when absent.'),
    plan: pointer('Id of the plan.'),
    defaultPlan: { ...id, description: 'Plan where the document says none.' },
  },
  ['to'],
)

const map = object(
  {
    list: pointer('The list of partners; empty: the document.'),
    next: pointer('URL of the next page, or its cursor.'),
    cursorParameter: { ...line(64), description: 'Query parameter for the cursor; absent: `next` is a URL.' },
    id: pointer('Id of the partner.'),
    name: pointer('Name.'),
    active: pointer('true or false.'),
    validFrom: pointer('RFC 3339.'),
    validUntil: pointer('RFC 3339.'),
    cidrs: pointer('List of networks.'),
    clearance: pointer('Label.'),
    attributes: { type: 'object', maxProperties: 100, propertyNames: { pattern: attributeName }, additionalProperties: pointer('') },
    attributesFrom: pointer('An object all of whose members are attributes.'),
    credentials: { type: 'array', items: credential, maxItems: 20 },
    subscriptions: { type: 'array', items: subscription, maxItems: 20 },
  },
  ['list', 'id'],
)

/** What is sent to make or change a connector. */
export const connectorInput = object(
  {
    name: { ...line(120), description: 'What people read.' },
    organisation: id,
    description: text,
    active: { type: 'boolean', description: 'Asks while it is active; what was fetched stays.' },
    url: { ...line(2000), description: 'https, or http to this machine.' },
    everySeconds: { type: 'integer', minimum: 1, maximum: 86_400, description: 'Pause between fetches; 30 when absent.' },
    timeoutMs: { type: 'integer', minimum: 100, maximum: 120_000, description: 'Limit of one request; 10,000 when absent.' },
    limitBytes: { type: 'integer', minimum: 1024, maximum: 67_108_864, description: 'Largest answer, all pages together; 16 MB when absent.' },
    auth: { type: 'object', additionalProperties: false, properties: { kind: { enum: ['none', 'bearer', 'basic'] }, user: line(200) }, required: ['kind'], description: 'How control signs in there. The secret is set apart.' },
    tls: { ...line(64), description: 'Id of a TLS configuration of the flows.' },
    idPrefix: { type: 'string', pattern: '^([a-z0-9][a-z0-9._-]{0,39})?$', description: 'What ids of its applications begin with; the id of the connector and a dot when absent.' },
    onMissing: { enum: ['keep', 'suspend', 'retire'], description: 'What becomes of a partner that is not named any more; suspend when absent.' },
    maxDropShare: { type: 'number', minimum: 0, maximum: 1, description: 'Largest share of its partners that one fetch may shut out; 0.2 when absent.' },
    map,
  },
  ['name', 'organisation', 'url', 'map'],
)

/** Fields of a connector beyond its input. */
export const connectorAnswer: Schema = { hasSecret: { type: 'boolean' }, trusted: { type: 'boolean', description: 'Subjects and certificates that it names need no confirmation.' } }

const problems = { type: 'array', items: { type: 'object' } }

/** What else is sent and answered. */
export const connectorSchemas: Readonly<Record<string, Schema>> = {
  ConnectorSecret: object({ secret: { type: ['string', 'null'], minLength: 1, maxLength: 4000, pattern: '^[\\x20-\\x7e]+$', description: 'Token or password; null takes it away. Never answered.' } }, ['secret']),
  ConnectorStatus: object(
    {
      state: { enum: ['new', 'ok', 'unreachable', 'invalid', 'held', 'off'] }, partners: { type: 'integer' }, attemptedAt: time, fetchedAt: time, ageSeconds: { type: 'integer' }, changedAt: time, nextAt: time,
      failures: { type: 'integer' }, problem: object({ code: { type: 'string' }, message: { type: 'string' }, problems }, ['code', 'message', 'problems']),
    },
    ['state', 'partners', 'failures'],
  ),
  ConnectorFetch: object(
    {
      dryRun: { type: 'boolean' }, unchanged: { type: 'boolean' }, partners: { type: 'integer' }, dropped: { type: 'integer' }, changeCount: { type: 'integer' },
      changes: {
        type: 'array',
        items: object({ kind: { enum: ['applications', 'credentials', 'subscriptions'] }, id: { type: 'string' }, change: { enum: ['add', 'change', 'retire', 'restore'] }, fields: { type: 'array', items: { type: 'object' } } }, ['kind', 'id', 'change', 'fields']),
      },
    },
    ['dryRun', 'unchanged', 'partners', 'dropped', 'changes', 'changeCount'],
  ),
}
