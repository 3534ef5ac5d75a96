import type { Endpoint } from './endpoint.ts'

type Json = Readonly<Record<string, unknown>>

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const problemContent = { 'application/problem+json': { schema: ref('Problem') } }

const refusals: Readonly<Record<string, { readonly status: string; readonly description: string }>> = {
  BadRequest: { status: '400', description: 'The body cannot be read.' },
  Unauthorized: { status: '401', description: 'No token, or none that is good.' },
  Forbidden: { status: '403', description: 'Not for whoever asks.' },
  NotFound: { status: '404', description: 'Not there, or not for whoever asks to see.' },
  Conflict: { status: '409', description: 'Taken, in use, or retired.' },
  Stale: { status: '412', description: 'Somebody else changed it meanwhile.' },
  Invalid: { status: '422', description: 'Not what it should be; `problems` say where.' },
  NoPrecondition: { status: '428', description: '`If-Match` is missing.' },
}

/** The description of the API (OpenAPI 3.1.1), made of the endpoints and of the schemas that requests are held to. */
export function toOpenApi(endpoints: readonly Endpoint[], schemas: Readonly<Record<string, Json>>): Json {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const endpoint of endpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: toOperation(endpoint) }
  }
  return {
    openapi: '3.1.1',
    info: { title: 'Sluice admin API', version: '1', description: 'Who may call what, how much: organisations, applications, credentials, plans, APIs and subscriptions.' },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths: { '/api/v1/token': { post: signIn }, ...paths },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'What POST /api/v1/token gave.' } },
      headers: { ETag: { description: 'Version of the record, for If-Match.', schema: { type: 'string' } } },
      responses: Object.fromEntries(Object.entries(refusals).map(([name, { description }]) => [name, { description, content: problemContent }])),
      schemas: { ...schemas, Problem: problem },
    },
  }
}

function toOperation({ operation, summary, tag, right, method, path, request, status, answer, ifMatch, query = [] }: Endpoint): Json {
  const hasId = path.includes(':id')
  const parameters = [
    ...(hasId ? [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] : []),
    ...query.map(({ name, description, schema }) => ({ name, in: 'query', description, schema })),
    ...(ifMatch ? [{ name: 'If-Match', in: 'header', required: ifMatch === true, description: ifMatch === true ? 'ETag of the record as it was read, or *.' : 'ETag of the record as it was read, or *; left out where there is none yet.', schema: { type: 'string' } }] : []),
  ]
  const record = tag !== 'decisions' && tag !== 'queues' && tag !== 'caches' && tag !== 'jobs' && tag !== 'vault' && tag !== 'ledgers' && typeof answer === 'object' && !answer.page && (hasId || method === 'POST') && status !== undefined
  const names = [
    'Unauthorized', 'Forbidden', 'Invalid',
    ...(request ? ['BadRequest'] : []), ...(hasId ? ['NotFound'] : []), ...(method === 'GET' ? [] : ['Conflict']), ...(ifMatch ? ['Stale', 'NoPrecondition'] : []),
  ]
  return {
    operationId: operation,
    summary,
    tags: [tag],
    ...(right === undefined ? {} : { 'x-right': right }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(request === undefined ? {} : { requestBody: { required: true, content: toRequestContent(request, method) } }),
    responses: {
      [status]: { description: status === 201 ? 'Made.' : 'Done.', ...(record ? { headers: { ETag: { $ref: '#/components/headers/ETag' } } } : {}), content: toContent(answer) },
      ...Object.fromEntries(names.map((name) => [refusals[name]!.status, { $ref: `#/components/responses/${name}` }])),
    },
  }
}

function toRequestContent(request: string, method: string): Json {
  if (request === 'yaml') return { 'application/yaml': { schema: { type: 'string' } } }
  return { [method === 'PATCH' ? 'application/merge-patch+json' : 'application/json']: { schema: ref(request) } }
}

function toContent(answer: Endpoint['answer']): Json {
  if (answer === 'yaml') return { 'application/yaml': { schema: { type: 'string' } } }
  if (answer === 'csv') return { 'text/csv': { schema: { type: 'string' } } }
  if (answer === 'any') return { 'application/json': { schema: { type: 'object' } } }
  const page = { type: 'object', properties: { items: { type: 'array', items: ref(answer.schema) }, next: { type: 'string', description: 'Cursor of the next page; absent on the last.' } }, required: ['items'] }
  return { 'application/json': { schema: answer.page ? page : ref(answer.schema) } }
}

/** RFC 9457. */
const problem = {
  type: 'object',
  properties: {
    type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' }, detail: { type: 'string' },
    code: { type: 'string', description: 'Stable: for programs.' },
    problems: {
      type: 'array',
      items: {
        type: 'object',
        properties: { code: { type: 'string' }, pointer: { type: 'string', description: 'JSON pointer into what was sent.' }, message: { type: 'string' }, remedy: { type: 'string' } },
        required: ['code', 'message', 'remedy'],
      },
    },
  },
  required: ['title', 'status', 'code', 'detail'],
}

const signIn = {
  operationId: 'signIn', summary: 'Signs in and gives a bearer token.', tags: ['token'], security: [],
  requestBody: { required: true, content: { 'application/json': { schema: { type: 'object', properties: { name: { type: 'string' }, password: { type: 'string' } }, required: ['name', 'password'] } } } },
  responses: {
    201: { description: 'Signed in.', content: { 'application/json': { schema: { type: 'object', properties: { token: { type: 'string' }, expiresAt: { type: 'string', format: 'date-time' } }, required: ['token', 'expiresAt'] } } } },
    401: { $ref: '#/components/responses/Unauthorized' },
  },
}
