import type { Problem } from '../../runtime/core/flow.ts'
import { compilePattern } from '../../runtime/core/json-schema/linear-pattern.ts'
import { SchemaProblem } from '../../runtime/core/json-schema/schema-problem.ts'
import { compileRequestCheck, compileResponseCheck } from '../../runtime/core/openapi/check-operation.ts'
import { isObject, toPointerPart } from '../consumers/json.ts'
import { asList, asObject } from './json-values.ts'
import { openapiProblem } from './problems.ts'
import { find, type Json } from './read-document.ts'

/** An operation taken out of its document, whole: what its references lead to stands beside it as `components`. */
export interface Contract {
  readonly operation: Json
  readonly warnings: readonly Problem[]
}

/** Where an operation is in an OpenAPI 3.1 document. */
export interface ContractPlace {
  readonly operation: Json
  /** What all operations of the path have. */
  readonly shared: Json
  /** Of the operation, in the document that was sent. */
  readonly pointer: string
  readonly isSwagger: boolean
}

/** Of the JSON of one operation. What answers look like is left out before the operation is refused. */
const wholeLimit = 96 * 1024
const requestLimit = 240 * 1024
const kept = ['operationId', 'summary', 'description', 'tags', 'deprecated', 'externalDocs'] as const

/**
 * Takes an operation out of a document (3.1, or made so). Patterns that cannot run in linear time are kept as `x-pattern` and not
 * checked; answers whose schemas cannot be used lose them.
 * @throws SchemaProblem when what it says of requests cannot be used; its pointer leads into the document
 */
export function toContract(document: Json, { operation: given, shared, pointer, isSwagger }: ContractPlace): Contract {
  const warnings: Problem[] = []
  const parameters = mergeParameters(document, shared, given)
  const base = {
    openapi: '3.1.0',
    ...Object.fromEntries(kept.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]]))),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(given['requestBody'] === undefined ? {} : { requestBody: given['requestBody'] }),
  }
  const toPlace = (at: string) => placeOf(at, pointer, isSwagger)
  const takeOut = (operation: Json): Json => {
    const closed = withComponents(document, operation)
    return soften(closed, (at, message) => warnings.push({ ...openapiProblem(toPlace(at), message, 'It is kept as x-pattern, and not checked. Write it without look-around, back-references and Unicode properties to have it checked.'), severity: 'warning' }))
  }

  let whole = takeOut({ ...base, responses: given['responses'] ?? {} })
  try {
    compileRequestCheck(whole, { formats: true })
  } catch (thrown) {
    if (!(thrown instanceof SchemaProblem)) throw thrown
    throw new SchemaProblem(toPlace(thrown.pointer), thrown.message, thrown.remedy)
  }
  const why = whyNoAnswers(whole)
  if (why !== undefined) {
    warnings.length = 0
    whole = takeOut({ ...base, responses: withoutSchemas(document, given['responses']) })
    if (why !== '') warnings.push({ ...openapiProblem(toPlace('/responses'), `What its answers look like is left out: ${why}`, 'Mend it to have answers described as well.'), severity: 'warning' })
  }
  if (sizeOf(whole) > requestLimit) throw new SchemaProblem(pointer, `What the operation says of requests is larger than ${requestLimit / 1024} KiB.`, 'Leave out examples and descriptions that nobody needs, or leave the operation out.')
  return { operation: whole, warnings }
}

/** Why answers are left out; an empty text: they are too large. */
function whyNoAnswers(operation: Json): string | undefined {
  if (sizeOf(operation) > wholeLimit) return ''
  try {
    compileResponseCheck(operation, { formats: true })
    return undefined
  } catch (thrown) {
    if (!(thrown instanceof SchemaProblem)) throw thrown
    return thrown.message
  }
}

const sizeOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

/** Those of the operation count more than those of the path. */
function mergeParameters(document: Json, shared: Json, operation: Json): unknown[] {
  const all = [...asList(shared['parameters']), ...asList(operation['parameters'])].map((one) => follow(document, one))
  return [...new Map(all.map((one) => [`${String(one['in'])} ${String(one['name'])}`, one])).values()]
}

function follow(document: Json, value: unknown): Json {
  let at = asObject(value)
  for (let steps = 0; typeof at['$ref'] === 'string' && steps < 20; steps++) at = asObject(find(document, at['$ref'] as string))
  return at
}

function withoutSchemas(document: Json, responses: unknown): Json {
  return Object.fromEntries(Object.entries(asObject(responses)).map(([status, given]) => {
    const { content, description, headers: _headers, links: _links } = follow(document, given)
    return [status, { description: description ?? '', ...(content === undefined ? {} : { content: Object.fromEntries(Object.keys(asObject(content)).map((type) => [type, {}])) }) }]
  }))
}

/** Objects whose keys are names that people chose. */
const names: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'dependentSchemas', 'dependentRequired', 'headers', 'content', 'encoding', 'responses', 'links', 'variables', 'mapping', 'scopes'])
/** Data that only looks like a part of the document. */
const data: ReadonlySet<string> = new Set(['example', 'default', 'enum', 'const', 'value'])

/** Everything that references lead to, put beside the operation; those to other places than components get a place there. */
function withComponents(document: Json, operation: Json): Json {
  const components: Record<string, Record<string, unknown>> = {}
  const moved = new Map<string, string>()
  const waiting: (() => void)[] = []

  const copy = (value: unknown, ofNames: boolean): unknown => {
    if (Array.isArray(value)) return value.map((one) => copy(one, false))
    if (!isObject(value)) return value
    const made: Record<string, unknown> = {}
    for (const [key, one] of Object.entries(value)) {
      if (!ofNames && key === '$ref' && typeof one === 'string') made[key] = take(one)
      else if (!ofNames && (data.has(key) || (key === 'examples' && Array.isArray(one)))) made[key] = one
      else made[key] = copy(one, !ofNames && (names.has(key) || key === 'examples'))
    }
    return made
  }

  const take = (reference: string): string => {
    if (!reference.startsWith('#/')) return reference
    const [, section, name] = /^#\/components\/([^/]+)\/([^/]+)/.exec(reference) ?? []
    if (section !== undefined && name !== undefined) {
      const key = decode(name)
      const store = (components[section] ??= {})
      if (!Object.hasOwn(store, key)) {
        store[key] = true
        const target = find(document, `#/components/${section}/${name}`)
        if (target === undefined) throw new SchemaProblem('', `“${reference.slice(0, 200)}” is not in the document.`, 'Add what it refers to, or mend the reference.')
        waiting.push(() => void (store[key] = copy(target, false)))
      }
      return reference
    }
    const known = moved.get(reference)
    if (known !== undefined) return known
    const key = `part${moved.size + 1}`
    const to = `#/components/schemas/${key}`
    moved.set(reference, to)
    const target = find(document, reference)
    if (target === undefined) throw new SchemaProblem('', `“${reference.slice(0, 200)}” is not in the document.`, 'Add what it refers to, or mend the reference.')
    const store = (components['schemas'] ??= {})
    store[key] = true
    waiting.push(() => void (store[key] = copy(target, false)))
    return to
  }

  const made = copy(operation, false) as Record<string, unknown>
  for (let next = waiting.pop(); next; next = waiting.pop()) next()
  return Object.keys(components).length === 0 ? made : { ...made, components }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return part
  }
}

/** A copy whose patterns all run in linear time. */
function soften(operation: Json, warn: (pointer: string, message: string) => void): Json {
  const usable = (source: string, at: string): boolean => {
    try {
      compilePattern(source)
      return true
    } catch (error) {
      warn(at, `A pattern is not checked: ${(error as Error).message}`)
      return false
    }
  }
  const walk = (value: unknown, at: string, ofNames: boolean): unknown => {
    if (Array.isArray(value)) return value.map((one, i) => walk(one, `${at}/${i}`, false))
    if (!isObject(value)) return value
    const made: Record<string, unknown> = {}
    for (const [key, one] of Object.entries(value)) {
      const below = `${at}/${toPointerPart(key)}`
      if (!ofNames && (data.has(key) || (key === 'examples' && Array.isArray(one)))) made[key] = one
      else if (!ofNames && key === 'pattern' && typeof one === 'string') made[usable(one, below) ? 'pattern' : 'x-pattern'] = one
      else if (!ofNames && key === 'patternProperties' && isObject(one)) {
        const good = Object.entries(one).filter(([source]) => usable(source, below))
        made[key] = Object.fromEntries(good.map(([source, schema]) => [source, walk(schema, `${below}/${toPointerPart(source)}`, false)]))
        // Names that nobody can tell apart any more are not refused.
        if (good.length < Object.keys(one).length) made['x-open'] = true
      } else made[key] = walk(one, below, !ofNames && names.has(key))
    }
    if (made['x-open'] === true) {
      delete made['x-open']
      delete made['additionalProperties']
    }
    return made
  }
  const components = asObject(operation['components'])
  const { components: _, ...own } = operation
  const walked = walk(own, '', false) as Json
  if (operation['components'] === undefined) return walked
  return { ...walked, components: Object.fromEntries(Object.entries(components).map(([section, all]) => [section, walk(all, `/components/${section}`, true)])) }
}

/** A place in an operation that was taken out, as a place in the document. */
function placeOf(at: string, pointer: string, isSwagger: boolean): string {
  if (at.startsWith('/components/')) return isSwagger ? at.replace(/^\/components\/schemas\//, '/definitions/').replace(/^\/components\//, '/') : at
  if (isSwagger || at.startsWith('/parameters/')) return `${pointer}/parameters`
  return `${pointer}${at}`
}

