import { fault } from '../fault.ts'
import type { NodeProblem } from '../node.ts'
import { ignoreCase } from './regex-ignore-case.ts'

/**
 * A regular expression that a user typed, run on V8's linear-time engine (the `l` flag) and never on the
 * backtracking one, within limits of time and output. It is not a RegExp on purpose: a RegExp's own
 * methods know no limits.
 */
export interface LinearRegex {
  readonly source: string
  /** @throws Fault `step.config` when the text is too long for the pattern */
  test(text: string): boolean
  /**
   * Every match replaced; `$1 $& $<name> $$` mean what they mean to `String.replace`, except that the
   * text around the match is not available.
   * @throws Fault `step.config`, `script.timeout`
   */
  replaceAll(text: string, replacement: string): string
}

const sourceLimit = 1_000
/** Characters of text times characters of pattern: about 100 ms of the linear engine at its slowest. */
const workLimit = 5_000_000
const timeLimitMs = 100
const outputLimit = 32 * 1024 * 1024

/**
 * Compiles a pattern. `i`, `m` and `s` are taken as flags; `i` is compiled away, as the engine lacks it.
 * @throws SyntaxError for a malformed pattern; {@link NotLinearError} for look-ahead, back-references and
 * large counted repetitions; Error when the process lacks the flag of `runtime/node-flags.mjs`
 */
export function compileLinear(source: string, flags: string = ''): LinearRegex {
  const regex = toLinearRegExp(source, flags)
  // V8 unrolls counted repetitions up to 16 times.
  const weight = Math.max(1, source.length) * (/\{\d/.test(source) ? 16 : 1)
  const guard = (text: string) => {
    if (text.length * weight <= workLimit) return
    throw fault('step.config', { message: `The text has ${text.length} characters, too many for the regular expression ${regex.source}. Match a smaller part of the message.` })
  }
  return {
    source,
    test(text) {
      guard(text)
      regex.lastIndex = 0
      return regex.test(text)
    },
    replaceAll(text, replacement) {
      guard(text)
      const until = performance.now() + timeLimitMs
      let out = ''
      let from = 0
      regex.lastIndex = 0
      for (let match = regex.exec(text); match !== null; match = regex.exec(text)) {
        out += text.slice(from, match.index) + expand(replacement, match)
        from = match.index + match[0].length
        if (match[0] === '') regex.lastIndex += 1
        // One match is linear in the text, all matches together are not.
        if (performance.now() > until) throw fault('script.timeout', { limitMs: timeLimitMs })
        if (out.length > outputLimit) throw fault('step.config', { message: `Replacing makes a text of more than ${outputLimit} characters.` })
      }
      return out + text.slice(from)
    },
  }
}

/** Every occurrence of a plain text replaced, with the same `$` patterns and the same limit of output. */
export function replaceAllPlain(text: string, search: string, replacement: string): string {
  if (search === '' || !text.includes(search)) return text
  const pieces = text.split(search)
  const by = expand(replacement, [search])
  if (text.length + (pieces.length - 1) * by.length > outputLimit)
    throw fault('step.config', { message: `Replacing makes a text of more than ${outputLimit} characters.` })
  return pieces.join(by)
}

/** What is wrong with a pattern a user typed, for the deploy. */
export function checkLinear(source: string, flags: string = '', property?: string): NodeProblem | undefined {
  const at = property === undefined ? {} : { property }
  try {
    toLinearRegExp(source, flags)
    return undefined
  } catch (error) {
    if (error instanceof NotLinearError) {
      return {
        code: 'regex.not_linear',
        ...at,
        message: error.message,
        remedy: 'Write it without look-ahead, back-references and repetitions such as {0,1000}, or use a function node, where any regular expression runs under a time limit.',
      }
    }
    if (!(error instanceof SyntaxError)) throw error
    return { code: 'regex.syntax', ...at, message: `The regular expression does not compile: ${error.message}.`, remedy: 'Correct the regular expression.' }
  }
}

/** The pattern is a regular expression, but not one that runs in linear time. */
export class NotLinearError extends Error {
  override readonly name = 'NotLinearError'
}

/** The pattern as a RegExp with the flags `g` and `l`. For whoever needs a RegExp as a value. */
export function toLinearRegExp(source: string, flags: string = ''): RegExp {
  if (source.length > sourceLimit) throw new NotLinearError(`The regular expression is longer than ${sourceLimit} characters.`)
  const wanted = [...new Set(flags)].filter((flag) => flag === 'm' || flag === 's').join('')
  // Says what is wrong with the user's own text, not with the rewritten one.
  const plain = new RegExp(source, flags.includes('i') ? `${wanted}i` : wanted)
  try {
    return new RegExp(flags.includes('i') ? ignoreCase(plain.source) : plain.source, `${wanted}gl`)
  } catch (error) {
    if (!canRunLinear()) throw new Error('This process runs without --enable-experimental-regexp-engine; start it with the flags of runtime/node-flags.mjs.', { cause: error })
    throw new NotLinearError(`The regular expression /${source}/ cannot run in linear time.`, { cause: error })
  }
}

function canRunLinear(): boolean {
  try {
    return new RegExp('', 'l').flags === 'l'
  } catch {
    return false
  }
}

/** `$$ $& $1 $12 $<name>` of ECMAScript's GetSubstitution; the parts around the match are left out on purpose: they multiply the text. */
function expand(replacement: string, match: { readonly [index: number]: string | undefined; readonly length: number; readonly groups?: Readonly<Record<string, string>> | undefined }): string {
  if (!replacement.includes('$')) return replacement
  return replacement.replace(/\$(?:\$|&|(\d\d?)|<([^>]*)>)/g, (whole, digits?: string, name?: string) => {
    if (whole === '$$') return '$'
    if (whole === '$&') return match[0] ?? ''
    if (name !== undefined) return match.groups === undefined ? whole : (match.groups[name] ?? '')
    const number = Number(digits)
    if (number > 0 && number < match.length) return match[number] ?? ''
    const first = Number(digits?.[0])
    if (digits?.length === 2 && first > 0 && first < match.length) return (match[first] ?? '') + digits[1]
    return whole
  })
}
