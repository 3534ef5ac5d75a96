import { asJson, isJsonObject, mapValues, type Json } from './json-object.ts'
import { fromSwagger } from './from-swagger.ts'
import { upgradeSchema } from './upgrade-schema.ts'

/** An OpenAPI document of 2.0 or 3.0 as 3.1. One of 3.1 or later is given back as it is. References must lead into the document. */
export function upgradeDocument(document: Json): Json {
  if (document['swagger'] !== undefined) return fromSwagger(document)
  if (!/^3\.0\./.test(String(document['openapi']))) return document
  return {
    ...document,
    openapi: '3.1.0',
    ...(document['paths'] === undefined ? {} : { paths: mapValues(document['paths'], upgradePathItem) }),
    ...(document['components'] === undefined ? {} : { components: upgradeComponents(asJson(document['components'])) }),
  }
}

/** An operation that was taken out of a document, with what it refers to beside it as `components`. Says itself of which version it is. */
export function upgradeOperation(operation: Json): Json {
  if (!/^3\.0\b/.test(String(operation['openapi']))) return operation
  const { components, ...own } = operation
  return { ...(inOperation(own) as Json), openapi: '3.1.0', ...(components === undefined ? {} : { components: upgradeComponents(asJson(components)) }) }
}

function upgradeComponents(components: Json): Json {
  const parts: Readonly<Record<string, (one: unknown) => unknown>> = { schemas: upgradeSchema, parameters: inParameter, headers: inParameter, responses: inResponse, requestBodies: inBody, callbacks: (one) => mapValues(one, upgradePathItem) }
  return mapValues(components, (part, name) => (Object.hasOwn(parts, name) ? mapValues(part, parts[name] as (one: unknown) => unknown) : part)) as Json
}

const methods = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'])

function upgradePathItem(item: unknown): unknown {
  return mapValues(item, (one, name) => (methods.has(name) ? inOperation(one) : name === 'parameters' && Array.isArray(one) ? one.map(inParameter) : one))
}

function inOperation(operation: unknown): unknown {
  if (!isJsonObject(operation)) return operation
  const { parameters, requestBody, responses, callbacks } = operation
  return {
    ...operation,
    ...(Array.isArray(parameters) ? { parameters: parameters.map(inParameter) } : {}),
    ...(requestBody === undefined ? {} : { requestBody: inBody(requestBody) }),
    ...(responses === undefined ? {} : { responses: mapValues(responses, inResponse) }),
    ...(callbacks === undefined ? {} : { callbacks: mapValues(callbacks, (one) => (isJsonObject(one) && one['$ref'] !== undefined ? one : mapValues(one, upgradePathItem))) }),
  }
}

function inParameter(parameter: unknown): unknown {
  if (!isJsonObject(parameter) || parameter['$ref'] !== undefined) return parameter
  return { ...parameter, ...(parameter['schema'] === undefined ? {} : { schema: upgradeSchema(parameter['schema']) }), ...inContent(parameter) }
}

function inBody(body: unknown): unknown {
  return isJsonObject(body) && body['$ref'] === undefined ? { ...body, ...inContent(body) } : body
}

function inResponse(response: unknown): unknown {
  if (!isJsonObject(response) || response['$ref'] !== undefined) return response
  return { ...response, ...inContent(response), ...(response['headers'] === undefined ? {} : { headers: mapValues(response['headers'], inParameter) }) }
}

function inContent({ content }: Json): { readonly content?: unknown } {
  if (content === undefined) return {}
  return { content: mapValues(content, (media) => (isJsonObject(media) && media['schema'] !== undefined ? { ...media, schema: upgradeSchema(media['schema']) } : media)) }
}

