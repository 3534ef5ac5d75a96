import { Body } from '../../core/http/body.ts'
import { ByteStream } from '../../core/http/byte-stream.ts'
import { hidden } from '../../core/secrets/secret-forms.ts'
import { secretLimitBytes } from '../../core/secrets/secret-reference.ts'
import type { Hiding } from './hiding.ts'

/** What one message may show. */
export interface ShowLimits {
  readonly values: number
  readonly characters: number
  readonly textCharacters: number
  readonly depth: number
}

export const messageLimits: ShowLimits = { values: 2000, characters: 48 * 1024, textCharacters: 4000, depth: 16 }
/** No secret is written longer: each byte as three characters. */
const longestSecret = 3 * secretLimitBytes
/** Of bodies that a case is made of. */
export const bodyLimitBytes = 256 * 1024
/** What a body may show that is kept whole. */
export const bodyLimits: ShowLimits = { values: Infinity, characters: 4 * bodyLimitBytes, textCharacters: Infinity, depth: 100 }

/** A value that JSON can hold, without secrets and not endless; what is left out is said in its place. */
export function show(value: unknown, hiding: Hiding, limits: ShowLimits = messageLimits): unknown {
  let values = 0
  let characters = 0
  const within = new Set<object>()

  function text(given: string): string {
    const rest = Math.min(limits.textCharacters, limits.characters - characters)
    // Cut after hiding: a secret that lies across the cut would leave its beginning.
    const clean = hiding.text(given.length > rest + longestSecret ? given.slice(0, rest + longestSecret) : given)
    const shown = clean.length > rest ? `${clean.slice(0, Math.max(0, rest))}… [${given.length} characters]` : clean
    characters += shown.length
    return shown
  }

  function walk(given: unknown, depth: number): unknown {
    if (++values > limits.values || characters >= limits.characters) return '[more]'
    switch (typeof given) {
      case 'string':
        return text(given)
      case 'number':
        return Number.isFinite(given) ? given : String(given)
      case 'boolean':
      case 'undefined':
        return given
      case 'bigint':
        return `${given}n`
      case 'object':
        return given === null ? null : inside(given, depth)
      default:
        return `[${typeof given}]`
    }
  }

  function inside(given: object, depth: number): unknown {
    if (given instanceof Body) return walk(ofBody(given), depth)
    if (given instanceof Uint8Array) return `[${given.byteLength} bytes]`
    if (given instanceof ByteStream) return `[stream${given.contentType === undefined ? '' : ` of ${text(given.contentType)}`}]`
    if (given instanceof Date) return Number.isNaN(given.getTime()) ? '[no date]' : given.toISOString()
    if (given instanceof Error) return { name: given.name, message: text(given.message) }
    if (depth >= limits.depth || within.has(given)) return within.has(given) ? '[circular]' : '[deeper]'
    within.add(given)
    try {
      if (Array.isArray(given)) {
        const list: unknown[] = []
        for (const [index, one] of given.entries()) {
          if (values >= limits.values || characters >= limits.characters) {
            list.push(`[${given.length - index} more]`)
            break
          }
          list.push(walk(one, depth + 1))
        }
        return list
      }
      return record(given, depth)
    } finally {
      within.delete(given)
    }
  }

  function record(given: object, depth: number): unknown {
    const prototype: unknown = Object.getPrototypeOf(given)
    const plain = prototype === Object.prototype || prototype === null
    if (!plain && typeof (given as { toJSON?: unknown }).toJSON !== 'function') return `[${(given.constructor as { name?: string } | undefined)?.name ?? 'object'}]`
    const source = plain ? given : (given as { toJSON(): unknown }).toJSON()
    if (!plain) return typeof source === 'object' && source !== null && !Array.isArray(source) ? entries(source, depth) : walk(source, depth + 1)
    return entries(source as object, depth)
  }

  function entries(source: object, depth: number): Record<string, unknown> {
    const shown: Record<string, unknown> = {}
    for (const [name, one] of Object.entries(source)) {
      if (values >= limits.values || characters >= limits.characters) {
        shown['…'] = '[more]'
        break
      }
      characters += name.length
      const value = hiding.isSecret(name) && one !== undefined && one !== null ? hidden : walk(one, depth + 1)
      Object.defineProperty(shown, name, { value, enumerable: true, configurable: true, writable: true })
    }
    return shown
  }

  return walk(value, 0)
}

/** A message: the request is said once for the run, and the mark of the answer says nothing. */
export function showMessage(message: Readonly<Record<string, unknown>>, request: unknown, hiding: Hiding): unknown {
  const { req, res, ...rest } = message
  return show({ ...rest, ...(req === undefined ? {} : { req: isRequest(req, request) ? '[request]' : req }), ...(res === undefined ? {} : { res: '[response]' }) }, hiding)
}

function isRequest(req: unknown, request: unknown): boolean {
  // A masked one is an object of a class as well; what a flow made itself is shown.
  return req === request || (typeof req === 'object' && req !== null && Object.getPrototypeOf(req) !== Object.prototype && !Array.isArray(req))
}

/** What a body shows of itself: parsed when it is small or was parsed anyway, never by force when it is large. */
function ofBody(body: Body): unknown {
  const raw = body.raw()
  const size = raw.length
  if (!body.parsed && size > bodyLimitBytes) return `[${size} bytes, not parsed]`
  try {
    return body.value()
  } catch {
    return body.text().slice(0, 4000)
  }
}
