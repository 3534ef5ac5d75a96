import type { RunSummary } from '../core/deployment.ts'
import type { LineWriter } from './line-writer.ts'

/**
 * Writes run lines as JSON by hand, byte by byte: the keys are known, and joining and encoding a string for each
 * run costs more than many a flow. What is the same for all runs of an entry is made once.
 */
export function createRunLines(to: LineWriter, now: () => number): (summary: RunSummary) => void {
  const heads = new Map<string, Head>()
  const time = createTime(now)
  let summary!: RunSummary
  let head!: string

  function fill(into: Buffer, start: number): number {
    const { run, status, tookMs, waitedMs, fault } = summary
    let at = put(into, start, status !== undefined && status >= 500 ? errorLead : infoLead)
    at = time(into, at)
    at = putQuoted(into, at, run)
    at += into.write(head, at, 'latin1')
    at = putThousandths(into, at, tookMs)
    if (status !== undefined) at = putInteger(into, put(into, at, statusKey), status)
    if (waitedMs !== undefined) at = putThousandths(into, put(into, at, waitKey), waitedMs)
    if (fault !== undefined) at = putQuoted(into, put(into, at, faultKey), fault)
    into[at] = 0x7d
    into[at + 1] = 0x0a
    return at + 2
  }

  return (given) => {
    summary = given
    head = headOf(heads, given)
    to.writeBytes(fixedBytes + head.length + 6 * (given.run.length + (given.fault?.length ?? 0)), fill)
  }
}

/** What all runs of an entry have in common, for entries without marks. */
interface Head {
  readonly revision: string
  readonly release: number
  readonly method: string | undefined
  readonly route: string | undefined
  readonly text: string
}

const mostHeads = 50_000

/** The bytes that the lines of an entry's runs have in common, one character each: a string lies in one piece, a buffer in three. */
function headOf(heads: Map<string, Head>, summary: RunSummary): string {
  const { release, method, marks } = summary
  if (marks === undefined) return unmarkedHead(heads, summary)
  // Of one entry only these two change.
  if (marks.lineHead === undefined || marks.lineRelease !== release || marks.lineMethod !== method) {
    marks.lineRelease = release
    marks.lineMethod = method
    marks.lineHead = makeHead(summary)
  }
  return marks.lineHead
}

function unmarkedHead(heads: Map<string, Head>, summary: RunSummary): string {
  const { node, revision, release, method, route } = summary
  const known = heads.get(node)
  if (known && known.revision === revision && known.release === release && known.method === method && known.route === route) return known.text
  if (heads.size > mostHeads) heads.clear()
  const text = makeHead(summary)
  heads.set(node, { revision, release, method, route, text })
  return text
}

function makeHead({ flow, node, revision, release, on, method, route }: RunSummary): string {
  const facts = JSON.stringify({ flow, node, revision, release, on, method, route })
  return Buffer.from(`,${facts.slice(1, -1)},"tookMs":`).toString('latin1')
}

const infoLead = Buffer.from('{"level":"info","time":"')
const errorLead = Buffer.from('{"level":"error","time":"')
const statusKey = Buffer.from(',"status":')
const faultKey = Buffer.from(',"fault":')
/** Milliseconds. */
const waitKey = Buffer.from(',"queue.wait":')
const runKey = 'Z","run":'
/** More than everything in a line that is no head, run id or fault, the longest numbers included. */
const fixedBytes = 256

/** Writes the time with its milliseconds and the key that follows; all but the milliseconds is made once a second. */
function createTime(now: () => number): (into: Buffer, at: number) => number {
  let second = Number.NaN
  let text = Buffer.alloc(0)
  return (into, at) => {
    const ms = now()
    const whole = Math.floor(ms / 1000)
    if (whole !== second) {
      second = whole
      text = Buffer.from(`${new Date(whole * 1000).toISOString().slice(0, 20)}000${runKey}`)
    }
    put(into, at, text)
    putThree(into, at + text.length - runKey.length - 3, ms - whole * 1000)
    return at + text.length
  }
}

function put(into: Buffer, at: number, bytes: Buffer): number {
  into.set(bytes, at)
  return at + bytes.length
}

/** A JSON string. Ids and codes need no escaping; whatever does goes through JSON.stringify. */
function putQuoted(into: Buffer, start: number, text: string): number {
  let at = start
  into[at++] = 0x22
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return start + into.write(JSON.stringify(text), start)
    into[at++] = code
  }
  into[at++] = 0x22
  return at
}

/** A duration in milliseconds, to the microsecond. */
function putThousandths(into: Buffer, at: number, ms: number): number {
  const thousandths = Math.round(ms * 1000)
  const whole = Math.floor(thousandths / 1000)
  const point = putInteger(into, at, whole)
  into[point] = 0x2e
  return putThree(into, point + 1, thousandths - whole * 1000)
}

function putThree(into: Buffer, at: number, n: number): number {
  into[at] = 0x30 + Math.floor(n / 100)
  into[at + 1] = 0x30 + (Math.floor(n / 10) % 10)
  into[at + 2] = 0x30 + (n % 10)
  return at + 3
}

function putInteger(into: Buffer, start: number, n: number): number {
  let digits = 1
  for (let rest = n; rest >= 10; rest = Math.floor(rest / 10)) digits++
  for (let at = start + digits - 1, rest = n; at >= start; at--, rest = Math.floor(rest / 10)) into[at] = 0x30 + (rest % 10)
  return start + digits
}
