import { methods } from '../../runtime/core/http/methods.ts'
import { apiVersion, id, lifecycle, line, object, text, type Schema } from '../consumers/schema-parts.ts'

const registration: Schema = {
  ...object(
    {
      id: { ...id, description: 'Id of the API. The same id again changes the API instead of making another one.' },
      name: { ...line(120), description: 'What people read; the title of the document, or the id, when absent.' },
      organisation: id,
      url: { ...line(2000), description: 'Address of the service; {id} in its path is a parameter of `path`.' },
      openapi: { type: ['string', 'object'], description: 'An OpenAPI document (2.0, 3.0, 3.1, 3.2), as text (JSON of 4 MiB or YAML of 2 MiB at most) or as it is.' },
      path: { ...line(500), description: 'With `url`: where callers find it, such as /orders/:id. With `openapi`: what stands before the paths of the document; the base path of its first server when absent.' },
      methods: { type: 'array', items: { enum: methods }, minItems: 1, uniqueItems: true, description: 'With `url`: what is answered, GET when absent. With `openapi`: operations with these methods only.' },
      upstream: { ...line(500), description: 'Called instead of the servers that the document names; may begin with ${NAME}, a variable of the environment.' },
      auth: { type: 'boolean', description: 'Callers show an API key in the header x-api-key; true when absent.' },
      validate: { type: 'boolean', description: 'With `openapi`: requests are held to the document before the service is asked; true when absent.' },
      mock: { type: 'boolean', description: 'With `openapi`: no service is asked, and each operation answers with its example, or with a value that fits its schema.' },
      group: { ...id, description: 'Group of APIs that it becomes part of.' },
      createGroup: { type: 'boolean', description: 'Makes the group when it is not there.' },
      version: { ...apiVersion, description: 'Of the API, such as v2.' },
      family: { ...id, description: 'What the versions of an API have in common.' },
      lifecycle: { ...lifecycle, description: 'State it is moved to; stays as it is when absent.' },
      visibility: { enum: ['public', 'organisation'] },
      description: text,
      tags: { type: 'array', items: line(64), uniqueItems: true, maxItems: 50 },
      replace: { type: 'boolean', description: 'Overwrites what people have changed by hand in the flow.' },
    },
    ['id', 'organisation'],
  ),
}

const anyText = { type: 'string' }
const count = { type: 'integer', minimum: 0 }
const handMade = { type: 'array', items: object({ node: anyText, what: anyText, done: { enum: ['changed', 'deleted'] } }, ['node', 'what', 'done']) }

const registered: Schema = object(
  {
    id, name: anyText, flow: { type: 'string', description: 'Id of the tab.' }, change: { enum: ['add', 'change', 'same'] },
    routes: { type: 'array', items: object({ method: anyText, path: anyText, upstream: anyText, summary: anyText, change: { enum: ['add', 'change', 'same', 'remove'] } }, ['method', 'path', 'upstream', 'change']) },
    nodes: { type: 'array', items: { type: 'object' }, description: 'The flow, as Node-RED flow JSON.' },
    added: count, changed: count, removed: count,
    kept: { ...handMade, description: 'What people changed by hand and what stays as they left it.' },
    lost: { ...handMade, description: 'What people changed by hand and what is overwritten.' },
    record: { type: 'object' }, lifecycle: anyText, group: id, api: { $ref: '#/components/schemas/Api' },
  },
  ['id', 'name', 'flow', 'change', 'routes', 'nodes', 'added', 'changed', 'removed', 'kept', 'lost', 'record'],
)

/** JSON Schemas of what is sent to register APIs, and of the answer. */
export const registrationSchemas: Readonly<Record<string, Schema>> = {
  ApiRegistration: registration,
  ApiRegistrations: object({ apis: { type: 'array', minItems: 1, maxItems: 200, items: registration } }, ['apis']),
  RegistrationResult: object(
    { dryRun: { type: 'boolean' }, apis: { type: 'array', items: registered }, release: { type: 'integer' }, problems: { type: 'array', items: { type: 'object' } } },
    ['dryRun', 'apis', 'problems'],
  ),
}
