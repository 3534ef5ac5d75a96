import { Body, resolve } from '../../../runtime/core/http/body.ts'
import type { CacheValue } from '../../../runtime/core/state/cache.ts'
import { fault } from '../../../runtime/core/fault.ts'
import { freezeDeep } from '../../../runtime/core/values/freeze.ts'
import { PassesOnce } from '../../../runtime/core/http/passes-once.ts'

interface Head {
  readonly v: 1
  readonly as: 'json' | 'text' | 'bytes' | 'body'
  readonly type?: string
}

/**
 * A value of a message as a cache keeps it. A body that nobody has parsed stays so.
 * @throws Fault `cache.value` for what has no form outside this process
 */
export function toCacheValue(value: unknown): CacheValue {
  if (value instanceof Body) {
    const raw = value.raw()
    return of({ v: 1, as: 'body', ...(value.contentType === undefined ? {} : { type: value.contentType }) }, typeof raw === 'string' ? raw : Buffer.from(raw))
  }
  if (value instanceof PassesOnce) throw fault('cache.value', { reason: 'a stream is not held, and has one reader' })
  if (value instanceof Uint8Array) return of({ v: 1, as: 'bytes' }, Buffer.from(value))
  if (typeof value === 'string') return of({ v: 1, as: 'text' }, value)
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') throw fault('cache.value', { reason: `a ${typeof value} has no form that can be kept` })
  try {
    return of({ v: 1, as: 'json' }, JSON.stringify(value ?? null))
  } catch (error) {
    throw fault('cache.value', { reason: (error as Error).message }, error)
  }
}

/** Gives values of one cache back: the same value as long as the cache gives the same, deep-frozen because it is shared. */
export function createValueReader(): (kept: CacheValue) => unknown {
  const seen = new WeakMap<CacheValue, unknown>()
  return (kept) => {
    if (seen.has(kept)) return seen.get(kept)
    const value = read(kept)
    // Bytes cannot be frozen: everyone gets their own.
    if (!(value instanceof Uint8Array)) seen.set(kept, value)
    return value
  }
}

/** True for what says that there is nothing. */
export function isNothing(value: unknown): boolean {
  const plain = value instanceof Body && value.isJson && value.raw().length <= 4 ? resolve(value) : value
  return plain === undefined || plain === null
}

function of(head: Head, body: Buffer | string): CacheValue {
  return { head: JSON.stringify(head), body }
}

function read({ head, body = '' }: CacheValue): unknown {
  const { as, type } = JSON.parse(head) as Head
  if (as === 'text') return String(body)
  if (as === 'json') return freezeDeep(JSON.parse(String(body)))
  const bytes = Buffer.from(body as Buffer)
  if (as === 'bytes') return bytes
  if (type !== undefined && /[/+]json\b/i.test(type)) return Body.ofJsonBytes(bytes, type).share()
  return Body.ofBytes(bytes, type, type !== undefined && /^text\/|[/+]xml\b/i.test(type) ? (raw) => raw.toString('utf8') : (raw) => Buffer.from(raw))
}
