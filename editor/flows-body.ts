import { parseJson } from '../runtime/core/values/json-depth.ts'

/** The flows of a body whose text is kept, with the place where each of them ends: at its comma, the last at the bracket. */
interface Kept {
  readonly bytes: Buffer
  /** Behind the bracket that opens the list, and at the one that closes it. */
  readonly from: number
  readonly to: number
  readonly ends: Uint32Array
  readonly flows: readonly unknown[]
}

/** Text that may hold secrets as they were typed: it is not kept. */
const secret = /"(credentials|cred)"/
const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const closing = 0x5d
const blockBytes = 64 * 1024

/**
 * Reads deploys, `{"flows": […], …}` or the bare list. A deploy holds the whole estate and mostly repeats the one
 * before: what lies between the first and the last byte that differ is parsed, and what stays the same are the same
 * objects again, so that everything behind can tell by identity. The values are shared; nobody may change them.
 */
export function createFlowsReader() {
  let kept: Kept | undefined

  /** @throws SyntaxError when it is not JSON, or is nested too deep */
  return function read(bytes: Buffer): unknown {
    const before = kept
    kept = undefined
    const again = before && readAgain(bytes, before)
    if (again) {
      kept = again.kept
      return again.body
    }
    const text = bytes.toString('utf8')
    const body = text === '' ? undefined : parseJson(text, bytes)
    // Finding the ends takes a while, and nobody waits for it.
    if (!secret.test(text)) setImmediate(() => (kept ??= keep(bytes, body)))
    return body
  }
}

function readAgain(bytes: Buffer, before: Kept): { body: unknown; kept: Kept | undefined } | undefined {
  const { from } = before
  const to = bytes.lastIndexOf(closing)
  if (to < from || !bytes.subarray(0, from).equals(before.bytes.subarray(0, from))) return undefined
  const rest = bytes.toString('utf8', to)
  // A second list of the same name would win, however its name is written.
  if (rest.includes('\\') || rest.includes('"flows"')) return undefined
  const was = before.bytes.subarray(from, before.to)
  const is = bytes.subarray(from, to)
  const head = sameAtStart(was, is)
  const tail = sameAtEnd(was, is, Math.min(was.length, is.length) - head)
  // Only with the comma beside it is it certain where one of them ends or begins.
  let first = before.ends.findIndex((end) => end >= from + head)
  if (first === -1 || first === before.ends.length) first = before.ends.length - 1
  let last = before.ends.length
  while (last > first + 1 && (before.ends[last - 2] as number) >= before.to - tail) last--
  const shift = to - before.to
  const start = first === 0 ? from : (before.ends[first - 1] as number) + 1
  const end = last === before.ends.length ? to : (before.ends[last - 1] as number) + shift
  const text = bytes.toString('utf8', start, end)
  try {
    const body = parseJson(before.bytes.toString('utf8', 0, from) + rest) as unknown[] | { flows: unknown[] }
    const fresh = parseJson(`[${text}]`) as unknown[]
    if (fresh.length === 0) return undefined // a comma too many, or the last of all is gone
    const flows = [...before.flows.slice(0, first), ...fresh, ...before.flows.slice(last)]
    const whole = Array.isArray(body) ? flows : { ...body, flows }
    const ends = endsOf(bytes, start, end)
    if (ends.length !== fresh.length || secret.test(text) || secret.test(rest)) return { body: whole, kept: undefined }
    const all = new Uint32Array(flows.length)
    all.set(before.ends.subarray(0, first))
    all.set(ends, first)
    for (let index = last; index < before.ends.length; index++) all[index - last + first + ends.length] = (before.ends[index] as number) + shift
    return { body: whole, kept: { bytes, from, to, ends: all, flows } }
  } catch {
    return undefined // read as a whole it says what is wrong
  }
}

/** What a first reading leaves for the next; `undefined` when the text has another shape than editors write. */
function keep(bytes: Buffer, body: unknown): Kept | undefined {
  const flows = Array.isArray(body) ? (body as unknown[]) : (body as { flows?: unknown } | undefined)?.flows
  if (!Array.isArray(flows) || flows.length === 0) return undefined
  const head = /^\s*(?:\{\s*"flows"\s*:\s*)?\[/.exec(bytes.toString('latin1', 0, 100))?.[0]
  const to = bytes.lastIndexOf(closing)
  if (head === undefined || head.includes('{') === Array.isArray(body)) return undefined
  const rest = bytes.toString('utf8', to)
  if (rest.includes('[') || rest.includes('\\') || rest.includes('"flows"')) return undefined
  const ends = endsOf(bytes, head.length, to)
  return ends.length === flows.length ? { bytes, from: head.length, to, ends: Uint32Array.from(ends), flows } : undefined
}

/** Where the values of a list end that is known to be JSON: at their commas, the last at `to`. */
function endsOf(bytes: Buffer, from: number, to: number): number[] {
  const ends: number[] = []
  let depth = 0
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    if (byte === quote) {
      at++
      while (bytes[at] !== quote && at < to) at += bytes[at] === backslash ? 2 : 1
    } else if (byte === 0x7b || byte === 0x5b) depth++
    else if (byte === 0x7d || byte === closing) depth--
    else if (byte === comma && depth === 0) ends.push(at)
  }
  ends.push(to)
  return ends
}

function sameAtStart(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length)
  let same = 0
  while (same < length && a.subarray(same, Math.min(same + blockBytes, length)).equals(b.subarray(same, Math.min(same + blockBytes, length)))) same += blockBytes
  while (same < length && a[same] === b[same]) same++
  return Math.min(same, length)
}

function sameAtEnd(a: Buffer, b: Buffer, longest: number): number {
  let same = 0
  const block = (of: Buffer) => of.subarray(of.length - Math.min(same + blockBytes, longest), of.length - same)
  while (same < longest && block(a).equals(block(b))) same += blockBytes
  while (same < longest && a[a.length - 1 - same] === b[b.length - 1 - same]) same++
  return Math.min(same, longest)
}
