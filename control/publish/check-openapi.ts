import { Validator } from '@seriousme/openapi-schema-validator'
import type { Problem } from '../../runtime/core/flow.ts'
import { openapiProblem } from './problems.ts'
import type { Json } from './read-document.ts'

/** Of AJV. */
interface SchemaError {
  readonly instancePath: string
  readonly keyword: string
  readonly message?: string
  readonly params: Readonly<Record<string, unknown>>
}

const places = 20

/** Holds documents to the schema of the version that they name, as the OpenAPI Initiative publishes it. Its schemas are compiled when first needed. */
export function createOpenapiCheck(): (document: Json) => Promise<readonly Problem[]> {
  const validator = new Validator()
  return async (document) => {
    const version = document['openapi'] ?? document['swagger']
    if (version === undefined) return [openapiProblem('/openapi', 'The document does not say which OpenAPI it is.', 'It begins with “openapi: 3.1.0”, or with “swagger: "2.0"”.')]
    const known = typeof document['openapi'] === 'string' ? /^3\.[012]\.\d/.test(document['openapi']) : document['swagger'] === '2.0'
    if (!known) return [openapiProblem(document['openapi'] === undefined ? '/swagger' : '/openapi', `OpenAPI ${JSON.stringify(version)?.slice(0, 40)} is not known here.`, 'Use 3.2, 3.1, 3.0 or 2.0, written as text.')]
    const { errors } = await validator.validate(document as Record<string, unknown>)
    // The whole document would stay in memory until the next one.
    validator.specification = {}
    // A text is its verdict on references, which have been looked at already.
    return Array.isArray(errors) ? toProblems(errors as readonly SchemaError[]) : []
  }
}

/** Of alternatives that all fail, the one that came furthest says most: only errors that no other lies below are named, one a place. */
function toProblems(errors: readonly SchemaError[]): Problem[] {
  const real = errors.filter(({ keyword }) => !['oneOf', 'anyOf', 'allOf', 'if', 'not', '$ref'].includes(keyword))
  const listed = real.length > 0 ? real : errors
  const byPlace = new Map<string, SchemaError>()
  for (const error of listed) {
    const before = byPlace.get(error.instancePath)
    // That a $ref is missing is no news to somebody who did not want to write one.
    if (!before || before.params['missingProperty'] === '$ref') byPlace.set(error.instancePath, error)
  }
  const all = [...byPlace.values()]
  const deepest = all.filter(({ instancePath }) => !all.some((other) => other.instancePath.startsWith(`${instancePath}/`)))
  return deepest.slice(0, places).map(toProblem)
}

function toProblem({ instancePath, keyword, message = 'is not what it should be', params }: SchemaError): Problem {
  const named = params['missingProperty'] ?? params['additionalProperty'] ?? params['unevaluatedProperty']
  const name = typeof named === 'string' ? named : undefined
  const place = instancePath === '' ? 'The document' : instancePath
  if (keyword === 'required' && name !== undefined) return openapiProblem(instancePath, `${place} lacks “${name}”.`, `Add “${name}” there.`)
  if (name !== undefined) return openapiProblem(instancePath, `“${name}” is not known at ${place === 'The document' ? 'the top' : place}.`, 'Leave it out, or check how it is spelt and where it belongs.')
  const allowed = Array.isArray(params['allowedValues']) ? `: ${(params['allowedValues'] as unknown[]).map(String).join(', ').slice(0, 200)}` : ''
  return openapiProblem(instancePath, `${place} ${message}${allowed}.`, 'Mend it as the OpenAPI specification says.')
}
