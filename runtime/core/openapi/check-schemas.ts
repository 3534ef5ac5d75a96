import { createCoerce } from '../json-schema/coerce.ts'
import { createSchemaCompiler } from '../json-schema/compile-schema.ts'
import type { Checked, CheckMessage, PlacedError } from './checked-message.ts'

export interface MessageSchemas {
  readonly body?: unknown
  readonly query?: unknown
  readonly path?: unknown
  readonly header?: unknown
  readonly cookie?: unknown
}

const textPlaces = ['query', 'path', 'header', 'cookie'] as const

/** How messages are held to one JSON Schema for each of their parts. @throws SchemaProblem */
export function compileSchemasCheck(schemas: MessageSchemas, { formats, coerce, bodyRequired }: { readonly formats: boolean; readonly coerce: boolean; readonly bodyRequired: boolean }): CheckMessage {
  const body = schemas.body === undefined ? undefined : createSchemaCompiler(schemas.body, { formats }).compile('')
  const parts = textPlaces.flatMap((place) => {
    if (schemas[place] === undefined) return []
    const compiler = createSchemaCompiler(schemas[place], { formats })
    return [{ place, schema: compiler.compile(''), coerce: coerce ? createCoerce(schemas[place], compiler) : (value: unknown) => value }]
  })
  return (given, errorsAtMost) => {
    const errors: PlacedError[] = []
    const typed: Record<string, unknown> = {}
    for (const { place, schema, coerce: toTyped } of parts) {
      if (errors.length >= errorsAtMost) break
      const value = toTyped({ ...given.carried[place] })
      if (coerce) typed[place] = value
      for (const error of schema.check(value, errorsAtMost - errors.length)) errors.push({ ...error, in: place })
    }
    if (body && errors.length < errorsAtMost) {
      if (!given.hasBody) {
        if (bodyRequired) errors.push({ in: 'body', pointer: '', keyword: 'required', message: 'is required' })
      } else for (const error of body.check(given.body(), errorsAtMost - errors.length)) errors.push({ ...error, in: 'body' })
    }
    return { errors, typed: typed as Checked['typed'] }
  }
}
