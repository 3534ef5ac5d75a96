import { hash } from 'node:crypto'
import { Body } from '../../runtime/core/http/body.ts'
import { BoundedMap } from '../../runtime/core/bounded-map.ts'
import { freezeDeep } from '../../runtime/core/values/freeze.ts'
import type { Message } from '../../runtime/core/message.ts'
import type { Scope } from '../../runtime/core/node.ts'
import type { Run } from '../../runtime/core/run.ts'
import { compileTypedValue } from '../../runtime/core/values/typed-value.ts'

/** Values one node keeps; the oldest are forgotten. */
const mostValues = 1000

interface Kept {
  readonly value: unknown
  readonly untilMs: number
}

/** What branches gave when they last worked, in the memory of this gateway. */
export interface LastGood {
  /** What the values of this request go by; hashed, as it may hold a secret. */
  keyOf(message: Message, run: Run): string | Promise<string>
  /** Keeps a value, and gives it back frozen, as it is shared from now on. */
  keep(key: string, branch: string, value: unknown): unknown
  get(key: string, branch: string): Kept | undefined
}

export interface LastGoodConfig {
  readonly lastGoodKey: string
  readonly lastGoodKeyType: string
  readonly lastGoodShared: boolean
  readonly lastGoodSeconds: number
}

export async function createLastGood(config: LastGoodConfig, scope: Scope): Promise<LastGood> {
  const kept = new BoundedMap<Kept>(mostValues)
  const own = config.lastGoodKey === '' ? undefined : await compileTypedValue(config.lastGoodKey, config.lastGoodKeyType, scope)
  const lifeMs = config.lastGoodSeconds * 1000

  function toKey(message: Message, run: Run, part: unknown): string {
    const caller = config.lastGoodShared ? [] : callerOf(message, run)
    return hash('sha256', JSON.stringify([run.environment, caller, own ? ['own', part] : requestOf(message, run)]) ?? '', 'base64url')
  }

  return {
    keyOf(message, run) {
      const part = own?.evaluate(message, run)
      return part instanceof Promise ? part.then((known: unknown) => toKey(message, run, known)) : toKey(message, run, part)
    },
    keep(key, branch, value) {
      const shared = freezeDeep(value)
      kept.set(`${key}/${branch}`, { value: shared, untilMs: scope.clock.now() + lifeMs })
      return shared
    },
    get(key, branch) {
      const found = kept.get(`${key}/${branch}`)
      return found && found.untilMs > scope.clock.now() ? found : undefined
    },
  }
}

/** Headers that say nothing of who calls. Any other may be what an upstream tells its users by. */
const neutral: ReadonlySet<string> = new Set([
  'host', 'connection', 'keep-alive', 'user-agent', 'accept', 'accept-encoding', 'content-length', 'content-type', 'date', 'expect', 'te', 'transfer-encoding',
  'cache-control', 'pragma', 'if-none-match', 'if-modified-since', 'traceparent', 'tracestate', 'x-request-id', 'x-request-deadline', 'x-forwarded-for', 'via',
])

function callerOf({ client }: Message, { request }: Run): unknown {
  const { application, id } = (client ?? {}) as { application?: unknown; id?: unknown }
  const headers = Object.entries(request?.headers ?? {}).filter(([name]) => !neutral.has(name))
  return [application, id, headers.toSorted(([a], [b]) => (a < b ? -1 : 1))]
}

function requestOf({ payload }: Message, { request, flow }: Run): unknown {
  const content = payload instanceof Body ? hash('sha256', payload.bytes(), 'base64url') : payload instanceof Uint8Array ? hash('sha256', payload, 'base64url') : payload
  return [flow, request?.method, request?.originalUrl, content]
}
