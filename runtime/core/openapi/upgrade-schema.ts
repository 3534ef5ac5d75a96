import { isJsonObject, mapValues, type Json } from './json-object.ts'

const single = ['items', 'not', 'additionalProperties']
const listed = ['allOf', 'anyOf', 'oneOf']
const named = ['properties', 'definitions', 'patternProperties']

/** A schema object of OpenAPI 3.0 or 2.0 as JSON Schema 2020-12, which OpenAPI 3.1 has. Meaning follows the 3.0.3 specification §4.7.24. */
export function upgradeSchema(schema: unknown): unknown {
  if (!isJsonObject(schema)) return schema
  // Nothing beside a reference counts there (OpenAPI 3.0.3 §4.7.23).
  if (typeof schema['$ref'] === 'string') return { $ref: schema['$ref'].replace(/^#\/definitions\//, '#/components/schemas/') }
  const { nullable, 'x-nullable': alsoNullable, example, exclusiveMinimum, exclusiveMaximum, discriminator, ...rest } = schema
  const made: Record<string, unknown> = { ...rest }
  for (const keyword of single) if (keyword in made) made[keyword] = upgradeSchema(made[keyword])
  for (const keyword of listed) if (Array.isArray(made[keyword])) made[keyword] = (made[keyword] as unknown[]).map(upgradeSchema)
  for (const keyword of named) if (keyword in made) made[keyword] = mapValues(made[keyword], upgradeSchema)
  if (example !== undefined) made['examples'] = [example]
  if (typeof discriminator === 'string') made['discriminator'] = { propertyName: discriminator }
  else if (discriminator !== undefined) made['discriminator'] = discriminator
  raise(made, 'minimum', 'exclusiveMinimum', exclusiveMinimum)
  raise(made, 'maximum', 'exclusiveMaximum', exclusiveMaximum)
  if (made['type'] === 'file') Object.assign(made, { type: 'string', format: 'binary' })
  // Neither is a list in 3.0, whatever people write.
  if (made['required'] === true || made['required'] === false) delete made['required']
  return nullable === true || alsoNullable === true ? orNull(made) : made
}

/** `exclusiveMinimum: true` beside `minimum` became the limit itself. */
function raise(schema: Record<string, unknown>, limit: string, exclusive: string, value: unknown): void {
  if (typeof value === 'number') schema[exclusive] = value
  if (value !== true || schema[limit] === undefined) return
  schema[exclusive] = schema[limit]
  delete schema[limit]
}

function orNull(schema: Json): Json {
  const type = schema['type']
  const values = schema['enum']
  if (typeof type !== 'string') return { anyOf: [schema, { type: 'null' }] }
  return { ...schema, type: [type, 'null'], ...(Array.isArray(values) && !values.includes(null) ? { enum: [...(values as unknown[]), null] } : {}) }
}
