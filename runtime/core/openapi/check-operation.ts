import { createCoerce, type Coerce } from '../json-schema/coerce.ts'
import { createSchemaCompiler, type CompiledSchema, type SchemaCompiler } from '../json-schema/compile-schema.ts'
import { toPointerPart } from '../json-schema/pointer.ts'
import { SchemaProblem } from '../json-schema/schema-problem.ts'
import type { Checked, CheckMessage, ErrorPlace, Given, PlacedError } from './checked-message.ts'
import { deref } from './deref.ts'
import { asJson, isJsonObject, type Json } from './json-object.ts'
import { createParameterReader, type ParameterPlace, type ReadParameter } from './read-parameter.ts'
import { relaxRequired } from './relax-required.ts'

interface Parameter {
  readonly name: string
  readonly place: ParameterPlace
  readonly required: boolean
  readonly mayBeEmpty: boolean
  readonly isJson: boolean
  readonly read: ReadParameter
  readonly schema: CompiledSchema | undefined
  readonly coerce: Coerce
  readonly fallback: unknown
}

interface Media {
  /** Lower case, without parameters; may end with `/*`. */
  readonly type: string
  readonly schema: CompiledSchema | undefined
  readonly coerce: Coerce
  /** Properties that files of a multipart body stand for. */
  readonly takesFiles: boolean
}

interface Bodies {
  readonly required: boolean
  readonly media: readonly Media[]
}

const places: ReadonlySet<string> = new Set(['query', 'path', 'header', 'cookie'])
/** Said by other parts of an operation (OpenAPI 3.1 §4.8.12.1). */
const ignoredHeaders: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization'])
const formTypes: ReadonlySet<string> = new Set(['application/x-www-form-urlencoded', 'multipart/form-data'])

export interface OperationOptions {
  readonly formats: boolean
  /** Query parameters that the operation does not know are wrong. */
  readonly refuseUnknownQuery?: boolean
}

/**
 * How requests are held to an operation of OpenAPI 3.1, which has `components` beside its own keys for what it refers to.
 * @throws SchemaProblem
 */
export function compileRequestCheck(operation: Json, { formats, refuseUnknownQuery = false }: OperationOptions): CheckMessage {
  const document = relaxRequired(operation, 'readOnly')
  const compiler = createSchemaCompiler(document, { formats })
  const parameters = toParameters(document, compiler)
  const bodies = toBodies(document, compiler)
  const known = new Set(parameters.filter(({ place }) => place === 'query').map(({ name }) => name.replace(/\[.*$/s, '')))
  const isOpen = parameters.some(({ place, schema }) => place === 'query' && schema !== undefined) && hasSpreadObject(document)
  return (given, errorsAtMost) => {
    const errors: PlacedError[] = []
    const typed: { -readonly [P in keyof Checked['typed']]: Record<string, unknown> } = {}
    for (const parameter of parameters) {
      if (errors.length >= errorsAtMost) break
      const { place, name } = parameter
      const into = (typed[place] ??= {})
      const value = checkParameter(parameter, given, errors, errorsAtMost)
      if (value !== undefined && name.indexOf('[') === -1) into[place === 'header' ? name.toLowerCase() : name] = value
    }
    if (refuseUnknownQuery && !isOpen) {
      for (const name of Object.keys(given.carried.query)) {
        if (!known.has(name) && errors.length < errorsAtMost) errors.push({ in: 'query', pointer: `/${toPointerPart(name.slice(0, 100))}`, keyword: 'additionalProperties', message: 'is not known here' })
      }
    }
    const body = checkBody(bodies, given, 'body', errors, errorsAtMost)
    return { errors, ...(body.unsupported === undefined ? {} : { unsupported: body.unsupported }), typed: { ...typed, ...(body.typed ? { body: body.typed } : {}) } as Checked['typed'] }
  }
}

/** How answers are held to the `responses` of an operation: status, content type, body and headers. @throws SchemaProblem */
export function compileResponseCheck(operation: Json, { formats }: OperationOptions): CheckMessage {
  const document = relaxRequired(operation, 'writeOnly')
  const compiler = createSchemaCompiler(document, { formats })
  const byStatus = new Map<string, { readonly bodies: Bodies; readonly headers: readonly Parameter[] }>()
  for (const [status, given] of Object.entries(asJson(document['responses']))) {
    const { value: response, pointer } = deref(document, given, `/responses/${toPointerPart(status)}`)
    const headers = Object.entries(asJson(response['headers'])).map(([name, header]) => {
      const { value, pointer: at } = deref(document, header, `${pointer}/headers/${toPointerPart(name)}`)
      return toParameter({ ...value, name, in: 'header', style: 'simple' }, at, document, compiler)
    })
    byStatus.set(status.toUpperCase(), { bodies: { required: false, media: toMedia(document, response['content'], `${pointer}/content`, compiler) }, headers })
  }
  return (given, errorsAtMost) => {
    const status = String(given.status ?? 200)
    const found = byStatus.get(status) ?? byStatus.get(`${status[0]}XX`) ?? byStatus.get('DEFAULT')
    if (!found) return { errors: [{ in: 'status', pointer: '', keyword: 'responses', message: `${status} is no status that the operation declares` }], typed: {} }
    const errors: PlacedError[] = []
    for (const header of found.headers) checkParameter(header, given, errors, errorsAtMost)
    const { unsupported } = found.bodies.media.length === 0 ? { unsupported: undefined } : checkBody(found.bodies, given, 'body', errors, errorsAtMost)
    if (unsupported !== undefined) errors.push({ in: 'header', pointer: '/content-type', keyword: 'content', message: `must be one of ${found.bodies.media.map(({ type }) => type).join(', ').slice(0, 200)}` })
    return { errors, typed: {} }
  }
}

function toParameters(document: Json, compiler: SchemaCompiler): Parameter[] {
  const list = document['parameters']
  if (list === undefined) return []
  if (!Array.isArray(list)) throw new SchemaProblem('/parameters', '“parameters” must be a list.', 'Write it as [ … ].')
  const made = list.map((one: unknown, i) => {
    const { value, pointer } = deref(document, one, `/parameters/${i}`)
    if (typeof value['name'] !== 'string' || value['name'] === '') throw new SchemaProblem(`${pointer}/name`, 'A parameter has no name.', 'Add “name”.')
    if (!places.has(String(value['in']))) throw new SchemaProblem(`${pointer}/in`, `The parameter “${value['name'].slice(0, 100)}” does not say where it stands.`, 'Use query, path, header or cookie for “in”.')
    return toParameter(value, pointer, document, compiler)
  })
  return made.filter(({ place, name }) => place !== 'header' || !ignoredHeaders.has(name.toLowerCase()))
}

function toParameter(parameter: Json, pointer: string, document: Json, compiler: SchemaCompiler): Parameter {
  const [type, media] = Object.entries(asJson(parameter['content']))[0] ?? []
  const schemaAt = parameter['schema'] !== undefined ? `${pointer}/schema` : type !== undefined && asJson(media)['schema'] !== undefined ? `${pointer}/content/${toPointerPart(type)}/schema` : undefined
  const schema = parameter['schema'] ?? asJson(media)['schema']
  const shape = shapeOf(document, schema)
  return {
    name: String(parameter['name']),
    place: parameter['in'] as ParameterPlace,
    required: parameter['required'] === true,
    mayBeEmpty: parameter['allowEmptyValue'] === true,
    isJson: type !== undefined && /[/+]json\b/.test(type),
    read: createParameterReader(parameter, type === undefined ? shape : { isList: false, properties: undefined }),
    schema: schemaAt === undefined ? undefined : compiler.compile(schemaAt),
    coerce: createCoerce(schema, compiler),
    fallback: shape.fallback,
  }
}

function shapeOf(document: Json, schema: unknown): { isList: boolean; properties: readonly string[] | undefined; fallback: unknown } {
  const own = typeof asJson(schema)['$ref'] === 'string' ? deref(document, schema, '').value : asJson(schema)
  const types = Array.isArray(own['type']) ? (own['type'] as unknown[]) : [own['type']]
  return { isList: types.includes('array'), properties: types.includes('object') || isJsonObject(own['properties']) ? Object.keys(asJson(own['properties'])) : undefined, fallback: own['default'] }
}

/** An object that is spread over the query may have properties that nobody named. */
function hasSpreadObject(document: Json): boolean {
  return (Array.isArray(document['parameters']) ? (document['parameters'] as unknown[]) : []).some((one) => {
    const { value } = deref(document, one, '')
    if (value['in'] !== 'query' || value['explode'] === false || (value['style'] !== undefined && value['style'] !== 'form')) return false
    return shapeOf(document, value['schema']).properties !== undefined
  })
}

function checkParameter({ name, place, required, mayBeEmpty, isJson, read, schema, coerce, fallback }: Parameter, given: Given, errors: PlacedError[], errorsAtMost: number): unknown {
  const part = `/${toPointerPart(name)}`
  const raw = read(given.carried)
  if (raw === undefined) {
    if (required) errors.push({ in: place, pointer: part, keyword: 'required', message: 'is required' })
    return fallback
  }
  if (raw === '' && mayBeEmpty) return raw
  let value: unknown
  if (isJson && typeof raw === 'string') {
    try {
      value = JSON.parse(raw)
    } catch {
      errors.push({ in: place, pointer: part, keyword: 'content', message: 'must be JSON' })
      return undefined
    }
  } else value = coerce(raw)
  for (const error of schema?.check(value, errorsAtMost - errors.length) ?? []) errors.push({ ...error, in: place, pointer: part + error.pointer })
  return value
}

function toBodies(document: Json, compiler: SchemaCompiler): Bodies {
  if (document['requestBody'] === undefined) return { required: false, media: [] }
  const { value, pointer } = deref(document, document['requestBody'], '/requestBody')
  return { required: value['required'] === true, media: toMedia(document, value['content'], `${pointer}/content`, compiler) }
}

function toMedia(document: Json, content: unknown, pointer: string, compiler: SchemaCompiler): Media[] {
  return Object.entries(asJson(content)).map(([key, given]) => {
    const schema = asJson(given)['schema']
    const type = bare(key)
    return {
      type,
      schema: schema === undefined || !(isJson(type) || formTypes.has(type) || type.startsWith('text/') || type === '*/*') ? undefined : compiler.compile(`${pointer}/${toPointerPart(key)}/schema`),
      coerce: formTypes.has(type) ? createCoerce(schema, compiler) : (value: unknown) => value,
      takesFiles: type === 'multipart/form-data' && shapeOf(document, schema).properties !== undefined,
    }
  })
}

function checkBody({ required, media }: Bodies, given: Given, place: ErrorPlace, errors: PlacedError[], errorsAtMost: number): { unsupported?: string; typed?: { value: unknown } } {
  if (!given.hasBody) {
    if (required) errors.push({ in: place, pointer: '', keyword: 'required', message: 'is required' })
    return {}
  }
  if (media.length === 0) return {}
  const type = bare(given.contentType ?? '')
  const found = media.find((one) => one.type === type) ?? media.find((one) => one.type.endsWith('/*') && one.type !== '*/*' && type.startsWith(one.type.slice(0, -1))) ?? media.find((one) => one.type === '*/*')
  if (!found) return { unsupported: type }
  const { schema, coerce, takesFiles } = found
  if (!schema || errors.length >= errorsAtMost) return {}
  const isForm = formTypes.has(type)
  // An XML text stays a text, whatever its schema says of the document in it.
  if (!isJson(type) && !isForm && found.type === '*/*') return {}
  const raw = given.body()
  const value = isForm ? coerce(raw) : raw
  const whole = takesFiles && isJsonObject(value) ? withFiles(value, given.files) : value
  for (const error of schema.check(whole, errorsAtMost - errors.length)) errors.push({ ...error, in: place })
  return isForm ? { typed: { value } } : {}
}

/** A file stands for a text of bytes, several of one name for a list of them. */
function withFiles(fields: Json, names: readonly string[]): Json {
  const all: Record<string, unknown> = { ...fields }
  for (const name of names) all[name] = all[name] === undefined ? '' : [...(Array.isArray(all[name]) ? (all[name] as unknown[]) : [all[name]]), '']
  return all
}

function bare(type: string): string {
  return (type.split(';', 1)[0] as string).trim().toLowerCase()
}

function isJson(type: string): boolean {
  return type === 'application/json' || type.endsWith('+json') || type === 'text/json'
}
