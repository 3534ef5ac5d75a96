import { createHash } from 'node:crypto'
import { Body } from '../core/http/body.ts'
import type { Clock } from '../core/time/clock.ts'
import { fault, type Fault } from '../core/fault.ts'
import type { Message } from '../core/message.ts'
import type { Run } from '../core/run.ts'
import type { Evaluate, ExpressionHost } from '../core/sandbox.ts'
import { JsonataSyntaxError, parseJsonata } from '../core/syntax/jsonata-tree.ts'
import { toLabels, type Narrow } from './analyse.ts'
import type { CpuTime } from './cpu-time.ts'
import { decodeValue, encodeMessage, encodeValue } from './frames.ts'
import { limitOf, type Enter, type Guest } from './guest.ts'
import type { Lane } from './lane.ts'
import { blameOf, isLarge, limitFault, type Blame, type Limit, type Limits } from './limits.ts'
import { needsJsonata, parsePath } from './path-expression.ts'
import type { OwnerPool } from './pool.ts'
import { starvedTries, wholeShare, type SideEntries } from './side-entry.ts'

export interface ExpressionParts {
  readonly clock: Clock
  readonly limits: Limits
  readonly cpu: CpuTime
  readonly sideEntries: SideEntries
  poolOf(owner: string): OwnerPool
  readonly timeoutMs: number
  readonly heapMb: number
  readonly inputLimitBytes: number
}

export interface Expressions {
  overMessage(text: string, host: ExpressionHost): Evaluate<unknown>
  overValue(text: string, host: ExpressionHost): (input: unknown, run: Run, bindings?: Record<string, unknown>) => unknown
}

const servingMs = 20

/**
 * JSONata inside the isolates, loaded once in each. An expression of plain paths and literals is
 * evaluated in the host; everything else enters alone: on a thread of its own until it has shown to be
 * fast, then on the serving thread under 20 ms. It changes nothing, so one that the machine starved begins again.
 */
export function createExpressions(parts: ExpressionParts): Expressions {
  const { clock, limits } = parts
  const hosts = new Map<string, ExpressionHost>()
  const guestHost = (...question: (string | number | undefined)[]): string | undefined => {
    try {
      const host = hosts.get(String(question[1]))
      if (!host) return 'U'
      if (question[0] === 'env') return encodeValue(host.env(String(question[2])))
      return encodeValue(host.contexts[question[2] === 'flow' ? 'flow' : 'global'].get(String(question[3])))
    } catch (error) {
      return `!${error instanceof Error ? error.message : String(error)}`
    }
  }
  let count = 0

  function prepare(text: string, host: ExpressionHost) {
    checkSyntax(text)
    const id = `${++count}` // a new deployment has its own contexts and environment
    hosts.set(id, host)
    const key = `${host.owner}\n${host.id}\n${createHash('sha256').update(text).digest('base64url')}`
    const history = limits.of(key)
    const pool = parts.poolOf(host.owner)
    let home: Lane | undefined
    let ready: { guest: Guest; enter: Enter } | undefined
    let readying = false

    function getReady(): void {
      if (readying || (ready && !ready.guest.dead)) return
      readying = true
      const guest = pool.syncGuest()
      guest.expressions(guestHost).then(
        (enter) => {
          ready = { guest, enter }
          readying = false
        },
        () => {
          readying = false
        },
      )
    }

    function laneFor(large: boolean): Lane {
      if (large) return pool.largeLane()
      if (limits.alone(history)) return pool.ownLane(key)
      if (!home || home.guest.dead) home = pool.lane()
      return home
    }

    function hit(limit: Limit, limitMs: number, blame: Blame): Fault {
      const made = limitFault(limit, { limitMs, limitMb: parts.heapMb }, blame)
      if (blame === 'script') limits.hit(history, { id: host.id, owner: host.owner, last: made.code as 'script.timeout' | 'script.memory' })
      ready = undefined
      home = undefined
      return made
    }

    function evaluate(input: string, bindings: string, kind: string): unknown {
      const refused = limits.refusal(history)
      if (refused) throw refused
      if (input.length > parts.inputLimitBytes) {
        throw fault('script.input_too_large', { bytes: Buffer.byteLength(input), limitBytes: parts.inputLimitBytes })
      }
      const large = isLarge(input)
      if (!large && limits.trusted(history)) {
        if (ready && !ready.guest.dead) return here(ready, input, bindings, kind)
        getReady()
      }
      return aside(input, bindings, kind, large)
    }

    function here(at: { guest: Guest; enter: Enter }, input: string, bindings: string, kind: string): unknown {
      const cpuBefore = parts.cpu.ofServing()
      let result: string
      try {
        at.enter.applySync(undefined, ['start', id, text, input, bindings, kind], { timeout: servingMs })
        result = at.enter.applySync(undefined, ['take'], { timeout: servingMs }) as string
      } catch (error) {
        const limit = limitOf(at.guest, error)
        // An expression only reads: whenever it was not given its time it may begin again.
        if (limit === 'timeout' && parts.cpu.ofServing() - cpuBefore < servingMs * wholeShare) return aside(input, bindings, kind, false)
        throw limit ? hit(limit, servingMs, 'script') : error
      }
      return read(result)
    }

    function aside(input: string, bindings: string, kind: string, large: boolean, tries = 0): Promise<unknown> {
      return new Promise((resolve, reject) => {
        let began = 0
        const entry = parts.sideEntries(parts.timeoutMs)
        laneFor(large).add({
          wallMs: entry.wallMs * 2, // it enters twice
          refusal: () => limits.refusal(history),
          async enter(guest) {
            const enter = await guest.expressions(guestHost)
            began = clock.elapsed()
            return entry.run(guest, async (timeout) => {
              await enter.apply(undefined, ['start', id, text, input, bindings, kind], timeout)
              return (await enter.apply(undefined, ['take'], timeout)) as string
            })
          },
          done(result) {
            if (entry.overdrawn()) return reject(hit('timeout', parts.timeoutMs, blameOf(large, false)))
            limits.took(history, clock.elapsed() - began)
            try {
              resolve(read(result))
            } catch (error) {
              reject(error)
            }
          },
          failed(limit, error) {
            const starved = limit === 'timeout' && entry.starved()
            if (starved && tries < starvedTries) aside(input, bindings, kind, large, tries + 1).then(resolve, reject)
            else reject(limit ? hit(limit, parts.timeoutMs, blameOf(large, starved)) : error)
          },
          again() {
            aside(input, bindings, kind, large).then(resolve, reject)
          },
        })
      })
    }

    return evaluate
  }

  return {
    overMessage(text, host) {
      const path = parsePath(text)
      // Node-RED's older form of expressions speaks of `msg.payload` rather than `payload`
      const legacy = /(^|[^a-zA-Z0-9_'".])msg([^a-zA-Z0-9_'"]|$)/.test(text)
      const evaluate = prepare(legacy ? `(${text})` : text, host)
      if (legacy) return (message) => evaluate(encodeValue({ msg: plain(message) }), '', 'value')
      const narrow = fieldsOf(text)
      return (message) => {
        const value = path ? guard(() => path(message)) : needsJsonata
        return value === needsJsonata ? evaluate(encodeMessage(message, narrow), '', 'message') : value
      }
    },
    overValue(text, host) {
      const path = parsePath(text)
      const evaluate = prepare(text, host)
      return (input, _run, bindings) => {
        const value = path ? guard(() => path(input)) : needsJsonata
        if (value !== needsJsonata) return value
        const raw = input instanceof Body ? input.jsonText() : undefined
        const given = bindings && Object.keys(bindings).length > 0 ? encodeValue(bindings) : ''
        return raw === undefined ? evaluate(encodeValue(plainValue(input)), given, 'value') : evaluate(raw, given, 'raw')
      }
    },
  }
}

function checkSyntax(text: string): void {
  try {
    parseJsonata(text)
  } catch (error) {
    if (!(error instanceof JsonataSyntaxError)) throw error
    const before = text.slice(0, error.position ?? 0)
    const line = before.split('\n').length
    throw fault('script.syntax', { message: error.message, line, column: Math.max(1, before.length - before.lastIndexOf('\n') - 1) }, error)
  }
}

function read(result: string): unknown {
  switch (result[0]) {
    case 'E':
      throw fault('expression.error', { message: result.slice(1) })
    case 'B':
      throw fault('body.malformed', { type: 'JSON', reason: result.slice(1) })
    case undefined:
      throw fault('expression.error', { message: 'the expression did not come to an end' })
    default:
      return decodeValue(result)
  }
}

/** Host-side evaluation parses a body itself: a malformed one is the caller's fault, not the expression's. */
function guard<T>(evaluate: () => T): T {
  try {
    return evaluate()
  } catch (error) {
    throw error instanceof SyntaxError ? fault('body.malformed', { type: 'JSON', reason: error.message }, error) : error
  }
}

const plainValue = (value: unknown): unknown => (value instanceof Body ? guard(() => value.value()) : value)
const plain = (message: Message): Record<string, unknown> =>
  Object.fromEntries(Object.entries(message).map(([name, value]) => [name, plainValue(value)]))

/**
 * The message's fields an expression can see: every word of its text, when nothing in it can take the
 * message whole (a bare `$`, wildcards, functions that fall back on the context). Undefined: all fields.
 */
function fieldsOf(text: string): Narrow | undefined {
  const calls = text.replaceAll(/(\$(now|millis|random)|function)\s*\(\s*\)/g, '')
  if (/\$(?![A-Za-z_])|\*|%|\(\s*\)|\$(eval|each|sift|lookup)\b|\\/.test(calls)) return undefined
  const seen = new Set([...text.matchAll(/[\p{L}\p{N}_]+/gu), ...text.matchAll(/`([^`]*)`/g)].map((match) => match[1] ?? match[0]))
  return { seen: [...seen], labels: toLabels(seen), writes: [] }
}
