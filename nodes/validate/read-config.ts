import type { CheckMessage } from '../../runtime/core/openapi/checked-message.ts'
import { compileRequestCheck, compileResponseCheck } from '../../runtime/core/openapi/check-operation.ts'
import { compileSchemasCheck, type MessageSchemas } from '../../runtime/core/openapi/check-schemas.ts'
import { isJsonObject, type Json } from '../../runtime/core/openapi/json-object.ts'
import { upgradeOperation } from '../../runtime/core/openapi/upgrade-document.ts'
import { SchemaProblem } from '../../runtime/core/json-schema/schema-problem.ts'
import { isTooDeep } from '../../runtime/core/values/json-depth.ts'
import type { NodeProblem } from '../../runtime/core/node.ts'
import type { ValidateConfig } from './validate-config.ts'

const textLimit = 256 * 1024
const parts = { body: 'body', query: 'query', params: 'path', headers: 'header', cookies: 'cookie' } as const

class TextProblem extends Error {
  readonly property: string
  readonly remedy: string
  constructor(property: string, message: string, remedy: string) {
    super(message)
    this.property = property
    this.remedy = remedy
  }
}

/** The check that a node stands for, or what is wrong with it and where. */
export function readConfig(config: ValidateConfig): CheckMessage | NodeProblem {
  try {
    return config.by === 'operation' ? toOperation(config) : toSchemas(config)
  } catch (thrown) {
    if (thrown instanceof TextProblem) return { code: 'validate.text', property: thrown.property, message: thrown.message, remedy: thrown.remedy }
    throw thrown
  }
}

function toOperation({ operation: text, side, formats, unknownQuery }: ValidateConfig): CheckMessage {
  const operation = readText('operation', text)
  if (operation === undefined) throw new TextProblem('operation', 'There is no operation.', 'Paste the JSON of an OpenAPI operation, or validate by JSON Schemas.')
  if (!isJsonObject(operation)) throw new TextProblem('operation', 'An operation must be an object.', 'Paste the JSON of one operation: { "parameters": […], "requestBody": … }.')
  if ('paths' in operation || 'swagger' in operation) {
    throw new TextProblem('operation', 'This is a whole OpenAPI document.', 'Paste one operation of it, with its “components” beside “parameters” and “requestBody”; or register the document on the page of APIs, which makes a flow of all of them.')
  }
  return placed('operation', 'the operation', () => {
    const upgraded = upgradeOperation(operation as Json)
    return side === 'answer' ? compileResponseCheck(upgraded, { formats }) : compileRequestCheck(upgraded, { formats, refuseUnknownQuery: unknownQuery === 'refuse' })
  })
}

function toSchemas(config: ValidateConfig): CheckMessage {
  const schemas: Record<string, unknown> = {}
  const { formats, coerce, bodyRequired, side } = config
  for (const [property, place] of Object.entries(parts) as [keyof typeof parts, string][]) {
    if (side === 'answer' && property !== 'body' && property !== 'headers') continue
    const schema = readText(property, config[property])
    if (schema === undefined) continue
    schemas[place] = schema
    // Each alone first, so that a problem names the property that holds it.
    placed(property, `the schema of ${property}`, () => compileSchemasCheck({ [place]: schema }, { formats, coerce, bodyRequired }))
  }
  return compileSchemasCheck(schemas as MessageSchemas, { formats, coerce: coerce && side === 'request', bodyRequired })
}

function readText(property: string, text: string): unknown {
  if (text.trim() === '') return undefined
  if (text.length > textLimit) throw new TextProblem(property, `The text has ${text.length} characters; at most ${textLimit} are taken.`, 'Leave out what this operation does not need.')
  if (isTooDeep(text)) throw new TextProblem(property, 'The JSON is nested too deeply.', 'Move inner parts to “$defs” or “components”, and refer to them.')
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TextProblem(property, `It is not valid JSON: ${(error as Error).message}.`, 'Correct the JSON.')
  }
}

function placed<T>(property: string, what: string, make: () => T): T {
  try {
    return make()
  } catch (thrown) {
    if (!(thrown instanceof SchemaProblem)) throw thrown
    throw new TextProblem(property, `In ${what}${thrown.pointer === '' ? '' : ` at ${thrown.pointer.slice(0, 300)}`}: ${thrown.message}`, thrown.remedy)
  }
}
