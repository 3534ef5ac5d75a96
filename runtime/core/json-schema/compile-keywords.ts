import { NotLinearError } from '../values/linear-regex.ts'
import { type Check, type CheckContext, nothingSeen, seeAll, type Seen } from './check-context.ts'
import { numberFormats, textFormats } from './formats.ts'
import { compilePattern, type LinearPattern } from './linear-pattern.ts'
import { toPointerPart } from './pointer.ts'
import { isSame, sameText } from './same-value.ts'
import { SchemaProblem } from './schema-problem.ts'

export type SchemaObject = Readonly<Record<string, unknown>>

/** What a schema needs of the document around it. */
export interface Surroundings {
  readonly formats: boolean
  sub(keyword: string, schema: unknown, pointer: string): Check
  reference(text: string, pointer: string): Check
  dynamicReference(text: string, pointer: string): Check
}

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  object: isRecord,
  array: (value) => Array.isArray(value),
  number: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
  integer: (value) => Number.isInteger(value),
}
const formatLimit = 10_000

/** The keywords of one schema as one check. Those of a value's type are not even asked about others. @throws SchemaProblem */
export function compileKeywords(schema: SchemaObject, pointer: string, around: Surroundings): Check {
  const read = createReader(schema, pointer)
  const sub = (keyword: string, below: unknown, ...parts: readonly (string | number)[]) => around.sub(keyword, below, [pointer, keyword, ...parts.map(toPointerPart)].join('/'))

  const always = [...toTypes(), ...toValues(), ...toApplicators()]
  const ofText = toText()
  const ofNumber = toNumber()
  const ofList = toList()
  const ofRecord = toRecord()
  const restOfList = read.has('unevaluatedItems') ? sub('unevaluatedItems', schema['unevaluatedItems']) : undefined
  const restOfRecord = read.has('unevaluatedProperties') ? sub('unevaluatedProperties', schema['unevaluatedProperties']) : undefined

  function checkAll(value: unknown, context: CheckContext, seen: Seen | undefined): boolean {
    let fits = true
    for (const check of always) {
      if (check(value, context, seen)) continue
      fits = false
      if (context.isDone) return false
    }
    const own = typeof value === 'string' ? ofText : typeof value === 'number' ? ofNumber : Array.isArray(value) ? ofList : isRecord(value) ? ofRecord : none
    for (const check of own) {
      if (check(value, context, seen)) continue
      fits = false
      if (context.isDone) return false
    }
    return fits
  }

  return (value, context, seen) => {
    context.enter()
    let fits: boolean
    if ((restOfList && Array.isArray(value)) || (restOfRecord && isRecord(value))) {
      const own = nothingSeen()
      fits = checkAll(value, context, own)
      // What did not fit has shown nothing: its rest is no news.
      if (fits) fits = Array.isArray(value) ? checkRestOfList(value, context, own) : checkRestOfRecord(value as SchemaObject, context, own)
      if (fits && seen) seeAll(seen, own)
    } else fits = checkAll(value, context, seen)
    context.leave()
    return fits
  }

  function checkRestOfList(value: readonly unknown[], context: CheckContext, own: Seen): boolean {
    if (!restOfList) return true
    let fits = true
    for (let i = own.itemsBefore; i < value.length; i++) {
      if (own.items.has(i)) continue
      fits = at(context, i, restOfList, value[i]) && fits
      if (!fits && context.isDone) return false
    }
    own.itemsBefore = value.length
    return fits
  }

  function checkRestOfRecord(value: SchemaObject, context: CheckContext, own: Seen): boolean {
    if (!restOfRecord) return true
    let fits = true
    for (const name of Object.keys(value)) {
      if (own.properties.has(name)) continue
      fits = at(context, name, restOfRecord, value[name]) && fits
      if (!fits && context.isDone) return false
      own.properties.add(name)
    }
    return fits
  }

  function toTypes(): Check[] {
    if (!read.has('type')) return []
    const wanted = Array.isArray(schema['type']) ? (schema['type'] as unknown[]) : [schema['type']]
    const tests = wanted.map((type) => (typeof type === 'string' && Object.hasOwn(types, type) ? (types[type] as (value: unknown) => boolean) : read.wrong('type', `There is no type ${JSON.stringify(type)?.slice(0, 60)}.`, `Use one of ${Object.keys(types).join(', ')}, or a list of them.`)))
    if (tests.length === 0) read.wrong('type', 'The list of types is empty.', 'Name a type, or leave “type” out.')
    const message = `must be ${wanted.join(' or ')}`
    const [only] = tests
    if (tests.length === 1 && only) return [(value, context) => only(value) || context.fail('type', message)]
    return [(value, context) => tests.some((test) => test(value)) || context.fail('type', message)]
  }

  function toValues(): Check[] {
    const checks: Check[] = []
    if (read.has('enum')) {
      const list = read.list('enum')
      const plain = new Set(list.filter((one) => typeof one !== 'object' || one === null))
      const others = list.filter((one) => typeof one === 'object' && one !== null)
      const shown = list.length <= 20 && others.length === 0 ? list.map((one) => JSON.stringify(one)).join(', ').slice(0, 300) : undefined
      const message = shown === undefined ? 'must be one of the allowed values' : `must be one of ${shown}`
      checks.push((value, context) => plain.has(value) || others.some((one) => isSame(one, value, () => context.work(1))) || context.fail('enum', message))
    }
    if (read.has('const')) {
      const only = schema['const']
      const message = typeof only === 'object' && only !== null ? 'must be the allowed value' : `must be ${JSON.stringify(only)?.slice(0, 100)}`
      checks.push((value, context) => isSame(only, value, () => context.work(1)) || context.fail('const', message))
    }
    return checks
  }

  function toApplicators(): Check[] {
    const checks: Check[] = []
    if (read.has('$ref')) checks.push(around.reference(read.text('$ref'), `${pointer}/$ref`))
    if (read.has('$dynamicRef')) checks.push(around.dynamicReference(read.text('$dynamicRef'), `${pointer}/$dynamicRef`))
    if (read.has('allOf')) checks.push(...read.schemas('allOf').map((one, i) => sub('allOf', one, i)))
    if (read.has('anyOf')) {
      const ways = read.schemas('anyOf').map((one, i) => sub('anyOf', one, i))
      checks.push((value, context, seen) => {
        let fits = false
        for (const way of ways) {
          const own = seen && nothingSeen()
          if (!context.quietly(() => way(value, context, own))) continue
          fits = true
          if (!seen || !own) return true
          seeAll(seen, own)
        }
        return fits || explain(ways, value, context, 'anyOf', 'fits none of the alternatives')
      })
    }
    if (read.has('oneOf')) {
      const ways = read.schemas('oneOf').map((one, i) => sub('oneOf', one, i))
      checks.push((value, context, seen) => {
        let fitting = 0
        for (const way of ways) {
          const own = seen && nothingSeen()
          if (!context.quietly(() => way(value, context, own))) continue
          if (++fitting > 1) return context.fail('oneOf', 'fits more than one of the alternatives')
          if (seen && own) seeAll(seen, own)
        }
        return fitting === 1 || explain(ways, value, context, 'oneOf', 'fits none of the alternatives')
      })
    }
    if (read.has('not')) {
      const way = sub('not', schema['not'])
      checks.push((value, context) => !context.quietly(() => way(value, context)) || context.fail('not', 'is what it must not be'))
    }
    if (read.has('if')) {
      const condition = sub('if', schema['if'])
      const then = read.has('then') ? sub('then', schema['then']) : undefined
      const otherwise = read.has('else') ? sub('else', schema['else']) : undefined
      checks.push((value, context, seen) => {
        const own = seen && nothingSeen()
        const holds = context.quietly(() => condition(value, context, own))
        if (holds && seen && own) seeAll(seen, own)
        return (holds ? then : otherwise)?.(value, context, seen) ?? true
      })
    }
    return checks
  }

  function toText(): Check[] {
    const checks: Check[] = []
    const least = read.count('minLength')
    const most = read.count('maxLength')
    if (least !== undefined || most !== undefined) {
      checks.push((value, context) => {
        const text = value as string
        // Characters, not code units (JSON Schema Validation §6.3); units are at most twice as many.
        let length = text.length
        if (length > (most ?? Infinity) || length < (least ?? 0) * 2) {
          context.work(length / 100)
          length = countCharacters(text)
        }
        if (least !== undefined && length < least) return context.fail('minLength', `must have at least ${least} characters`)
        return most === undefined || length <= most || context.fail('maxLength', `must have at most ${most} characters`)
      })
    }
    if (read.has('pattern')) {
      const pattern = read.pattern(schema['pattern'], `${pointer}/pattern`)
      checks.push((value, context) => matches(pattern, value as string, context) || context.fail('pattern', `must match ${pattern.source.slice(0, 200)}`))
    }
    const format = schema['format']
    const test = around.formats && typeof format === 'string' && Object.hasOwn(textFormats, format) ? textFormats[format] : undefined
    if (test) {
      checks.push((value, context) => {
        const text = value as string
        context.work(text.length / 50)
        return (text.length <= formatLimit && test(text)) || context.fail('format', `must be a ${String(format)}`)
      })
    }
    return checks
  }

  function toNumber(): Check[] {
    const checks: Check[] = []
    const bound = (keyword: string, fits: (value: number, limit: number) => boolean, words: string) => {
      if (!read.has(keyword)) return
      const limit = read.number(keyword)
      checks.push((value, context) => fits(value as number, limit) || context.fail(keyword, `must be ${words} ${limit}`))
    }
    bound('minimum', (value, limit) => value >= limit, 'at least')
    bound('maximum', (value, limit) => value <= limit, 'at most')
    bound('exclusiveMinimum', (value, limit) => value > limit, 'more than')
    bound('exclusiveMaximum', (value, limit) => value < limit, 'less than')
    if (read.has('multipleOf')) {
      const step = read.number('multipleOf')
      if (step <= 0) read.wrong('multipleOf', 'It must be more than 0.', 'Use a number such as 0.01.')
      checks.push((value, context) => isMultiple(value as number, step) || context.fail('multipleOf', `must be a multiple of ${step}`))
    }
    const format = schema['format']
    const test = around.formats && typeof format === 'string' && Object.hasOwn(numberFormats, format) ? numberFormats[format] : undefined
    if (test) checks.push((value, context) => test(value as number) || context.fail('format', `must be an ${String(format)}`))
    return checks
  }

  function toList(): Check[] {
    const checks: Check[] = []
    const least = read.count('minItems')
    const most = read.count('maxItems')
    if (least !== undefined) checks.push((value, context) => (value as unknown[]).length >= least || context.fail('minItems', `must have at least ${least} items`))
    if (most !== undefined) checks.push((value, context) => (value as unknown[]).length <= most || context.fail('maxItems', `must have at most ${most} items`))
    if (schema['uniqueItems'] === true) checks.push((value, context) => areUnique(value as unknown[], context) || context.fail('uniqueItems', 'must not have two equal items'))
    const first = read.has('prefixItems') ? read.schemas('prefixItems').map((one, i) => sub('prefixItems', one, i)) : []
    if (Array.isArray(schema['items'])) read.wrong('items', 'It is a list of schemas, which JSON Schema 2020-12 calls “prefixItems”.', 'Rename it to “prefixItems”, and “additionalItems” to “items”.')
    const rest = read.has('items') ? sub('items', schema['items']) : undefined
    if (first.length > 0 || rest) {
      checks.push((given, context, seen) => {
        const value = given as readonly unknown[]
        let fits = true
        const until = rest ? value.length : Math.min(first.length, value.length)
        for (let i = 0; i < until; i++) {
          fits = at(context, i, (first[i] ?? rest) as Check, value[i]) && fits
          if (!fits && context.isDone) return false
        }
        if (seen) seen.itemsBefore = Math.max(seen.itemsBefore, until)
        return fits
      })
    }
    if (read.has('contains')) {
      const one = sub('contains', schema['contains'])
      const atLeast = read.count('minContains') ?? 1
      const atMost = read.count('maxContains') ?? Infinity
      checks.push((given, context, seen) => {
        let found = 0
        ;(given as readonly unknown[]).forEach((item, i) => {
          if (!context.quietly(() => at(context, i, one, item))) return
          found += 1
          seen?.items.add(i)
        })
        if (found < atLeast) return context.fail('contains', `must have at least ${atLeast} matching item${atLeast === 1 ? '' : 's'}`)
        return found <= atMost || context.fail('maxContains', `must have at most ${atMost} matching items`)
      })
    }
    return checks
  }

  function toRecord(): Check[] {
    const checks: Check[] = []
    const least = read.count('minProperties')
    const most = read.count('maxProperties')
    if (least !== undefined) checks.push((value, context) => Object.keys(value as object).length >= least || context.fail('minProperties', `must have at least ${least} properties`))
    if (most !== undefined) checks.push((value, context) => Object.keys(value as object).length <= most || context.fail('maxProperties', `must have at most ${most} properties`))
    if (read.has('required')) {
      const required = read.names(schema['required'], `${pointer}/required`)
      if (required.length > 0) {
        checks.push((value, context) => {
          let fits = true
          context.work(required.length / 20)
          for (const name of required) if (!Object.hasOwn(value as object, name)) fits = context.fail('required', 'is required', name)
          return fits
        })
      }
    }
    if (read.has('dependentRequired')) {
      for (const [name, given] of Object.entries(read.record('dependentRequired'))) {
        const others = read.names(given, `${pointer}/dependentRequired/${toPointerPart(name)}`)
        checks.push((value, context) => {
          if (!Object.hasOwn(value as object, name)) return true
          let fits = true
          for (const other of others) if (!Object.hasOwn(value as object, other)) fits = context.fail('dependentRequired', `is required where there is “${name.slice(0, 60)}”`, other)
          return fits
        })
      }
    }
    if (read.has('dependentSchemas')) {
      for (const [name, one] of Object.entries(read.record('dependentSchemas'))) {
        const check = sub('dependentSchemas', one, name)
        checks.push((value, context, seen) => !Object.hasOwn(value as object, name) || check(value, context, seen))
      }
    }
    if (read.has('propertyNames')) {
      const check = sub('propertyNames', schema['propertyNames'])
      checks.push((value, context) => Object.keys(value as object).every((name) => context.quietly(() => check(name, context)) || context.fail('propertyNames', 'is a name that is not allowed', name)))
    }
    const properties = new Map(read.has('properties') ? Object.entries(read.record('properties')).map(([name, one]) => [name, sub('properties', one, name)]) : [])
    const patterns = read.has('patternProperties')
      ? Object.entries(read.record('patternProperties')).map(([source, one]) => ({ pattern: read.pattern(source, `${pointer}/patternProperties/${toPointerPart(source)}`), check: sub('patternProperties', one, source) }))
      : []
    const closed = schema['additionalProperties'] === false
    const rest = read.has('additionalProperties') && !closed ? sub('additionalProperties', schema['additionalProperties']) : undefined
    if (patterns.length > 0 || closed || rest) {
      checks.push((given, context, seen) => {
        const value = given as SchemaObject
        let fits = true
        for (const name of Object.keys(value)) {
          context.work(1)
          const own = properties.get(name)
          let known = own !== undefined
          if (own) fits = at(context, name, own, value[name]) && fits
          for (const { pattern, check } of patterns) {
            if (!matches(pattern, name, context)) continue
            known = true
            fits = at(context, name, check, value[name]) && fits
          }
          if (!known) {
            if (closed) fits = context.fail('additionalProperties', 'is not known here', name)
            else if (rest) fits = at(context, name, rest, value[name]) && fits
          }
          if (seen && (known || rest)) seen.properties.add(name)
          if (!fits && context.isDone) return false
        }
        return fits
      })
    } else if (properties.size > 0) {
      const entries = [...properties]
      checks.push((given, context, seen) => {
        const value = given as SchemaObject
        let fits = true
        for (const [name, check] of entries) {
          if (!Object.hasOwn(value, name)) continue
          fits = at(context, name, check, value[name]) && fits
          seen?.properties.add(name)
          if (!fits && context.isDone) return false
        }
        context.work(entries.length / 10)
        return fits
      })
    }
    return checks
  }
}

const none: readonly Check[] = []

/** A check of what is inside the value. */
function at(context: CheckContext, key: string | number, check: Check, value: unknown): boolean {
  context.path.push(key)
  const fits = check(value, context)
  context.path.pop()
  return fits
}

/** Of alternatives that all fail, the one that came furthest into the value says most; where several did, none of them. */
function explain(ways: readonly Check[], value: unknown, context: CheckContext, keyword: string, message: string): false {
  if (context.errors === undefined) return false
  const depth = ({ pointer }: { readonly pointer: string }) => pointer.split('/').length
  const here = context.path.length + 1
  const found = ways.map((way) => context.noted(() => way(value, context))).map((errors) => ({ errors, reach: Math.min(...errors.map((error) => (error.keyword === 'required' || error.keyword === 'additionalProperties' ? depth(error) - 0.5 : depth(error)))) }))
  const best = Math.max(...found.map(({ reach }) => reach))
  const furthest = found.filter(({ reach }) => reach === best)
  const [only] = furthest
  if (furthest.length !== 1 || !only || best <= here - 1) return context.fail(keyword, message)
  if (found.length > 1 && best === here && only.errors.some(({ keyword: which }) => which === 'type')) return context.fail(keyword, message)
  for (const error of only.errors) if (!context.isDone) context.errors.push(error)
  return false
}

function matches(pattern: LinearPattern, text: string, context: CheckContext): boolean {
  if (text.length * pattern.weight < 2_000) {
    context.work(1)
    return pattern.test(text)
  }
  // What the engine needs is between next to nothing and all that its bound allows: it is measured, a step being some 30 ns.
  const start = performance.now()
  const fits = pattern.test(text)
  context.work(1 + (performance.now() - start) * 30_000)
  return fits
}

function areUnique(list: readonly unknown[], context: CheckContext): boolean {
  const work = () => context.work(1)
  const texts = new Set<string>()
  for (const item of list) {
    const text = sameText(item, work)
    if (texts.has(text)) return false
    texts.add(text)
  }
  return true
}

function countCharacters(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}

/** 0.3 is a multiple of 0.1, though the quotient of the two is not whole. */
function isMultiple(value: number, step: number): boolean {
  const quotient = value / step
  if (Number.isInteger(quotient)) return true
  if (!Number.isFinite(quotient)) return Number.isInteger(step) ? value % step === 0 : value % 1 === 0 && 1 % step === 0
  const nearest = Math.round(quotient)
  return Math.abs(quotient - nearest) < 1e-9 * Math.max(1, Math.abs(quotient)) && Number((nearest * step).toPrecision(15)) === Number(value.toPrecision(15))
}

function isRecord(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads keywords in the shape that they must have. */
function createReader(schema: SchemaObject, pointer: string) {
  const wrong = (keyword: string, message: string, remedy: string): never => {
    throw new SchemaProblem(`${pointer}/${toPointerPart(keyword)}`, `“${keyword}” cannot be used: ${message.charAt(0).toLowerCase()}${message.slice(1)}`, remedy)
  }
  const reader = {
    wrong,
    has: (keyword: string) => Object.hasOwn(schema, keyword) && schema[keyword] !== undefined,
    text: (keyword: string): string => (typeof schema[keyword] === 'string' ? schema[keyword] : wrong(keyword, 'It must be a text.', 'Write it in quotes.')),
    number: (keyword: string): number => (typeof schema[keyword] === 'number' ? schema[keyword] : wrong(keyword, 'It must be a number.', 'Write a number, without quotes.')),
    count(keyword: string): number | undefined {
      if (!reader.has(keyword)) return undefined
      const value = schema[keyword]
      return Number.isInteger(value) && (value as number) >= 0 ? (value as number) : wrong(keyword, 'It must be a whole number from 0.', 'Write a number such as 1.')
    },
    list: (keyword: string): readonly unknown[] => (Array.isArray(schema[keyword]) ? (schema[keyword] as unknown[]) : wrong(keyword, 'It must be a list.', 'Write it as [ … ].')),
    schemas(keyword: string): readonly unknown[] {
      const list = reader.list(keyword)
      return list.length > 0 ? list : wrong(keyword, 'It is an empty list.', 'Add a schema, or leave it out.')
    },
    record: (keyword: string): SchemaObject => (isRecord(schema[keyword]) ? (schema[keyword] as SchemaObject) : wrong(keyword, 'It must be an object.', 'Write it as { "name": … }.')),
    names(value: unknown, where: string): readonly string[] {
      if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value as string[]
      throw new SchemaProblem(where, 'It must be a list of names.', 'Write it as ["name"].')
    },
    pattern(source: unknown, where: string): LinearPattern {
      if (typeof source !== 'string') throw new SchemaProblem(where, 'A pattern must be a text.', 'Write it in quotes.')
      try {
        return compilePattern(source)
      } catch (error) {
        if (error instanceof NotLinearError) throw new SchemaProblem(where, error.message, 'Write it without look-ahead, back-references and large counted repetitions; bound lengths with maxLength.')
        if (error instanceof SyntaxError) throw new SchemaProblem(where, `The regular expression does not compile: ${error.message}.`, 'Correct the regular expression.')
        throw error
      }
    },
  }
  return reader
}
