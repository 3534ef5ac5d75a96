import { FunctionExpressionType, JSONPathEnvironment, JSONPathNode, jsonpath, type JSONPathQuery } from 'json-p3'
import { Body, resolve } from '../../runtime/core/http/body.ts'
import { containerOf } from '../../runtime/core/values/container-of.ts'
import { jsonDepthLimit } from '../../runtime/core/values/json-depth.ts'
import { compilePattern, type LinearPattern } from '../../runtime/core/json-schema/linear-pattern.ts'
import { NotLinearError } from '../../runtime/core/values/linear-regex.ts'
import type { NodeProblem } from '../../runtime/core/node.ts'

/** A place in a value, and what stands there. */
export interface Location {
  /** From the root down; none: the root itself. */
  readonly keys: readonly (string | number)[]
  /** A body is given as its value. */
  readonly value: unknown
}

/** A JSONPath query (RFC 9535) that was parsed once. */
export interface FieldPath {
  /** As it was written. Faults name a field by it: names of members may be data about people themselves. */
  readonly text: string
  /** Finds one place at most (RFC 9535 §2.3.5.1). */
  readonly isSingular: boolean
  /** All places in `root`, each once, in the order of RFC 9535. Only lists, objects and bodies are looked into. */
  locate(root: unknown): Location[]
}

/** A path that does not parse, or that would take too long; `position` is 0-based. */
export class FieldPathError extends Error {
  override readonly name = 'FieldPathError'
  readonly position: number

  constructor(reason: string, position: number) {
    super(reason)
    this.position = position
  }
}

/**
 * Parses a JSONPath query. What makes the work grow faster than the document is refused: a second `..`, queries of a filter that
 * themselves go everywhere, patterns of `match` and `search` that come with the data.
 * @throws FieldPathError
 */
export function compileFieldPath(text: string): FieldPath {
  const query = parse(text)
  const steps = query.segments.map((segment) => ({
    deep: deepSegment.test(segment.toString()),
    selectors: segment.selectors.map(toSelect),
  }))
  if (steps.filter((step) => step.deep).length > 1) throw new FieldPathError('“..” may stand once', text.lastIndexOf('..'))
  const queries = { count: 0 }
  for (const segment of query.segments) for (const selector of segment.selectors) if (selector instanceof selectors.FilterSelector) checkFilter(selector.expression, queries)
  if (steps.reduce((sum, step) => sum + step.selectors.length, 0) > mostSelectors) throw new FieldPathError(`a path has at most ${mostSelectors} names, places, slices and the like`, 0)

  return {
    text,
    isSingular: query.singularQuery(),
    locate(root) {
      const found: Location[] = []
      const keys: (string | number)[] = []
      const walk = (at: unknown, index: number, down: number) => {
        const value = resolve(at)
        const step = steps[index]
        if (!step) {
          found.push({ keys: keys.slice(), value })
          return
        }
        const container = toContainer(value)
        if (!container) return
        // Several selectors of one segment may find the same place: gone on with each time, ways would double from segment to segment.
        const seen = step.selectors.length > 1 ? new Set<string | number>() : undefined
        const visit = (key: string | number, child: unknown) => {
          if (seen?.has(key)) return
          seen?.add(key)
          keys.push(key)
          walk(child, index + 1, 0)
          keys.pop()
        }
        for (const select of step.selectors) select(container, visit, root)
        if (!step.deep || down >= jsonDepthLimit) return
        eachChild(container, (key, child) => {
          keys.push(key)
          walk(child, index, down + 1)
          keys.pop()
        })
      }
      walk(root, 0, 0)
      return found
    },
  }
}

/** What the editor says of a path that cannot be used; nothing for a good one, or an empty one. */
export function checkFieldPath(text: string, property: string): NodeProblem | undefined {
  if (text.trim() === '') return undefined
  try {
    compileFieldPath(text)
    return undefined
  } catch (error) {
    if (!(error instanceof FieldPathError)) throw error
    return {
      code: 'field.path',
      property,
      message: `“${text}” is no JSONPath that can be used: ${error.message} (at ${error.position}).`,
      remedy: 'Write where the field stands in the payload: $.person.id, $.people[*].id, $..id (RFC 9535).',
    }
  }
}

/**
 * A copy of `root` with these values in place of those that were found in it. Only what lies above a change is copied. A place below
 * one that was replaced before is passed over. Bodies that were looked through go on as they were read: their bytes may name a member twice, and
 * another parser take the one that nobody saw (RFC 8259 §4).
 */
export function replaceFields(root: unknown, changes: readonly (readonly [location: Location, value: unknown])[]): unknown {
  if (changes.length === 0) return asRead(root)
  const ours = new Set<unknown>()
  const own = (value: unknown): Container | undefined => {
    if (ours.has(value)) return value as Container
    const container = toContainer(resolve(value))
    if (!container) return undefined
    const copy = Array.isArray(container) ? container.slice() : { ...container }
    ours.add(copy)
    return copy as Container
  }
  let changed = root
  for (const [{ keys }, value] of changes) {
    const last = keys[keys.length - 1]
    if (last === undefined) {
      changed = value
      continue
    }
    let parent = own(changed)
    if (!parent) continue
    changed = parent
    for (let i = 0; parent && i < keys.length - 1; i += 1) {
      const key = keys[i] as string | number
      const child: Container | undefined = Object.hasOwn(parent, key) ? own(parent[key]) : undefined
      if (child) parent[key] = child
      parent = child
    }
    // Assigning to a member that is there never meets a setter of the prototype: `__proto__` of a JSON text is a member like any other.
    if (parent && Object.hasOwn(parent, last)) parent[last] = value
  }
  return asRead(changed)
}

function asRead(root: unknown): unknown {
  if (typeof root !== 'object' || root === null || Array.isArray(root)) return root
  let read = root as Container
  for (const key of Object.keys(root)) {
    const body = (root as Container)[key]
    if (!(body instanceof Body) || !body.parsed || !toContainer(body.value())) continue
    if (read === root) read = { ...root } as Container
    read[key] = body.value()
  }
  return read
}

type Container = Record<string | number, unknown>
type Visit = (key: string | number, child: unknown) => void
type Select = (value: Container | unknown[], visit: Visit, root: unknown) => void
type Selector = JSONPathQuery['segments'][number]['selectors'][number]

const { selectors, expressions } = jsonpath

/** Queries in the filters of a path: each is made for every item. */
const mostQueries = 20
/** Each is looked for in every list and object that the path comes to. */
const mostSelectors = 100

/** How the library writes a segment that goes everywhere below. */
const deepSegment = /^\.\./

function parse(text: string): JSONPathQuery {
  try {
    const environment = new JSONPathEnvironment({ maxRecursionDepth: jsonDepthLimit + 2 })
    for (const name of ['match', 'search']) environment.functionRegister.set(name, createRegexpFunction(name === 'match'))
    return environment.compile(text)
  } catch (error) {
    const { message, token } = error as Error & { token?: { index: number } }
    throw new FieldPathError(message.replace(/\s*\([^()]*\)\s*$/, ''), token?.index ?? 0)
  }
}

/** `match` and `search` (RFC 9535 §2.4.6, §2.4.7) in linear time: the texts that they look at come from callers. */
function createRegexpFunction(isWhole: boolean) {
  const compiled = new Map<string, LinearPattern>()
  return {
    argTypes: [FunctionExpressionType.ValueType, FunctionExpressionType.ValueType],
    returnType: FunctionExpressionType.LogicalType,
    /** @throws Fault `schema.work`: a field of which nobody knows whether it is meant is not passed over */
    call(text: unknown, pattern: unknown): boolean {
      if (typeof text !== 'string' || typeof pattern !== 'string') return false
      const regexp = compiled.get(pattern) ?? compileRegexp(pattern, isWhole)
      compiled.set(pattern, regexp)
      return regexp.test(text)
    },
  }
}

/** A pattern of RFC 9485, in which a point is a whole character and no end of a line. @throws NotLinearError, SyntaxError */
function compileRegexp(pattern: string, isWhole: boolean): LinearPattern {
  const written = pattern.replaceAll(/\\[^]|\[(?:\\[^]|[^\]\\])*\]|\./g, (part) => (part === '.' ? '(?:[\\uD800-\\uDBFF][\\uDC00-\\uDFFF]|[^\\r\\n\\uD800-\\uDFFF])' : part))
  if (/[\u{10000}-\u{10FFFF}]/u.test(pattern)) throw new NotLinearError('Characters beyond U+FFFF cannot stand in a pattern of a path')
  return compilePattern(isWhole ? `^(?:${written})$` : written)
}

/** Names, places and wildcards are looked up here; the library, which makes a node of everything it passes, is asked for filters only. */
function toSelect(selector: Selector): Select {
  if (selector instanceof selectors.NameSelector) {
    const { name } = selector
    return (value, visit) => {
      if (!Array.isArray(value) && Object.hasOwn(value, name)) visit(name, value[name])
    }
  }
  if (selector instanceof selectors.IndexSelector) {
    const { index } = selector
    return (value, visit) => {
      if (!Array.isArray(value)) return
      const place = index < 0 ? value.length + index : index
      if (place >= 0 && place < value.length) visit(place, value[place])
    }
  }
  if (selector instanceof selectors.WildcardSelector) return eachChild
  return (value, visit, root) => {
    for (const found of selector.resolve(new JSONPathNode(value as never, [], root as never))) visit(found.location.at(-1) as string | number, found.value)
  }
}

function eachChild(value: Container | unknown[], visit: Visit): void {
  if (Array.isArray(value)) for (let i = 0; i < value.length; i += 1) visit(i, value[i])
  else for (const key of Object.keys(value)) visit(key, value[key])
}

/** Lists and what can be looked into like an object. Bytes, dates and the like are values. */
function toContainer(value: unknown): Container | unknown[] | undefined {
  return Array.isArray(value) ? value : containerOf(value)
}

/** @throws FieldPathError */
function checkFilter(expression: unknown, queries: { count: number }): void {
  if (typeof expression !== 'object' || expression === null) return
  const position = (expression as { token?: { index: number } }).token?.index ?? 0
  if ((expression instanceof expressions.RootQuery || expression instanceof expressions.RelativeQuery) && (queries.count += 1) > mostQueries) throw new FieldPathError(`filters have at most ${mostQueries} queries`, position)
  if (expression instanceof expressions.FunctionExtension && (expression.name === 'match' || expression.name === 'search')) {
    const [, pattern] = expression.args
    if (!(pattern instanceof expressions.StringLiteral)) throw new FieldPathError(`the pattern of ${expression.name} must be written out`, position)
    try {
      compileRegexp(pattern.value, expression.name === 'match')
    } catch (error) {
      throw new FieldPathError((error as Error).message.replace(/\.$/, ''), position)
    }
  }
  if (expression instanceof expressions.RootQuery && !expression.path.singularQuery()) throw new FieldPathError('a query from “$” in a filter may name one place only', position)
  if (expression instanceof expressions.RelativeQuery && expression.path.segments.some((segment) => deepSegment.test(segment.toString()) || segment.selectors.some((one) => one instanceof selectors.FilterSelector))) {
    throw new FieldPathError('a query in a filter has neither “..” nor a filter of its own', position)
  }
  const { expression: inner, left, right, args } = expression as { expression?: unknown; left?: unknown; right?: unknown; args?: readonly unknown[] }
  for (const part of [inner, left, right, ...(args ?? [])]) checkFilter(part, queries)
}
