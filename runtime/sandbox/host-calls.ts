import type { Context, Contexts } from '../core/state/context.ts'
import { decodeValue, encodeValue } from './frames.ts'
import { urlCall } from './url-call.ts'

/** What guest code may ask the host for while it runs. Every answer is text. */
export interface HostCalls {
  readonly contexts: Contexts
  env(name: string): unknown
  /** The `run` scope of the call that asks. */
  runContext(call: number): Context | undefined
  /** The call is about to change what stands under the key. */
  changes(call: number, context: Context, key: string): void
}

/**
 * One question of a function's context: `env name`, `url …`, `context scope op key value call`.
 * An error is answered as `!` and its text: a thrown one would carry the host's stack into the guest.
 */
export function answer(host: HostCalls, question: readonly unknown[]): string | undefined {
  try {
    return tryAnswer(host, question)
  } catch (error) {
    return `!${error instanceof Error ? error.message : String(error)}`
  }
}

function tryAnswer(host: HostCalls, question: readonly unknown[]): string | undefined {
  const [op, a, b, c, d, e] = question
  switch (op) {
    case 'env':
      return encodeValue(host.env(String(a)))
    case 'url':
      return urlCall(String(a), String(b), c === undefined ? undefined : String(c), d === undefined ? undefined : String(d))
    case 'context':
      return inContext(host, Number(e), scopeOf(host, String(a), Number(e)), String(b), String(c), d === undefined ? undefined : String(d))
    default:
      return undefined
  }
}

export function scopeOf(host: HostCalls, scope: string, call: number): Context {
  if (scope === 'run') {
    const context = host.runContext(call)
    if (!context) throw new Error('There is no run here: the run scope belongs to a message')
    return context
  }
  if (scope === 'node' || scope === 'flow' || scope === 'global') return host.contexts[scope]
  throw new Error('There is no such context')
}

function inContext(host: HostCalls, call: number, context: Context, op: string, key: string, value: string | undefined): string {
  switch (op) {
    case 'get':
      return encodeValue(context.get(key))
    case 'set':
      host.changes(call, context, key)
      context.set(key, decodeValue(value ?? 'U'))
      return 'U'
    case 'keys':
      return encodeValue(context.keys())
    case 'increment':
      host.changes(call, context, key)
      return encodeValue(context.increment(key, Number(decodeValue(value ?? 'U'))))
    default:
      throw new Error('There is no such operation')
  }
}
