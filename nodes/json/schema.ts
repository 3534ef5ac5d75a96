import { fault } from '../../runtime/core/fault.ts'
import { compileLinear, type LinearRegex } from '../../runtime/core/values/linear-regex.ts'

/** One way in which a value does not fit, in the shape Ajv users know. */
export interface SchemaError {
  readonly instancePath: string
  readonly schemaPath: string
  readonly keyword: string
  readonly message: string
}

const stepLimit = 200_000
const depthLimit = 100
const errorLimit = 50

type Schema = boolean | Readonly<Record<string, any>>

/**
 * Checks a value against a JSON Schema (draft-07 vocabulary) by interpreting the schema: it may come in
 * with a message, so no code is made from it, its patterns run in linear time, and the work is bounded.
 * `format` is not checked; `$ref` reaches definitions of the schema itself only.
 * @returns what does not fit; empty when the value is valid
 * @throws Fault `step.config` when the schema is none, or asks for too much work
 */
export function validate(root: unknown, value: unknown): readonly SchemaError[] {
  const errors: SchemaError[] = []
  new Validation(root as Schema, errors).check(root as Schema, value, '', '#', 0)
  return errors
}

class Validation {
  readonly #root: Schema
  readonly #patterns = new Map<string, LinearRegex>()
  #errors: SchemaError[]
  #steps = 0

  constructor(root: Schema, errors: SchemaError[]) {
    this.#root = root
    this.#errors = errors
  }

  /** @returns true when the value fits; otherwise says why in the list of errors */
  check(schema: Schema, value: unknown, at: string, from: string, depth: number): boolean {
    this.#work(1)
    if (depth > depthLimit) throw wrong('it is nested too deeply')
    if (schema === true) return true
    if (schema === false) return this.#fail(at, from, 'false schema', 'is not allowed')
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) throw wrong(`${from} is no schema`)
    for (const keyword of ['$dynamicRef', '$recursiveRef', 'unevaluatedProperties', 'unevaluatedItems']) {
      if (keyword in schema) throw wrong(`${keyword} is not available`)
    }
    if (typeof schema.$ref === 'string') return this.check(this.#resolve(schema.$ref), value, at, schema.$ref, depth + 1)
    const before = this.#errors.length
    // Long lists in a small schema are gone through again for every value.
    for (const list of [schema.enum, schema.required, schema.type]) if (Array.isArray(list)) this.#work(list.length / 20)
    for (const map of [schema.dependencies, schema.dependentRequired, schema.dependentSchemas, schema.patternProperties]) if (isObject(map)) this.#work(Object.keys(map).length)
    this.#any(schema, value, at, from, depth)
    if (typeof value === 'string') this.#string(schema, value, at, from)
    else if (typeof value === 'number') this.#number(schema, value, at, from)
    else if (Array.isArray(value)) this.#array(schema, value, at, from, depth)
    else if (isObject(value)) this.#object(schema, value, at, from, depth)
    return this.#errors.length === before
  }

  #any(schema: Record<string, any>, value: unknown, at: string, from: string, depth: number): void {
    if (schema.type !== undefined) {
      const types: unknown[] = Array.isArray(schema.type) ? schema.type : [schema.type]
      if (!types.some((type) => isType(value, type))) this.#fail(at, from, 'type', `must be ${types.join(' or ')}`)
    }
    if (Array.isArray(schema.enum) && !schema.enum.some((one: unknown) => this.#same(one, value))) this.#fail(at, from, 'enum', 'must be one of the allowed values')
    if ('const' in schema && !this.#same(schema.const, value)) this.#fail(at, from, 'const', 'must be the allowed value')
    const inner = (one: Schema, keyword: string) => this.check(one, value, at, `${from}/${keyword}`, depth + 1)
    if (Array.isArray(schema.allOf)) schema.allOf.forEach((one: Schema, i: number) => inner(one, `allOf/${i}`))
    if (Array.isArray(schema.anyOf) && !schema.anyOf.some((one: Schema, i: number) => this.#quietly(() => inner(one, `anyOf/${i}`)))) this.#fail(at, from, 'anyOf', 'must match a schema in anyOf')
    if (Array.isArray(schema.oneOf) && schema.oneOf.filter((one: Schema, i: number) => this.#quietly(() => inner(one, `oneOf/${i}`))).length !== 1) this.#fail(at, from, 'oneOf', 'must match exactly one schema in oneOf')
    if (schema.not !== undefined && this.#quietly(() => inner(schema.not, 'not'))) this.#fail(at, from, 'not', 'must not be valid')
    if (schema.if !== undefined) {
      const branch = this.#quietly(() => inner(schema.if, 'if')) ? 'then' : 'else'
      if (schema[branch] !== undefined) inner(schema[branch], branch)
    }
  }

  #string(schema: Record<string, any>, value: string, at: string, from: string): void {
    if (schema.minLength !== undefined || schema.maxLength !== undefined) {
      this.#work(value.length / 100)
      const length = Array.from(value).length // characters, not code units (JSON Schema validation §6.3)
      if (length < (schema.minLength ?? 0)) this.#fail(at, from, 'minLength', `must not have fewer than ${schema.minLength} characters`)
      if (length > (schema.maxLength ?? Infinity)) this.#fail(at, from, 'maxLength', `must not have more than ${schema.maxLength} characters`)
    }
    if (schema.pattern !== undefined && !this.#matches(schema.pattern, value)) this.#fail(at, from, 'pattern', `must match pattern ${schema.pattern}`)
  }

  #number(schema: Record<string, any>, value: number, at: string, from: string): void {
    if (value < (schema.minimum ?? -Infinity)) this.#fail(at, from, 'minimum', `must be >= ${schema.minimum}`)
    if (value > (schema.maximum ?? Infinity)) this.#fail(at, from, 'maximum', `must be <= ${schema.maximum}`)
    if (typeof schema.exclusiveMinimum === 'number' && value <= schema.exclusiveMinimum) this.#fail(at, from, 'exclusiveMinimum', `must be > ${schema.exclusiveMinimum}`)
    if (typeof schema.exclusiveMaximum === 'number' && value >= schema.exclusiveMaximum) this.#fail(at, from, 'exclusiveMaximum', `must be < ${schema.exclusiveMaximum}`)
    if (schema.multipleOf !== undefined && !Number.isInteger(value / schema.multipleOf)) this.#fail(at, from, 'multipleOf', `must be multiple of ${schema.multipleOf}`)
  }

  #array(schema: Record<string, any>, value: readonly unknown[], at: string, from: string, depth: number): void {
    if (value.length < (schema.minItems ?? 0)) this.#fail(at, from, 'minItems', `must not have fewer than ${schema.minItems} items`)
    if (value.length > (schema.maxItems ?? Infinity)) this.#fail(at, from, 'maxItems', `must not have more than ${schema.maxItems} items`)
    if (schema.uniqueItems === true) {
      const texts = value.map((item) => this.#text(item))
      if (new Set(texts).size !== texts.length) this.#fail(at, from, 'uniqueItems', 'must not have equal items')
    }
    const tuple: Schema[] = Array.isArray(schema.items) ? schema.items : (schema.prefixItems ?? [])
    const rest: Schema | undefined = Array.isArray(schema.items) ? schema.additionalItems : schema.items
    value.forEach((item, i) => {
      const one = tuple[i] ?? rest
      if (one !== undefined) this.check(one, item, `${at}/${i}`, `${from}/items`, depth + 1)
    })
    if (schema.contains !== undefined) {
      const found = value.some((item, i) => this.#quietly(() => this.check(schema.contains, item, `${at}/${i}`, `${from}/contains`, depth + 1)))
      if (!found) this.#fail(at, from, 'contains', 'must contain a matching item')
    }
  }

  #object(schema: Record<string, any>, value: Readonly<Record<string, unknown>>, at: string, from: string, depth: number): void {
    const names = Object.keys(value)
    this.#work(names.length)
    if (names.length < (schema.minProperties ?? 0)) this.#fail(at, from, 'minProperties', `must not have fewer than ${schema.minProperties} properties`)
    if (names.length > (schema.maxProperties ?? Infinity)) this.#fail(at, from, 'maxProperties', `must not have more than ${schema.maxProperties} properties`)
    if (Array.isArray(schema.required)) {
      for (const name of schema.required) if (!Object.hasOwn(value, name)) this.#fail(at, from, 'required', `must have required property '${name}'`)
    }
    const properties: Record<string, Schema> = isObject(schema.properties) ? (schema.properties as Record<string, Schema>) : {}
    const patterns = Object.entries(isObject(schema.patternProperties) ? (schema.patternProperties as Record<string, Schema>) : {})
    for (const name of names) {
      const below = `${at}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
      let known = false
      if (Object.hasOwn(properties, name)) {
        known = true
        this.check(properties[name] as Schema, value[name], below, `${from}/properties/${name}`, depth + 1)
      }
      for (const [pattern, one] of patterns) {
        if (!this.#matches(pattern, name)) continue
        known = true
        this.check(one, value[name], below, `${from}/patternProperties`, depth + 1)
      }
      if (!known && schema.additionalProperties === false) this.#fail(at, from, 'additionalProperties', `must NOT have additional property '${name}'`)
      else if (!known && schema.additionalProperties !== undefined) this.check(schema.additionalProperties, value[name], below, `${from}/additionalProperties`, depth + 1)
      if (schema.propertyNames !== undefined) this.check(schema.propertyNames, name, below, `${from}/propertyNames`, depth + 1)
    }
    for (const [name, needs] of Object.entries({ ...schema.dependencies, ...schema.dependentRequired, ...schema.dependentSchemas })) {
      if (!Object.hasOwn(value, name)) continue
      if (!Array.isArray(needs)) this.check(needs as Schema, value, at, `${from}/dependencies/${name}`, depth + 1)
      else for (const other of needs) if (!Object.hasOwn(value, other)) this.#fail(at, from, 'dependencies', `must have property '${other}' when property '${name}' is there`)
    }
  }

  #fail(instancePath: string, from: string, keyword: string, message: string): false {
    if (this.#errors.length < errorLimit) this.#errors.push({ instancePath, schemaPath: `${from}/${keyword}`, keyword, message })
    return false
  }

  /** Tries without keeping what it finds wrong. */
  #quietly(check: () => boolean): boolean {
    const kept = this.#errors
    this.#errors = []
    try {
      return check()
    } finally {
      this.#errors = kept
    }
  }

  #work(amount: number): void {
    this.#steps += amount
    if (this.#steps > stepLimit) throw wrong('checking takes too many steps')
  }

  #resolve(ref: string): Schema {
    if (!ref.startsWith('#')) throw wrong(`“${ref}” lies outside the schema`)
    let found: unknown = this.#root
    for (const part of ref.slice(1).split('/').slice(1)) {
      const key = decode(part).replaceAll('~1', '/').replaceAll('~0', '~')
      if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) throw wrong(`there is no “${ref}”`)
      found = (found as Record<string, unknown>)[key]
    }
    return found as Schema
  }

  #matches(pattern: unknown, text: string): boolean {
    const source = String(pattern)
    let regex = this.#patterns.get(source)
    if (regex === undefined) {
      try {
        regex = compileLinear(source)
      } catch (error) {
        throw wrong(`the pattern ${source} cannot be used: ${(error as Error).message}`)
      }
      this.#patterns.set(source, regex)
    }
    this.#work(text.length * 0.01 * source.length)
    return regex.test(text)
  }

  #same(a: unknown, b: unknown): boolean {
    return a === b || (typeof a === 'object' && typeof b === 'object' && this.#text(a) === this.#text(b))
  }

  /** The value as text in which the order of keys makes no difference. */
  #text(value: unknown): string {
    const sorted = (_: string, inner: unknown) => {
      this.#work(1)
      return isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner
    }
    return JSON.stringify(value, sorted) ?? 'undefined'
  }
}

function isType(value: unknown, type: unknown): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value)
    case 'array':
      return Array.isArray(value)
    case 'null':
      return value === null
    case 'object':
      return isObject(value)
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type
    default:
      throw wrong(`there is no type “${String(type)}”`)
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function wrong(reason: string) {
  return fault('step.config', { message: `The JSON Schema in msg.schema cannot be used: ${reason}.` })
}
