import { SchemaProblem } from './schema-problem.ts'
import type { SchemaCompiler } from './compile-schema.ts'

/** A value made of text (a query, a form) as the schema wants it. What cannot be made fits stays as it is, to be found wrong later. */
export type Coerce = (value: unknown) => unknown

type Type = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object'

interface Shape {
  readonly types: ReadonlySet<Type>
  readonly items: unknown
  readonly properties: Readonly<Record<string, unknown>>
  readonly others: unknown
}

const depthLimit = 12
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Reads what types a schema asks for, and gives what makes text into them. Where text is allowed as well, text it stays. */
export function createCoerce(schema: unknown, compiler: SchemaCompiler): Coerce {
  return make(schema, 0)

  function make(from: unknown, depth: number): Coerce {
    const { types, items, properties, others } = shapeOf(from)
    let ofItem: Coerce | undefined
    const ofProperty = new Map<string, Coerce>()
    // Made when first needed: schemas refer to themselves.
    const itemOf = () => (ofItem ??= depth < depthLimit && items !== undefined ? make(items, depth + 1) : (value) => value)
    const propertyOf = (name: string): Coerce => {
      const known = ofProperty.get(name)
      if (known) return known
      const own = Object.hasOwn(properties, name) ? properties[name] : others
      if (own === undefined || depth >= depthLimit) return (value) => value
      const made = make(own, depth + 1)
      if (Object.hasOwn(properties, name)) ofProperty.set(name, made)
      return made
    }
    return (value) => {
      if (typeof value === 'string') {
        if (types.has('array') && !types.has('string')) return [itemOf()(value)]
        return ofText(value, types)
      }
      if (Array.isArray(value)) return types.has('array') || types.size === 0 ? value.map((item) => itemOf()(item)) : value
      if (typeof value === 'object' && value !== null && (types.has('object') || types.size === 0)) {
        return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, propertyOf(name)(one)]))
      }
      return value
    }
  }

  function shapeOf(from: unknown): Shape {
    const types = new Set<Type>()
    let items: unknown
    let others: unknown
    const properties: Record<string, unknown> = {}
    const look = (schema: unknown, steps: number): void => {
      if (typeof schema !== 'object' || schema === null || steps > 20) return
      const own = schema as Readonly<Record<string, unknown>>
      for (const type of Array.isArray(own['type']) ? own['type'] : own['type'] === undefined ? typesOfValues(own) : [own['type']]) types.add(type as Type)
      items ??= own['items']
      others ??= typeof own['additionalProperties'] === 'object' ? own['additionalProperties'] : undefined
      if (typeof own['properties'] === 'object' && own['properties'] !== null) for (const [name, one] of Object.entries(own['properties'])) if (!Object.hasOwn(properties, name)) properties[name] = one
      if (typeof own['$ref'] === 'string') {
        try {
          look(compiler.resolve(own['$ref'], '').schema, steps + 1)
        } catch (thrown) {
          if (!(thrown instanceof SchemaProblem)) throw thrown // the check of the schema says it
        }
      }
      for (const keyword of ['allOf', 'anyOf', 'oneOf']) if (Array.isArray(own[keyword])) for (const one of own[keyword] as unknown[]) look(one, steps + 1)
    }
    look(from, 0)
    if (Object.keys(properties).length > 0 && types.size === 0) types.add('object')
    if (items !== undefined && types.size === 0) types.add('array')
    return { types, items, properties, others }
  }
}

function typesOfValues(schema: Readonly<Record<string, unknown>>): readonly Type[] {
  const values = Array.isArray(schema['enum']) ? (schema['enum'] as unknown[]) : 'const' in schema ? [schema['const']] : []
  return values.map((value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : (typeof value as Type)))
}

function ofText(text: string, types: ReadonlySet<Type>): unknown {
  if (types.has('string') || types.size === 0) return text
  if ((types.has('integer') || types.has('number')) && text.length <= 400 && jsonNumber.test(text)) {
    const number = Number(text)
    if (Number.isFinite(number)) return number
  }
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  if (types.has('null') && (text === '' || text === 'null')) return null
  return text
}
