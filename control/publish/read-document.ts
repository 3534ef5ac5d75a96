import type { Problem } from '../../runtime/core/flow.ts'
import { isObject, readPointer, toPointerPart } from '../consumers/json.ts'
import { parseText, TextProblem } from './parse-text.ts'
import { openapiProblem, refuseProblems } from './problems.ts'

/** Of one document's text. */
export const documentLimitBytes = 4 * 1024 * 1024
const depthLimit = 100
/** Aliases of YAML make much of little. */
const valueLimit = 1_000_000

export type Json = Readonly<Record<string, unknown>>

/**
 * The value of a document: bounded in size and depth, without references to other documents. Nothing is fetched, whatever it names.
 * @throws Refused `openapi.invalid` 422
 */
export function readDocument(source: unknown): Json {
  const value = typeof source === 'string' ? readText(source) : source
  if (!isObject(value)) return refuse('', 'This is no OpenAPI document: it must be a mapping that begins with “openapi” or “swagger”.', 'Send the document as JSON or YAML.')
  refuseProblems(walk(value))
  return value
}

function readText(text: string): unknown {
  if (Buffer.byteLength(text) > documentLimitBytes) return refuse('', `The document is larger than ${documentLimitBytes / 1024 / 1024} MiB.`, 'Split it into several APIs.')
  try {
    return parseText(text)
  } catch (thrown) {
    if (!(thrown instanceof TextProblem)) throw thrown
    return refuse('', `The document cannot be read. ${thrown.message}`, thrown.remedy)
  }
}

/** Data that only looks like a part of the document. */
const data: ReadonlySet<string> = new Set(['example', 'examples', 'default', 'enum', 'const', 'value'])

/** Looks at every value once, without recursion: what comes in may be nested as deep as it likes. */
function walk(document: Json): Problem[] {
  const problems: Problem[] = []
  const waiting: { value: object; pointer: string; depth: number }[] = [{ value: document, pointer: '', depth: 1 }]
  for (let at = waiting.pop(), seen = 0; at; at = waiting.pop()) {
    if (++seen > valueLimit) return [openapiProblem('', 'The document holds too many values.', 'Split it into several APIs.')]
    if (at.depth > depthLimit) return [openapiProblem(at.pointer.slice(0, 300), `The document is nested deeper than ${depthLimit} levels.`, 'Move the inner parts to components, and refer to them.')]
    for (const [key, value] of Object.entries(at.value)) {
      const pointer = `${at.pointer}/${toPointerPart(key)}`
      if (key === '__proto__') return [openapiProblem(pointer, 'A key “__proto__” is not taken.', 'Leave it out.')]
      if (key === '$ref' && typeof value === 'string') {
        const problem = checkReference(document, value, pointer)
        if (problem) problems.push(problem)
      } else if (typeof value === 'object' && value !== null && !data.has(key)) waiting.push({ value, pointer, depth: at.depth + 1 })
    }
  }
  return problems.reverse()
}

function checkReference(document: Json, reference: string, pointer: string): Problem | undefined {
  const shown = reference.slice(0, 200)
  if (!reference.startsWith('#')) return openapiProblem(pointer, `“${shown}” refers to another document, and none is ever fetched.`, 'Bundle everything into one document first.')
  // Anchors and the like matter to schemas only, which a flow does not look at.
  if (reference !== '#' && !reference.startsWith('#/')) return undefined
  if (find(document, reference) === undefined) return openapiProblem(pointer, `“${shown}” is not in the document.`, 'Add what it refers to, or mend the reference.')
  return undefined
}

/** What a reference inside the document leads to (RFC 6901 §6); `undefined` when nothing is there. */
export function find(document: Json, reference: string): unknown {
  try {
    return readPointer(document, decodeURIComponent(reference.slice(1)))
  } catch {
    return undefined
  }
}

function refuse(pointer: string, message: string, remedy: string): never {
  refuseProblems([openapiProblem(pointer, message, remedy)])
  throw new Error('unreachable')
}
