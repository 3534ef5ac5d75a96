import { asJson, isJsonObject, mapValues, type Json } from './json-object.ts'
import { upgradeSchema } from './upgrade-schema.ts'

const methods = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch'])
const formTypes = ['application/x-www-form-urlencoded', 'multipart/form-data']
const schemaWords = ['type', 'format', 'items', 'default', 'maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum', 'maxLength', 'minLength', 'pattern', 'maxItems', 'minItems', 'uniqueItems', 'enum', 'multipleOf', 'x-nullable']

/**
 * A Swagger 2.0 document as OpenAPI 3.1: what was said by `consumes`, `produces`, body and form parameters is said by media types.
 * Servers are left to whoever asks for them; what has no counterpart (`tsv` lists) becomes the nearest thing.
 */
export function fromSwagger(document: Json): Json {
  const { swagger: _, paths, definitions, parameters, responses, securityDefinitions, consumes, produces, host: _host, basePath: _basePath, schemes: _schemes, ...rest } = document
  const around: Around = { document, consumes: toTypes(consumes), produces: toTypes(produces) }
  const schemas = mapValues(definitions, upgradeSchema)
  const others = mapValues(Object.fromEntries(Object.entries(asJson(parameters)).filter(([, one]) => !['body', 'formData'].includes(String(asJson(one)['in'])))), toParameter)
  const schemes = mapValues(securityDefinitions, toSecurityScheme)
  return {
    ...rest,
    openapi: '3.1.0',
    paths: mapValues(paths, (item) => toPathItem(item, around)),
    components: {
      ...(schemas === undefined ? {} : { schemas }),
      ...(Object.keys(others as object).length === 0 ? {} : { parameters: others }),
      ...(responses === undefined ? {} : { responses: mapValues(responses, (one) => toResponse(one, around.produces)) }),
      ...(schemes === undefined ? {} : { securitySchemes: schemes }),
    },
  }
}

interface Around {
  readonly document: Json
  readonly consumes: readonly string[]
  readonly produces: readonly string[]
}

function toTypes(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []
}

function toPathItem(item: unknown, around: Around): unknown {
  if (!isJsonObject(item)) return item
  const shared = Array.isArray(item['parameters']) ? (item['parameters'] as unknown[]) : []
  const { parameters: _, ...rest } = item
  // Body and form parameters of the path go into each of its operations.
  const own = shared.filter((one) => !isOfBody(resolve(one, around)))
  return {
    ...(mapValues(rest, (operation, name) => (methods.has(name) ? toOperation(operation, shared.filter((one) => isOfBody(resolve(one, around))), around) : operation)) as Json),
    ...(own.length === 0 ? {} : { parameters: own.map((one) => toParameterOrReference(one)) }),
  }
}

function toOperation(operation: unknown, shared: readonly unknown[], around: Around): unknown {
  if (!isJsonObject(operation)) return operation
  const { parameters, consumes, produces, responses, schemes: _, ...rest } = operation
  const all = Array.isArray(parameters) ? (parameters as unknown[]) : []
  const bodies = [...shared, ...all].map((one) => resolve(one, around)).filter(isOfBody)
  const others = all.filter((one) => !isOfBody(resolve(one, around)))
  const taken = consumes === undefined ? around.consumes : toTypes(consumes)
  const given = produces === undefined ? around.produces : toTypes(produces)
  const requestBody = toBody(bodies, taken)
  return {
    ...rest,
    ...(others.length === 0 ? {} : { parameters: others.map(toParameterOrReference) }),
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: mapValues(responses, (one) => toResponse(one, given)),
  }
}

function resolve(value: unknown, { document }: Around): Json {
  const reference = asJson(value)['$ref']
  if (typeof reference !== 'string' || !reference.startsWith('#/parameters/')) return asJson(value)
  return asJson(asJson(document['parameters'])[reference.slice('#/parameters/'.length).replaceAll('~1', '/').replaceAll('~0', '~')])
}

function isOfBody(parameter: Json): boolean {
  return parameter['in'] === 'body' || parameter['in'] === 'formData'
}

function toBody(parameters: readonly Json[], consumes: readonly string[]): Json | undefined {
  // The operation's own stands last, and counts.
  const body = parameters.filter((one) => one['in'] === 'body').at(-1)
  if (body) {
    const types = consumes.length > 0 ? consumes : ['application/json']
    const schema = upgradeSchema(body['schema'] ?? {})
    return {
      ...(typeof body['description'] === 'string' ? { description: body['description'] } : {}),
      ...(body['required'] === true ? { required: true } : {}),
      content: Object.fromEntries(types.map((type) => [type, { schema }])),
    }
  }
  const fields = [...new Map(parameters.map((one) => [String(one['name']), one])).values()]
  if (fields.length === 0) return undefined
  const hasFile = fields.some((one) => one['type'] === 'file')
  const wanted = consumes.filter((type) => formTypes.includes(type))
  const types = wanted.length > 0 ? wanted : [hasFile ? formTypes[1] as string : formTypes[0] as string]
  const required = fields.filter((one) => one['required'] === true).map((one) => String(one['name']))
  const schema = {
    type: 'object',
    properties: Object.fromEntries(fields.map((one) => [String(one['name']), { ...toSchema(one), ...(typeof one['description'] === 'string' ? { description: one['description'] } : {}) }])),
    ...(required.length === 0 ? {} : { required }),
  }
  return { ...(required.length === 0 ? {} : { required: true }), content: Object.fromEntries(types.map((type) => [type, { schema }])) }
}

function toParameterOrReference(parameter: unknown): unknown {
  const reference = asJson(parameter)['$ref']
  if (typeof reference === 'string') return { $ref: reference.replace(/^#\/parameters\//, '#/components/parameters/') }
  return toParameter(parameter)
}

function toParameter(given: unknown): unknown {
  const parameter = asJson(given)
  const { collectionFormat } = parameter
  const rest = Object.fromEntries(Object.entries(parameter).filter(([key]) => !schemaWords.includes(key) && key !== 'collectionFormat' && key !== 'allowEmptyValue'))
  const isList = parameter['type'] === 'array'
  const style = !isList || collectionFormat === 'multi' ? {} : collectionFormat === 'ssv' ? { style: 'spaceDelimited', explode: false } : collectionFormat === 'pipes' ? { style: 'pipeDelimited', explode: false } : parameter['in'] === 'query' ? { style: 'form', explode: false } : {}
  return { ...rest, ...style, schema: toSchema(parameter) }
}

function toSchema(from: Json): Json {
  return asJson(upgradeSchema(Object.fromEntries(Object.entries(from).filter(([key]) => schemaWords.includes(key)))))
}

function toResponse(given: unknown, produces: readonly string[]): unknown {
  if (!isJsonObject(given)) return given
  if (typeof given['$ref'] === 'string') return { $ref: given['$ref'].replace(/^#\/responses\//, '#/components/responses/') }
  const { schema, examples, headers, ...rest } = given
  const shown = asJson(examples)
  const types = [...new Set([...(schema === undefined ? [] : produces.length > 0 ? produces : ['application/json']), ...Object.keys(shown)])]
  const content = Object.fromEntries(types.map((type) => [type, { ...(schema === undefined ? {} : { schema: upgradeSchema(schema) }), ...(shown[type] === undefined ? {} : { example: shown[type] }) }]))
  return {
    description: '',
    ...rest,
    ...(headers === undefined ? {} : { headers: mapValues(headers, (header) => ({ ...(typeof asJson(header)['description'] === 'string' ? { description: asJson(header)['description'] } : {}), schema: toSchema(asJson(header)) })) }),
    ...(types.length === 0 ? {} : { content }),
  }
}

function toSecurityScheme(given: unknown): unknown {
  const { type, flow, authorizationUrl, tokenUrl, scopes, ...rest } = asJson(given)
  if (type === 'basic') return { ...rest, type: 'http', scheme: 'basic' }
  if (type !== 'oauth2') return { ...rest, type }
  const name = flow === 'application' ? 'clientCredentials' : flow === 'accessCode' ? 'authorizationCode' : String(flow)
  return { ...rest, type, flows: { [name]: { ...(authorizationUrl === undefined ? {} : { authorizationUrl }), ...(tokenUrl === undefined ? {} : { tokenUrl }), scopes: scopes ?? {} } } }
}
