import { setImmediate } from 'node:timers/promises'
import type { Problem } from '../../runtime/core/flow.ts'
import { isHeaderName } from '../../runtime/core/http/header-name.ts'
import { SchemaProblem } from '../../runtime/core/json-schema/schema-problem.ts'
import { mayHoldLabels } from '../../runtime/core/labels/of-schema.ts'
import { methods } from '../../runtime/core/http/methods.ts'
import { upgradeDocument } from '../../runtime/core/openapi/upgrade-document.ts'
import { problem } from '../consumers/check.ts'
import { isObject, toPointerPart } from '../consumers/json.ts'
import type { ApiRegistration } from './contract.ts'
import { asList, asObject, textOf } from './json-values.ts'
import { pathOf, serverOf } from './openapi-servers.ts'
import { isServed, operationsAtMost, type Operation } from './operation.ts'
import { joinPaths, parsePath, PathProblem, toRouteKey } from './path-parts.ts'
import { openapiProblem, refuseProblems } from './problems.ts'
import { find, type Json } from './read-document.ts'
import { answerLabels } from './answer-labels.ts'
import { toContract } from './to-contract.ts'
import { toMock } from './to-mock.ts'
import { whyNoUpstream } from './upstream-url.ts'

/** Headers that a callout sets by itself, that say who calls, or that are passed on anyway. */
const ownHeaders: ReadonlySet<string> = new Set([
  'accept', 'content-type', 'authorization', 'cookie', 'host', 'content-length', 'connection', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'keep-alive', 'expect', 'proxy-connection', 'x-api-key',
])

export interface FromOpenapi {
  readonly title: string
  readonly description?: string
  readonly operations: readonly Operation[]
  readonly warnings: readonly Problem[]
}

/**
 * The routes of a document that has been held to its schema, with what it says of requests and, where asked for, with answers.
 * @throws Refused `openapi.invalid` and `record.invalid` 422 with every place that cannot be served
 */
export async function fromOpenapi(document: Json, { path: base, methods: wanted, upstream, validate = true, mock = false }: ApiRegistration): Promise<FromOpenapi> {
  if (upstream !== undefined) {
    const why = whyNoUpstream(upstream)
    if (why !== undefined) refuseProblems([problem('/upstream', why, 'Write it as https://host/path.')])
  }
  if (base !== undefined) checkBase(base)
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const operations: Operation[] = []
  const first = serverOf(document, [])
  const published = base ?? (first.url === undefined ? '' : pathOf(first.url))
  const taken = new Map<string, string>()
  const isSwagger = document['swagger'] !== undefined
  const upgraded = upgradeDocument(document)
  let count = 0

  for (const place of placesOf(document)) {
    const { method, path, pointer } = place
    if (!isServed(method)) {
      warnings.push({ ...openapiProblem(pointer, `${method} ${path} is left out: this method cannot be served.`, `There are ${methods.join(', ')}.`), severity: 'warning' })
      continue
    }
    if (wanted !== undefined && !wanted.includes(method)) continue
    // Schemas of a large document take their time; others get their turn between them.
    if (++count % 20 === 0) await setImmediate()
    const route = toOperation(document, place, published, mock ? 'https://mock.example' : upstream)
    if ('remedy' in route) {
      problems.push(route)
      continue
    }
    const operation = validate || mock ? withContract(route, place) : route
    if ('remedy' in operation) {
      problems.push(operation)
      continue
    }
    const key = toRouteKey(method, operation.path)
    const twin = taken.get(key)
    if (twin !== undefined) problems.push(openapiProblem(pointer, `${method} ${path} answers the same requests as ${twin}.`, 'Keep one of the two.'))
    taken.set(key, `${method} ${path}`)
    operations.push(operation)
  }
  if (!validate && !mock && mayHoldLabels(toJsonText(document))) {
    warnings.push({ ...openapiProblem('', 'The document labels data by x-label. Labels are followed from where requests are checked, and here they are not.', 'Register it with checks.'), severity: 'warning' })
  }
  // What components say is the same for every operation; so are problems of servers.
  const said = new Set<string>()
  const fresh = warnings.filter(({ pointer, message }) => !said.has(`${pointer} ${message}`) && said.add(`${pointer} ${message}`))
  refuseProblems([...new Map(problems.map((one) => [`${one.pointer} ${one.message}`, one])).values()])
  if (operations.length === 0) refuseProblems([openapiProblem('/paths', wanted === undefined ? 'The document has no operation that could be served.' : `The document has no operation with ${wanted.join(', ')}.`, 'Add a path with a method such as get.')])
  if (operations.length > operationsAtMost) refuseProblems([openapiProblem('/paths', `The document has ${operations.length} operations; one API may have ${operationsAtMost}.`, 'Split it into several APIs.')])
  const info = asObject(document['info'])
  const description = textOf(info['description'])
  return { title: (textOf(info['title']) ?? '').slice(0, 120), ...(description === undefined ? {} : { description: description.slice(0, 4000) }), operations, warnings: fresh }

  function withContract(route: Operation, { method, path, pointer }: Place): Operation | Problem {
    try {
      const shared = resolve(upgraded, asObject(upgraded['paths'])[path])
      const { operation, warnings: found } = toContract(upgraded, { operation: asObject(shared[method.toLowerCase()]), shared, pointer, isSwagger })
      warnings.push(...found)
      const told = mock ? [] : answerLabels(operation)
      if (told.length > 0) {
        warnings.push({ ...openapiProblem(`${pointer}/responses`, `Answers of ${method} ${path} hold data labelled ${told.map((label) => `“${label}”`).join(', ')}, which passes to callers as it comes: what is made checks requests, and follows the labels of those.`, 'Where callers must not see it, put a validate node that checks the answer behind the callout, and tokenize or mask it behind that.'), severity: 'warning' })
      }
      const plain = alignParameters(operation, path, route.path)
      return { ...route, ...(validate ? { contract: toJsonText(plain) } : {}), ...(mock ? { upstream: '', mock: toMock(plain) } : {}) }
    } catch (thrown) {
      if (!(thrown instanceof SchemaProblem)) throw thrown
      return openapiProblem(thrown.pointer === '' ? pointer : thrown.pointer, thrown.message, thrown.remedy)
    }
  }
}

/** Small operations are read by people. */
function toJsonText(operation: Json): string {
  const text = JSON.stringify(operation, null, 2)
  return text.length <= 24 * 1024 ? text : JSON.stringify(operation)
}

/** Path parameters by the names that they have in the route, where those had to be other ones. */
function alignParameters(operation: Json, path: string, route: string): Json {
  const written = [...path.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name as string)
  const called = [...route.matchAll(/:(\w+)/g)].map(([, name]) => name as string).slice(-written.length)
  const parameters = operation['parameters']
  if (!Array.isArray(parameters) || written.every((name, i) => name === called[i])) return operation
  return { ...operation, parameters: parameters.map((one: unknown) => {
    const at = asObject(one)['in'] === 'path' ? written.indexOf(String(asObject(one)['name'])) : -1
    return at === -1 ? one : { ...asObject(one), name: called[at] }
  }) }
}

/** An operation of the document. */
interface Place {
  /** Upper case. */
  readonly method: string
  readonly path: string
  readonly operation: Json
  /** What all operations of the path have. */
  readonly shared: Json
  readonly pointer: string
  readonly pathPointer: string
}

const notMethods: ReadonlySet<string> = new Set(['PARAMETERS', 'SERVERS', '$REF'])

function* placesOf(document: Json): Generator<Place> {
  for (const [path, item] of Object.entries(asObject(document['paths']))) {
    if (!path.startsWith('/')) continue // an extension (x-…)
    const pathPointer = `/paths/${toPointerPart(path)}`
    const shared = resolve(document, item)
    for (const [key, operation] of Object.entries(shared)) {
      const method = key.toUpperCase()
      if (!isObject(operation) || notMethods.has(method) || key.startsWith('x-')) continue
      yield { method, path, operation, shared, pointer: `${pathPointer}/${toPointerPart(key)}`, pathPointer }
    }
  }
}

/** The route of an operation below `published`, or why it cannot be served. */
function toOperation(document: Json, { method, path, operation, shared, pointer, pathPointer }: Place, published: string, upstream: string | undefined): Operation | Problem {
  try {
    const parts = parsePath(joinPaths(published, path), false)
    const { target } = parsePath(path, false)
    const server = upstream === undefined ? serverOf(document, [operation, shared]) : { url: upstream, pointer: '' }
    if (server.url === undefined) return openapiProblem(server.pointer, server.problem, server.remedy)
    const summary = textOf(operation['summary']) ?? textOf(operation['description'])
    return {
      method,
      path: parts.route,
      upstream: server.url.replace(/\/+$/, '') + aligned(parts.route, target),
      name: (textOf(operation['operationId']) ?? summary ?? '').slice(0, 40),
      ...(summary === undefined ? {} : { summary: summary.slice(0, 200) }),
      headers: headersOf(document, [...asList(shared['parameters']), ...asList(operation['parameters'])]),
      pointer,
    }
  } catch (thrown) {
    if (!(thrown instanceof PathProblem)) throw thrown
    return openapiProblem(pathPointer, thrown.message, thrown.remedy)
  }
}

function checkBase(base: string): void {
  try {
    parsePath(base, false)
  } catch (thrown) {
    if (!(thrown instanceof PathProblem)) throw thrown
    refuseProblems([problem('/path', thrown.message, thrown.remedy)])
  }
}

/** A target whose parameters are called as in its route: a base path with parameters of its own may have moved names. */
function aligned(route: string, target: string): string {
  const names = [...route.matchAll(/:(\w+)/g)].map(([, name]) => name as string)
  const own = [...target.matchAll(/\{\{req\.params\.(\w+)\}\}/g)].length
  let next = names.length - own
  return target.replaceAll(/\{\{req\.params\.\w+\}\}/g, () => `{{req.params.${names[next++]}}}`)
}

function headersOf(document: Json, parameters: readonly unknown[]): string[] {
  const found = new Set<string>()
  for (const one of parameters) {
    const parameter = resolve(document, one)
    const name = textOf(parameter['name'])
    if (parameter['in'] === 'header' && name !== undefined && isHeaderName(name) && !ownHeaders.has(name.toLowerCase())) found.add(name.toLowerCase())
  }
  return [...found].sort()
}

/** What a reference leads to, over a few steps; what stands beside a reference to a path counts more. */
function resolve(document: Json, value: unknown): Json {
  let at = asObject(value)
  for (let steps = 0; typeof at['$ref'] === 'string' && steps < 20; steps++) {
    const { $ref, ...own } = at
    at = { ...asObject(find(document, $ref as string)), ...own }
  }
  return at
}
