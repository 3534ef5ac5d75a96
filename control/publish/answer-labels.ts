import { labelsOfSchema } from '../../runtime/core/labels/of-schema.ts'
import { deref } from '../../runtime/core/openapi/deref.ts'
import { asObject } from './json-values.ts'
import type { Json } from './read-document.ts'

/** Labels that an operation, with all that it refers to, gives by `x-label` to what is answered. */
export function answerLabels(operation: Json): readonly string[] {
  const nowhere = { flow: '', node: '' }
  const schemas = Object.values(asObject(operation['responses'])).flatMap((given) => {
    const { content, headers } = asObject(deref(operation, given, '').value)
    return [...Object.values(asObject(content)).map((media) => asObject(media)['schema']), ...Object.values(asObject(headers)).map((header) => asObject(deref(operation, header, '').value)['schema'])]
  })
  return [...new Set(schemas.flatMap((schema) => labelsOfSchema(schema, nowhere, operation).labels))].sort()
}
