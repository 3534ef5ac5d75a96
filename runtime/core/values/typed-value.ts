import { checkJsonata } from '../../compile/check-expression.ts'
import { fault } from '../fault.ts'
import { freezeDeep } from './freeze.ts'
import { checkLinear, toLinearRegExp } from './linear-regex.ts'
import type { Message } from '../message.ts'
import type { NodeProblem, Scope } from '../node.ts'
import { getProperty, parseMessagePath, parsePath, PathError, pathToText, type PropertyPath } from './property.ts'
import type { Run } from '../run.ts'
import type { Evaluate } from '../sandbox.ts'

/** A typed input of the editor, ready to be read: a constant, or something computed from message and run. */
export interface TypedValue {
  /** A value, or a promise only when `async`. Values shared between calls are deep-frozen. */
  readonly evaluate: Evaluate<unknown>
  /** True when it is the same for every message; `value` holds it then. */
  readonly constant: boolean
  readonly value?: unknown
  /** True when `evaluate` may give a promise (JSONata; a simple one may answer at once all the same). */
  readonly async: boolean
}

/** What a typed value needs of its node's scope. */
export type TypedValueScope = Pick<Scope, 'env' | 'contexts' | 'sandbox' | 'node' | 'clock'>

/** Types as the editor's typedInput writes them. */
export type ValueType = 'msg' | 'flow' | 'global' | 'str' | 'num' | 'bool' | 'json' | 'bin' | 'date' | 're' | 'jsonata' | 'env' | 'node' | 'cred'

/** A key of a context, with nested `[msg.x]` references. */
export interface ContextKey {
  /** The key as text for `Context.get` and `set`; `undefined` when a nested reference has no value. */
  toKey(message: Message): string | undefined
}

/**
 * Compiles a typed input with the meaning of Node-RED's `evaluateNodeProperty`. A property that is not
 * there gives `undefined`, as does a key that is not there. Everything but JSONata is synchronous.
 * @throws what {@link checkTypedValue} would report, as an Error
 */
export async function compileTypedValue(value: unknown, type: string | undefined, scope: TypedValueScope): Promise<TypedValue> {
  switch (type) {
    case 'msg': {
      const path = parseMessagePath(String(value))
      return computed((message) => getProperty(message, path))
    }
    case 'flow':
    case 'global': {
      const context = scope.contexts[type]
      const key = parseContextKey(String(value))
      return computed((message) => {
        const at = key.toKey(message)
        return at === undefined ? undefined : context.get(at)
      })
    }
    case 'num':
      return constant(Number(value))
    case 'bool':
      return constant(/^true$/i.test(String(value)))
    case 'json':
      return constant(freezeDeep(JSON.parse(String(value))))
    case 'bin': {
      const bytes = toBytes(value)
      return computed(() => Buffer.from(bytes)) // bytes cannot be frozen: everyone gets their own
    }
    case 'date':
      return dateValue(value, scope)
    case 're':
      return constant(toLinearRegExp(String(value)))
    case 'jsonata': {
      const host = { owner: scope.node.owner, id: scope.node.id, env: scope.env, contexts: scope.contexts }
      return { evaluate: await scope.sandbox.jsonata(String(value), host), constant: false, async: true }
    }
    case 'env':
      return constant(freezeDeep(envValue(String(value), (name) => scope.env(name))))
    case 'str':
      return constant(String(value ?? ''))
    default: // node, cred and types of other people's nodes: the raw value, as in Node-RED
      return constant(freezeDeep(value))
  }
}

/** What is wrong with a typed input, found before anything runs; `undefined` when it is fine. */
export function checkTypedValue(value: unknown, type: string | undefined, property?: string): NodeProblem | undefined {
  const at = property === undefined ? {} : { property }
  const text = String(value ?? '')
  switch (type) {
    case 'msg':
      return checkPath(text, parseMessagePath, property)
    case 'flow':
    case 'global':
      return checkPath(text, parseContextKey, property)
    case 'num':
      return !Number.isNaN(Number(text)) ? undefined : { code: 'value.number', ...at, message: `“${text}” is not a number.`, remedy: 'Enter a number, or choose another type.' }
    case 'json':
    case 'bin':
      try {
        if (type === 'bin') toBytes(value)
        else JSON.parse(text)
        return undefined
      } catch (error) {
        return { code: 'value.json', ...at, message: `The value is not ${type === 'bin' ? 'a JSON array of bytes or a JSON string' : 'valid JSON'}: ${(error as Error).message}.`, remedy: 'Correct the JSON.' }
      }
    case 'date':
      return ['', 'object', 'iso'].includes(text) ? undefined : { code: 'value.date', ...at, message: `The time format “${text}” is not available.`, remedy: 'Use milliseconds, ISO 8601 or Date, or format the time in a JSONata expression with $fromMillis().' }
    case 're':
      return checkLinear(text, '', property)
    case 'jsonata': {
      const problem = checkJsonata(text)
      return problem && { ...at, ...problem }
    }
    default:
      return undefined
  }
}

/**
 * Parses a key of flow or global context. `#:(store)::key` is taken with any store name that Node-RED's
 * defaults know: all keys lie in the one store there is.
 * @throws PathError for a malformed key and for a store that is not there
 */
export function parseContextKey(text: string): ContextKey {
  const store = /^#:\((\S+?)\)::/.exec(text)
  if (store !== null && !['default', 'memory', 'memoryOnly', 'file'].includes(store[1] as string))
    throw new PathError(`there is no context store “${store[1]}”`, text, 3)
  const key = store === null ? text : text.slice(store[0].length)
  const path = parsePath(key)
  return { toKey: isStatic(path) ? () => key : (message) => pathToText(path, message) }
}

/** Environment as the editor writes it: `NAME`, `${NAME}`, or text with `${NAME}` in it. Missing names are empty. */
export function envValue(text: string, env: (name: string) => unknown): unknown {
  const whole = /^\$\{([^}]+)\}$/.exec(text)
  if (whole !== null) return env(whole[1] as string) ?? ''
  if (!/\$\{\S+\}/.test(text)) return env(text) ?? ''
  return text.replace(/\$\{([^}]+)\}/g, (_, name: string) => String(env(name) ?? ''))
}

function constant(value: unknown): TypedValue {
  return { evaluate: () => value, constant: true, value, async: false }
}

function computed(evaluate: (message: Message, run: Run) => unknown): TypedValue {
  return { evaluate, constant: false, async: false }
}

function dateValue(format: unknown, scope: TypedValueScope): TypedValue {
  if (format === undefined || format === null || format === '') return computed(() => scope.clock.now())
  if (format === 'object') return computed(() => new Date(scope.clock.now()))
  if (format === 'iso') return computed(() => new Date(scope.clock.now()).toISOString())
  throw fault('config.invalid', { message: `The time format “${String(format)}” is not available.` })
}

function toBytes(value: unknown): Buffer {
  const data: unknown = JSON.parse(String(value))
  if (typeof data === 'string') return Buffer.from(data)
  if (Array.isArray(data)) return Buffer.from(data as number[])
  throw new TypeError('it is neither an array nor a string')
}

function isStatic(path: PropertyPath): boolean {
  return path.every((part) => typeof part !== 'object')
}

function checkPath(text: string, parse: (text: string) => unknown, property: string | undefined): NodeProblem | undefined {
  try {
    parse(text)
    return undefined
  } catch (error) {
    if (!(error instanceof PathError)) throw error
    return { code: 'value.path', ...(property === undefined ? {} : { property }), message: error.message, remedy: 'Write it like payload.items[0].name; put other keys in brackets and quotes.' }
  }
}
