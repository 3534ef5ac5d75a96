import { CheckContext, type Check, type SchemaError } from './check-context.ts'
import { compileKeywords, type SchemaObject } from './compile-keywords.ts'
import { readPointer, toPointerPart } from './pointer.ts'
import { SchemaProblem } from './schema-problem.ts'

export interface SchemaOptions {
  /** Whether `format` says what fits, or is a remark only. Default true. */
  readonly formats?: boolean
}

export interface CompiledSchema {
  /**
   * What does not fit, at most `errorLimit` of it; empty when the value is valid.
   * @throws Fault `schema.work` when the check would take too long
   */
  check(value: unknown, errorLimit?: number): readonly SchemaError[]
}

export interface SchemaCompiler {
  /** The schema at a pointer into the document. @throws SchemaProblem */
  compile(pointer: string): CompiledSchema
  /** What a reference inside the document leads to, and where that is. @throws SchemaProblem */
  resolve(reference: string, from: string): { readonly schema: unknown; readonly pointer: string }
}

const schemasAtMost = 20_000
const depthLimit = 64
/** Steps of one check: some 100 ms of one core. */
const workLimit = 3_000_000
const dialects = /^https?:\/\/(?:json-schema\.org\/draft\/2020-12\/schema|spec\.openapis\.org\/oas\/3\.1\/dialect\/[\w.-]+)#?$/
const documentUri = 'sluice:document'

/** Keywords below which there is one schema, a list of schemas, or schemas by name. */
const single = ['additionalProperties', 'items', 'contains', 'propertyNames', 'unevaluatedItems', 'unevaluatedProperties', 'not', 'if', 'then', 'else', 'contentSchema']
const listed = ['allOf', 'anyOf', 'oneOf', 'prefixItems']
const named = ['$defs', 'definitions', 'properties', 'patternProperties', 'dependentSchemas']
/** Those that apply to the same value as the schema they stand in. */
const inPlace = new Set(['$ref', '$dynamicRef', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'dependentSchemas'])

interface Place {
  readonly schema: SchemaObject
  readonly pointer: string
  /** URI that references in it start from. */
  readonly base: string
}

/**
 * Prepares JSON Schemas (2020-12) of one document to be checked against. Nothing of a schema becomes code: it is made into
 * functions that are written here, its patterns run in linear time, and the work that one value can ask for is bounded. References
 * lead to the document itself only.
 *
 * Meaning follows JSON Schema Core and Validation 2020-12; `format` is asserted unless told otherwise.
 */
export function createSchemaCompiler(document: unknown, { formats = true }: SchemaOptions = {}): SchemaCompiler {
  const places = new Map<object, Place>()
  const byUri = new Map<string, Place>()
  /** Dynamic anchors by resource and name. */
  const dynamic = new Map<string, Place>()
  const checks = new Map<object, { check: Check | undefined }>()
  const edges = new Map<object, object[]>()
  let usesDynamic = false

  /** Notes where a schema and those in it are, and by what names they are called. */
  function index(schema: unknown, pointer: string, base: string, depth: number): void {
    if (depth > depthLimit) throw new SchemaProblem(pointer, `The schema is nested deeper than ${depthLimit} levels.`, 'Move inner schemas to “$defs”, and refer to them.')
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema) || places.has(schema)) return
    if (places.size >= schemasAtMost) throw new SchemaProblem(pointer, `There are more than ${schemasAtMost} schemas.`, 'Split the document.')
    const own = schema as SchemaObject
    const id = own['$id']
    if (typeof own['$schema'] === 'string' && !dialects.test(own['$schema'])) {
      throw new SchemaProblem(`${pointer}/$schema`, `“${own['$schema'].slice(0, 100)}” is not JSON Schema 2020-12.`, 'Write the schema as 2020-12, with “$schema” left out or https://json-schema.org/draft/2020-12/schema.')
    }
    let at = base
    if (typeof id === 'string') {
      at = toUri(id, base, `${pointer}/$id`).replace(/#$/, '')
      if (byUri.has(at) && at !== documentUri) throw new SchemaProblem(`${pointer}/$id`, `“${id.slice(0, 100)}” names two schemas.`, 'Give each its own “$id”.')
    }
    const place: Place = { schema: own, pointer, base: at }
    places.set(schema, place)
    if (typeof id === 'string') byUri.set(at, place)
    for (const keyword of ['$anchor', '$dynamicAnchor']) {
      const name = own[keyword]
      if (typeof name !== 'string') continue
      if (!/^[A-Za-z_][-A-Za-z0-9._]*$/.test(name)) throw new SchemaProblem(`${pointer}/${keyword}`, `“${name.slice(0, 100)}” is no name of an anchor.`, 'Use letters, digits, -, . and _.')
      byUri.set(`${at}#${name}`, place)
      if (keyword === '$dynamicAnchor') dynamic.set(`${at}#${name}`, place)
    }
    if (typeof own['$dynamicRef'] === 'string') usesDynamic = true
    for (const keyword of single) if (keyword in own) index(own[keyword], `${pointer}/${keyword}`, at, depth + 1)
    for (const keyword of listed) {
      const list = own[keyword]
      if (Array.isArray(list)) list.forEach((one, i) => index(one, `${pointer}/${keyword}/${i}`, at, depth + 1))
    }
    for (const keyword of named) {
      const map = own[keyword]
      if (typeof map === 'object' && map !== null && !Array.isArray(map)) for (const [name, one] of Object.entries(map)) index(one, `${pointer}/${keyword}/${toPointerPart(name)}`, at, depth + 1)
    }
  }

  function toUri(reference: string, base: string, pointer: string): string {
    if (reference.startsWith('#')) return base.split('#', 1)[0] + reference
    try {
      if (/^[a-z][a-z\d+.-]*:/i.test(reference)) return new URL(reference).href
      return base === documentUri ? `${documentUri}/${reference}` : new URL(reference, base).href
    } catch {
      throw new SchemaProblem(pointer, `“${reference.slice(0, 100)}” is no URI.`, 'Use a name such as “address”, or a whole URI.')
    }
  }

  function find(reference: string, base: string, pointer: string): Place | { readonly schema: boolean; readonly pointer: string } {
    const uri = toUri(reference, base, pointer)
    const [resource = '', fragment = ''] = uri.split('#', 2)
    const nowhere = (): never => {
      const isOutside = !uri.startsWith(documentUri)
      throw new SchemaProblem(pointer, isOutside ? `“${reference.slice(0, 200)}” refers to another document, and none is ever fetched.` : `“${reference.slice(0, 200)}” is not in the schema.`, isOutside ? 'Put what it refers to into “$defs”, with its “$id”.' : 'Add what it refers to, or mend the reference.')
    }
    if (fragment !== '' && !fragment.startsWith('/')) return byUri.get(uri) ?? nowhere()
    const start = resource === documentUri ? { schema: document, pointer: '', base: documentUri } : byUri.get(resource)
    if (!start) return nowhere()
    let path: string
    try {
      path = decodeURIComponent(fragment)
    } catch {
      return nowhere()
    }
    const own = readPointer(start.schema, path)
    // A part of an OpenAPI document has no schema's URI before it, but people write it so beside “$id”.
    const isComponent = own === undefined && reference.startsWith('#/components/')
    const found = isComponent ? readPointer(document, path) : own
    const at = isComponent ? path : start.pointer + path
    if (typeof found === 'boolean') return { schema: found, pointer: at }
    if (typeof found !== 'object' || found === null || Array.isArray(found)) return nowhere()
    // Only places that hold schemas have been looked at; others may be referred to as well.
    if (!places.has(found)) index(found, at, start.base, 1)
    return places.get(found) as Place
  }

  /** The check of a schema, made once however often it is referred to. */
  function checkOf(schema: unknown, pointer: string): Check {
    if (schema === true) return () => true
    if (schema === false) return (_, context) => context.fail('false schema', 'is not allowed')
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) throw new SchemaProblem(pointer, 'A schema must be an object, true or false.', 'Write a schema there, such as { "type": "string" }.')
    const known = checks.get(schema)
    if (known) return known.check ?? ((value, context, seen) => (known.check as Check)(value, context, seen))
    if (!places.has(schema)) index(schema, pointer, documentUri, 1)
    const holder: { check: Check | undefined } = { check: undefined }
    checks.set(schema, holder)
    const place = places.get(schema) as Place
    const made = compileKeywords(place.schema, place.pointer, {
      formats,
      sub(keyword, below, at) {
        if (inPlace.has(keyword)) note(schema, below)
        return checkOf(below, at)
      },
      reference(text, at) {
        const target = find(text, place.base, at)
        note(schema, target.schema)
        const check = checkOf(target.schema, target.pointer)
        return 'base' in target ? entering(target.base, check) : check
      },
      dynamicReference(text, at) {
        const target = find(text, place.base, at)
        note(schema, target.schema)
        const check = checkOf(target.schema, target.pointer)
        const name = text.split('#')[1] ?? ''
        if (!('base' in target) || !dynamic.has(`${target.base}#${name}`) || name.startsWith('/')) return check
        const byResource = new Map<string, Check>()
        for (const [uri, { schema: one, pointer: where }] of dynamic) if (uri.endsWith(`#${name}`)) byResource.set(uri.slice(0, -name.length - 1), checkOf(one, where))
        return (value, context, seen) => {
          // The outermost resource that has such an anchor (JSON Schema Core §8.2.3.2).
          const outermost = context.resources.find((resource) => byResource.has(resource))
          return (outermost === undefined ? check : (byResource.get(outermost) as Check))(value, context, seen)
        }
      },
    })
    holder.check = usesDynamic ? entering(place.base, made) : made
    return holder.check
  }

  function entering(resource: string, check: Check): Check {
    if (!usesDynamic) return check
    return (value, context, seen) => {
      context.resources.push(resource)
      const fits = check(value, context, seen)
      context.resources.pop()
      return fits
    }
  }

  function note(from: object, to: unknown): void {
    if (typeof to !== 'object' || to === null) return
    const list = edges.get(from)
    if (list) list.push(to)
    else edges.set(from, [to])
  }

  /** A schema that leads back to itself at the same value would never come to an end. */
  function refuseCircles(): void {
    const done = new Set<object>()
    const under = new Set<object>()
    const visit = (schema: object): void => {
      if (done.has(schema)) return
      if (under.has(schema)) throw new SchemaProblem(places.get(schema)?.pointer ?? '', 'The schema refers to itself without looking at anything inside the value, so that no check would ever end.', 'Let the reference stand below “properties” or “items”.')
      under.add(schema)
      for (const next of edges.get(schema) ?? []) visit(next)
      under.delete(schema)
      done.add(schema)
    }
    try {
      for (const schema of edges.keys()) visit(schema)
    } catch (thrown) {
      if (thrown instanceof RangeError) throw new SchemaProblem('', 'Schemas refer to each other over too many steps.', 'Shorten the chain of references.')
      throw thrown
    }
  }

  return {
    compile(pointer) {
      const schema = readPointer(document, pointer)
      if (schema === undefined) throw new SchemaProblem(pointer, 'There is no schema.', 'Add one.')
      index(schema, pointer, documentUri, 1)
      const check = checkOf(schema, pointer)
      refuseCircles()
      return {
        check(value, errorLimit = 20) {
          const context = new CheckContext(Math.max(1, errorLimit), workLimit)
          check(value, context)
          return context.errors ?? []
        },
      }
    },
    resolve(reference, from) {
      return find(reference, documentUri, from)
    },
  }
}

/** One schema that stands alone. @throws SchemaProblem */
export function compileSchema(schema: unknown, options: SchemaOptions = {}): CompiledSchema {
  return createSchemaCompiler(schema, options).compile('')
}

